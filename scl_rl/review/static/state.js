/* What the reviewer decided, in the form of the review file; kept in the browser; with undo. */

import { page } from "./data.js";

const KEY = `scl-rl review ${page.fingerprint}`;
const MOST_UNDO = 500;
const notes = new Map(); // index → note of the review file
const undone = [];
const redone = [];
const listeners = [];
const indexOf = new Map(page.notes.map((note, index) => [note.id, index]));

/** Where the reviewer is, and what was last saved. */
export const now = { note: 0, code: 0, stored: true, unsaved: false };
export const about = { reviewer: "", started: null, shortcuts: true };

export function onChange(listener) {
  listeners.push(listener);
}

function tell(index) {
  for (const listener of listeners) listener(index);
}

function fresh(index) {
  const note = page.notes[index];
  return {
    id: note.id,
    done: false,
    seconds: 0,
    codes: note.codes.map((code) => ({
      code: code.code,
      proposed: code.code,
      source: code.source,
      verdict: null,
      mentions: code.mentions.map((mention) => ({
        fragments: mention.fragments,
        source: code.source,
        verdict: null,
        alone: null,
      })),
      comment: "",
      at: null,
    })),
  };
}

export function noteAt(index) {
  if (!notes.has(index)) notes.set(index, fresh(index));
  return notes.get(index);
}

export function current() {
  return noteAt(now.note);
}

/** Whether a code, or any of its words, is still to be decided. */
export function isUndecided(code) {
  if (code.verdict === "wrong") return false;
  return code.verdict === null || code.mentions.some((mention) => mention.verdict === null);
}

export function undecidedIn(index) {
  return noteAt(index).codes.filter(isUndecided).length;
}

/** Change the current note; what it was before can be had back. */
export function change(doing, edit) {
  const note = current();
  undone.push({ index: now.note, code: now.code, doing, before: JSON.stringify(note) });
  if (undone.length > MOST_UNDO) undone.shift();
  redone.length = 0;
  edit(note);
  keep(now.note);
  tell(now.note);
}

function keep(index) {
  about.started ||= new Date().toISOString();
  now.unsaved = true;
  store(index);
}

function swap(from, to) {
  const step = from.pop();
  if (!step) return null;
  to.push({ ...step, before: JSON.stringify(noteAt(step.index)) });
  const seconds = noteAt(step.index).seconds;
  notes.set(step.index, { ...JSON.parse(step.before), seconds });
  keep(step.index);
  return step;
}

/** Take the last change back; returns it (`index` and `code` say where, `doing` what), or null. Draws nothing. */
export function undo() {
  return swap(undone, redone);
}

export function redo() {
  return swap(redone, undone);
}

/** Time at work on the current note; it can't be undone. */
export function addSeconds(seconds) {
  current().seconds += seconds;
  store(now.note);
}

function store(index) {
  try {
    localStorage.setItem(KEY, JSON.stringify(about));
    localStorage.setItem(`${KEY} ${page.notes[index].id}`, JSON.stringify(noteAt(index)));
    now.stored = true;
  } catch {
    now.stored = false; // no room, or the browser keeps nothing for this page
  }
}

export function storeAbout() {
  try {
    localStorage.setItem(KEY, JSON.stringify(about));
  } catch {
    now.stored = false;
  }
}

/** Take up what this browser has kept. */
export function restore() {
  try {
    Object.assign(about, JSON.parse(localStorage.getItem(KEY) || "{}"));
    page.notes.forEach((note, index) => {
      const kept = localStorage.getItem(`${KEY} ${note.id}`);
      if (kept) notes.set(index, JSON.parse(kept));
    });
  } catch {
    now.stored = false;
  }
}

/** Remove what this browser has kept of this review. */
export function forget() {
  for (const name of Object.keys(localStorage)) {
    if (name === KEY || name.startsWith(`${KEY} `)) localStorage.removeItem(name);
  }
}

function worked(note) {
  return note.done || note.seconds > 0 || note.codes.some((code) => code.at || code.comment);
}

/** The review file. */
export function asFile() {
  const order = [...notes.keys()].sort((a, b) => a - b);
  return {
    format: page.format,
    fingerprint: page.fingerprint,
    reviewer: about.reviewer,
    started: about.started,
    saved: new Date().toISOString(),
    sample: page.sample,
    notes: order.map(noteAt).filter(worked),
  };
}

/** Take over a review file; its notes replace ours. Throws an Error that says what is wrong. */
export function takeFile(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error("The file is not JSON.");
  }
  if (file === null || file.format !== page.format || !Array.isArray(file.notes)) {
    throw new Error("The file is no review file of this version.");
  }
  if (file.fingerprint !== page.fingerprint) {
    throw new Error("The file is a review of other notes or other predictions.");
  }
  about.reviewer = about.reviewer || file.reviewer;
  about.started = [about.started, file.started].filter(Boolean).sort()[0] || null;
  const known = file.notes.filter((note) => indexOf.has(note.id) && Array.isArray(note.codes));
  for (const note of known) {
    notes.set(indexOf.get(note.id), note);
    keep(indexOf.get(note.id));
    tell(indexOf.get(note.id));
  }
  return known.length;
}
