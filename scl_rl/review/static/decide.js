/* The decisions: each is one step that can be undone, and says what it did. */

import { say } from "./dom.js";
import { change, current, now, noteAt, isUndecided } from "./state.js";
import { page } from "./data.js";

function decide(doing, edit) {
  if (!current().codes.length) return;
  change(doing, (note) => {
    const code = note.codes[now.code];
    edit(code);
    code.at = new Date().toISOString();
  });
  const left = current().codes.filter(isUndecided).length;
  say(`${doing}. ${left ? `${left} of ${current().codes.length} still to decide` : "All codes of this note are decided"}.`);
}

function name() {
  const code = current().codes[now.code];
  return code ? code.code : "";
}

/** A quote that is not in the note can't be right. */
function acceptWords(code) {
  for (const mention of code.mentions) mention.verdict ??= mention.fragments ? "right" : "wrong";
}

export function accept() {
  decide(`${name()} accepted`, (code) => {
    if (code.verdict !== "changed") code.verdict = "right";
    acceptWords(code);
  });
}

export function reject() {
  decide(`${name()}: wrong code`, (code) => {
    code.verdict = "wrong";
  });
}

export function rightCodeWrongWords() {
  decide(`${name()}: right code, wrong words`, (code) => {
    if (code.verdict !== "changed") code.verdict = "right";
    for (const mention of code.mentions) mention.verdict = "wrong";
  });
}

/** Right words, another code. */
export function changeCode(to) {
  decide(`${name()} changed to ${to}`, (code) => {
    code.code = to;
    code.verdict = to === code.proposed || code.proposed === null ? "right" : "changed";
    acceptWords(code);
  });
}

export function judgeWords(number, verdict) {
  const mention = current().codes[now.code]?.mentions[number];
  if (!mention) return;
  if (verdict === "right" && !mention.fragments) {
    say("These words are not in the note: they can't be right.");
    return;
  }
  const doing = `${name()}: words ${number + 1} ${verdict || "open"}`;
  decide(doing, (code) => {
    code.mentions[number].verdict = verdict;
  });
}

export function judgeAlone(number) {
  const mention = current().codes[now.code]?.mentions[number];
  if (!mention) return;
  const next = { null: "yes", yes: "no", no: null }[String(mention.alone)];
  decide(`Words ${number + 1} alone imply ${name()}: ${next || "not judged"}`, (code) => {
    code.mentions[number].alone = next;
  });
}

/** Give the selected code these words, in code points. */
export function addWords(fragments, source = "reviewer") {
  decide(`Words added to ${name()}`, (code) => {
    if (code.verdict !== "changed") code.verdict = "right";
    for (const mention of code.mentions) mention.verdict ??= mention.fragments ? "right" : "wrong";
    const same = code.mentions.find((one) => JSON.stringify(one.fragments) === JSON.stringify(fragments));
    if (same) same.verdict = "right";
    else code.mentions.push({ fragments, source, verdict: "right", alone: null });
  });
}

/** Take the gold mentions of the selected code in place of the model's words. */
export function useGold() {
  const shown = page.notes[now.note].codes[now.code];
  if (!shown || !shown.gold.length) {
    say("There are no other gold words for this code.");
    return;
  }
  decide(`${name()}: gold's words taken`, (code) => {
    if (code.verdict !== "changed") code.verdict = "right";
    for (const mention of code.mentions) mention.verdict = "wrong";
    for (const fragments of shown.gold) {
      code.mentions.push({ fragments, source: "gold", verdict: "right", alone: null });
    }
  });
}

export function addCode(to, fragments) {
  const known = current().codes.findIndex((code) => code.code === to);
  if (known >= 0) {
    now.code = known;
    addWords(fragments);
    return;
  }
  change(`${to} added`, (note) => {
    const mention = { fragments, source: "reviewer", verdict: "right", alone: null };
    const at = new Date().toISOString();
    note.codes.push({ code: to, proposed: null, source: "reviewer", verdict: "right", mentions: [mention], comment: "", at });
    now.code = note.codes.length - 1;
  });
  say(`${to} added.`);
}

export function comment(text) {
  const code = current().codes[now.code];
  if (!code || code.comment === text) return;
  change(`Comment on ${code.code}`, (note) => {
    note.codes[now.code].comment = text;
  });
  say("Comment kept.");
}

/** The note is finished, unless something is open; returns whether it is. */
export function markDone() {
  const open = current().codes.findIndex(isUndecided);
  if (open >= 0 && !current().done) {
    now.code = open;
    say(`${current().codes[open].code} is still to decide.`);
    return false;
  }
  const done = !current().done;
  change(done ? "Note done" : "Note reopened", (note) => {
    note.done = done;
  });
  say(done ? "Note done." : "Note reopened.");
  return done;
}

/** Where the next open code is: [note, code], after the current one; null if all is decided. */
export function nextUndecided() {
  for (let step = 0; step <= page.notes.length; step++) {
    const index = (now.note + step) % page.notes.length;
    const from = step === 0 ? now.code + 1 : 0;
    const to = step === page.notes.length ? now.code + 1 : Infinity;
    const found = noteAt(index).codes.findIndex((code, at) => at >= from && at < to && isUndecided(code));
    if (found >= 0) return [index, found];
  }
  return null;
}
