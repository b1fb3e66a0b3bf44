/* Saving and loading the review, and what it gives to train on. */

import { byId, count, say } from "./dom.js";
import { page } from "./data.js";
import { about, asFile, noteAt, now, takeFile } from "./state.js";

function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Save the review file; false if the reviewer has no name yet. */
export function saveReview() {
  if (!about.reviewer.trim()) {
    byId("reviewer").focus();
    say("Write your name first: several reviewers are told apart by it.");
    return false;
  }
  const name = about.reviewer.trim().replace(/[^\p{L}\p{N}_-]+/gu, "-");
  download(`${page.name}.${name}.review.json`, `${JSON.stringify(asFile(), null, 1)}\n`, "application/json");
  now.unsaved = false;
  say("Review file saved.");
  return true;
}

/** The finished notes with the codes that were kept, as documents.jsonl. */
export function reviewedDocuments() {
  const lines = [];
  page.notes.forEach((shown, index) => {
    const note = noteAt(index);
    if (!note.done) return;
    const codes = new Map();
    for (const code of note.codes) {
      if (code.verdict !== "right" && code.verdict !== "changed") continue;
      const mentions = code.mentions.filter((one) => one.verdict !== "wrong" && one.fragments).map((one) => one.fragments);
      if (!codes.has(code.code)) codes.set(code.code, []);
      const known = codes.get(code.code);
      for (const mention of mentions) {
        if (!known.some((one) => JSON.stringify(one) === JSON.stringify(mention))) known.push(mention);
      }
    }
    const annotations = [...codes].map(([code, mentions]) => ({
      code,
      system: page.systems[code] || page.system,
      mentions: mentions.length ? mentions : null,
    }));
    lines.push(JSON.stringify({ id: shown.id, text: shown.text, annotations }));
  });
  return lines;
}

export function exportDocuments() {
  const lines = reviewedDocuments();
  if (!lines.length) {
    say("No note is done yet.");
    return;
  }
  download(`${page.name}.reviewed.jsonl`, lines.map((line) => `${line}\n`).join(""), "application/jsonl");
  say(`${count(lines.length, "reviewed note")} exported.`);
}

/** Read a review file that the reviewer chose; `then` is called when its notes are taken over. */
export async function loadReview(file, then) {
  try {
    const taken = takeFile(await file.text());
    byId("reviewer").value = about.reviewer;
    then();
    say(`${count(taken, "note")} read from ${file.name}.`);
  } catch (error) {
    say(error.message);
    byId("problem").textContent = `${file.name}: ${error.message}`;
  }
}
