/* Choosing words of the note, with the mouse or word by word with the keyboard. Places are UTF-16 units. */

import { byId, count, el, say } from "./dom.js";
import { offsetsOf, page } from "./data.js";
import { current, now } from "./state.js";
import { drawNote, reveal, selectedUnits, unitUnder } from "./note.js";

const WORD = /[\p{L}\p{M}\p{N}_]+/gu;
let words = []; // [start, end] of each word of the note
let ranges = []; // parts that are chosen already
let anchor = -1; // the word where the present part begins
let head = -1; // the word where it ends, which moves
let purpose = null; // {name, take(fragments)}, or null if words are chosen for nothing yet

export function isChoosing() {
  return head >= 0 || ranges.length > 0;
}

function readWords() {
  words = [...page.notes[now.note].text.matchAll(WORD)].map((match) => [match.index, match.index + match[0].length]);
}

function part() {
  if (head < 0) return [];
  const [first, last] = anchor <= head ? [anchor, head] : [head, anchor];
  return [[words[first][0], words[last][1]]];
}

/** The chosen parts in the order of the text, overlapping ones as one, in code points. */
function chosen() {
  const sorted = [...ranges, ...part()].sort((a, b) => a[0] - b[0]);
  const joined = [];
  for (const [start, end] of sorted) {
    const last = joined[joined.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  const places = offsetsOf(now.note);
  return joined.map(([start, end]) => [places.toPoints(start), places.toPoints(end)]);
}

function draw() {
  drawNote([...ranges, ...part()]);
  reveal("chosen");
  const bar = byId("choosing");
  bar.hidden = !isChoosing();
  const text = page.notes[now.note].text;
  byId("chosen-words").textContent = [...ranges, ...part()].map(([s, e]) => text.slice(s, e)).join(" … ");
  byId("choosing-for").textContent = purpose ? purpose.name : "Selected";
}

/** Choose words for something, from the keyboard; words that are selected already are taken at once. */
export function chooseWords(name, take) {
  purpose = { name, take };
  if (isChoosing()) {
    takeWords();
    return;
  }
  readWords();
  if (!words.length) {
    say("This note has no words.");
    purpose = null;
    return;
  }
  const active = current().codes[now.code]?.mentions.find((mention) => mention.fragments);
  const from = active ? offsetsOf(now.note).toUnits(active.fragments[0][0]) : firstInView();
  anchor = head = Math.max(0, words.findIndex(([, end]) => end > from));
  draw();
  byId("text").focus({ preventScroll: true });
  say(`${name}: arrow keys move by words, Shift extends, F adds a part, slash finds, Enter takes, Escape leaves. ${spoken()}`);
}

function firstInView() {
  const area = byId("text").getBoundingClientRect();
  return unitUnder(area.left + 12, area.top + 12) || 0;
}

function spoken() {
  const text = page.notes[now.note].text;
  return part()
    .map(([start, end]) => text.slice(start, end))
    .join("");
}

/** Take the mouse's selection, its ends moved to whole words. */
export function takeSelection() {
  const units = selectedUnits();
  if (!units) return;
  readWords();
  const touched = words.findIndex(([, end]) => end > units[0]);
  let last = touched;
  while (last + 1 < words.length && words[last + 1][0] < units[1]) last++;
  document.getSelection().removeAllRanges();
  if (touched < 0 || words[touched][0] >= units[1]) return;
  if (head >= 0 && purpose === null) ranges.push(...part());
  anchor = touched;
  head = last;
  draw();
  say(`Selected: ${spoken()}.`);
}

export function addPart() {
  if (head < 0) return;
  ranges.push(...part());
  anchor = head = Math.min(head + 1, words.length - 1);
  draw();
  say(`${count(ranges.length, "part")} chosen. Choose another one.`);
}

export function takeWords() {
  if (!isChoosing() || !purpose) return;
  const { take } = purpose;
  const fragments = chosen();
  leave();
  take(fragments);
}

/** Stop choosing. */
export function leave() {
  forgetChosen();
  draw();
}

/** Stop choosing, for a caller who draws the note anyway. */
export function forgetChosen() {
  ranges = [];
  anchor = head = -1;
  purpose = null;
  byId("choosing").hidden = true;
}

export function chosenText() {
  return byId("chosen-words").textContent;
}

/** Find words after the place where we are; returns whether they are there. */
export function find(query) {
  const text = page.notes[now.note].text.toLowerCase();
  const wanted = query.toLowerCase();
  if (!wanted.trim()) return false;
  readWords();
  const from = head >= 0 ? words[head][0] + 1 : 0;
  const at = [text.indexOf(wanted, from), text.indexOf(wanted)].find((place) => place >= 0);
  if (at === undefined) return false;
  anchor = words.findIndex(([, end]) => end > at);
  if (anchor < 0) return false;
  head = anchor;
  while (head + 1 < words.length && words[head + 1][0] < at + wanted.length) head++;
  draw();
  return true;
}

/** Move by one word, one line or to an end; returns whether the key was one of ours. */
export function moveBy(key, extend) {
  if (head < 0) return false;
  const to = { ArrowRight: head + 1, ArrowLeft: head - 1, Home: 0, End: words.length - 1 }[key] ?? lineFrom(key);
  if (to === null) return false;
  head = Math.max(0, Math.min(words.length - 1, to));
  if (!extend) anchor = head;
  draw();
  say(spoken());
  return true;
}

/** The word above or below. */
function lineFrom(key) {
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const marked = [...byId("text").querySelectorAll("mark.chosen")].pop();
  const box = marked.getClientRects()[0];
  const height = parseFloat(getComputedStyle(byId("text")).lineHeight);
  const unit = unitUnder(box.left + 2, box.top + box.height / 2 + (key === "ArrowUp" ? -height : height));
  if (unit === null) return head + (key === "ArrowUp" ? -8 : 8); // out of view
  const found = words.findIndex(([, end]) => end >= unit);
  return found < 0 ? words.length - 1 : found;
}

/** The words' bar. */
export function choosingBar(buttons) {
  return el(
    "div",
    { id: "choosing", hidden: true, role: "group", "aria-label": "Chosen words" },
    el("p", {}, el("b", { id: "choosing-for" }), " ", el("q", { id: "chosen-words" })),
    buttons,
  );
}
