/* Files: the review saved and loaded, and what is exported from it. */

import { byId, count, say } from "./dom.js";
import { page } from "./data.js";
import { about, asFile, now, takeFile } from "./state.js";
import { reviewDiff, reviewPairs, reviewedDocuments } from "./export.js";

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

const EXPORTS = {
  reviewed: [reviewedDocuments, "reviewed note", "No note is done yet."],
  pairs: [reviewPairs, "preference pair", "No pair yet: a note gives one if it is done, something in it is corrected, and its codes have words."],
  diff: [reviewDiff, "note", "No note is done yet."],
};

/** Write what the review gives: `reviewed` documents, `pairs` or a `diff`, as JSON Lines. */
export function exportAs(kind) {
  const [make, noun, none] = EXPORTS[kind];
  const records = make();
  if (!records.length) {
    say(none);
    return;
  }
  download(`${page.name}.${kind}.jsonl`, records.map((record) => `${JSON.stringify(record)}\n`).join(""), "application/jsonl");
  say(`${count(records.length, noun)} exported.`);
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
