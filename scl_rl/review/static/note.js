/* The text of the note with its marks. Places are code points outside of this file, UTF-16 units in it. */

import { byId, el } from "./dom.js";
import { offsetsOf, page } from "./data.js";
import { current, now } from "./state.js";

let drawn = { note: -1, pieces: [] }; // what is shown

/** How a code stands, in a word for its colour. */
export function standing(code) {
  if (code.verdict === null) return "open";
  if (code.verdict === "wrong") return "wrong";
  if (code.verdict === "changed") return "changed";
  return code.proposed === null ? "added" : "right";
}

/** Everything that is marked: {start, end, kinds, code}, in units. */
function marks(selected) {
  const places = offsetsOf(now.note);
  const found = [];
  const add = (fragments, kinds, code) => {
    for (const [start, end] of fragments || []) {
      found.push({ start: places.toUnits(start), end: places.toUnits(end), kinds, code });
    }
  };
  current().codes.forEach((code, at) => {
    const active = at === now.code ? ["active"] : [];
    const shown = page.notes[now.note].codes[at];
    code.mentions.forEach((mention, number) => {
      const wrong = mention.verdict === "wrong" ? "wrong" : standing(code);
      add(mention.fragments, ["words", wrong, ...active], at);
      if (at === now.code && shown && shown.mentions[number]) {
        for (const place of shown.mentions[number].places) add(place, ["place"], at);
      }
    });
    if (at === now.code && shown) for (const mention of shown.gold) add(mention, ["gold"], at);
  });
  for (const [start, end] of selected) found.push({ start, end, kinds: ["chosen"], code: null });
  return found;
}

/**
 * Draw the note. The text is cut where any mark begins or ends, so that marks may overlap.
 * `selected`: ranges that are being chosen, in units.
 */
export function drawNote(selected = []) {
  const text = page.notes[now.note].text;
  const found = marks(selected);
  const cuts = [...new Set([0, text.length, ...found.flatMap((mark) => [mark.start, mark.end])])];
  cuts.sort((a, b) => a - b);
  const starting = new Map();
  for (const mark of found) {
    if (!starting.has(mark.start)) starting.set(mark.start, []);
    starting.get(mark.start).push(mark);
  }
  const pieces = [];
  let open = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    open = open.filter((mark) => mark.end > cuts[i]).concat(starting.get(cuts[i]) || []);
    pieces.push(piece(text.slice(cuts[i], cuts[i + 1]), open));
  }
  show(pieces);
}

/** Put pieces in place of those shown. Most keys change a few: the others stay, so that the text isn't laid out anew. */
function show(pieces) {
  const area = byId("text");
  if (drawn.note !== now.note) {
    area.replaceChildren();
    area.scrollTop = 0;
    drawn = { note: now.note, pieces: [] };
  }
  const before = drawn.pieces;
  const alike = (one, other) => one && other && one.words === other.words && Boolean(one.marked) === Boolean(other.marked);
  let first = 0;
  while (alike(before[first], pieces[first])) first++;
  let last = 0;
  const most = Math.min(before.length, pieces.length) - first;
  while (last < most && alike(before[before.length - 1 - last], pieces[pieces.length - 1 - last])) last++;
  const keep = (from, to) => {
    to.node = from.node;
    if (!to.marked) return;
    for (const [name, value] of Object.entries(to.marked)) if (from.marked[name] !== value) to.node.setAttribute(name, value);
  };
  for (let at = 0; at < first; at++) keep(before[at], pieces[at]);
  for (let at = 1; at <= last; at++) keep(before[before.length - at], pieces[pieces.length - at]);
  for (const gone of before.slice(first, before.length - last)) gone.node.remove();
  const fresh = pieces.slice(first, pieces.length - last);
  for (const one of fresh) one.node = one.marked ? el("mark", one.marked, one.words) : document.createTextNode(one.words);
  const after = pieces[pieces.length - last]?.node || null;
  const made = document.createDocumentFragment();
  made.append(...fresh.map((one) => one.node));
  area.insertBefore(made, after);
  drawn.pieces = pieces;
}

/** A piece of the text: its words, and the attributes of its mark, or null if it has none. */
function piece(words, open) {
  if (!open.length) return { words, marked: null };
  const codes = [...new Set(open.map((mark) => mark.code).filter((code) => code !== null))];
  const kinds = new Set(open.flatMap((mark) => mark.kinds));
  if (["right", "added", "changed", "open"].some((kind) => kinds.has(kind))) kinds.delete("wrong");
  const names = codes.map((code) => current().codes[code].code).join(", ");
  const classes = [...kinds, codes.length > 1 ? "several" : ""].join(" ").trim();
  return { words, marked: { class: classes, title: names, "data-codes": codes.join(" ") } };
}

/** Bring the marks of a kind into view. */
export function reveal(kind) {
  const mark = byId("text").querySelector(`mark.${kind}`);
  if (!mark) return;
  const area = byId("text").getBoundingClientRect();
  const place = mark.getBoundingClientRect();
  if (place.top < area.top + 20 || place.bottom > area.bottom - 20) mark.scrollIntoView({ block: "center" });
}

/** The place in the note, in units, of a point in the page's tree; null outside of it. */
function unitAt(node, offset) {
  const area = byId("text");
  if (!area.contains(node)) return null;
  const before = document.createRange();
  before.selectNodeContents(area);
  before.setEnd(node, offset);
  return before.toString().length;
}

/** What is selected with the mouse, in units, or null. */
export function selectedUnits() {
  const selection = document.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const start = unitAt(range.startContainer, range.startOffset);
  const end = unitAt(range.endContainer, range.endOffset);
  return start === null || end === null || start === end ? null : [start, end];
}

/** The place of the text under a point of the window, in units, or null. */
export function unitUnder(x, y) {
  if (document.caretPositionFromPoint) {
    const place = document.caretPositionFromPoint(x, y);
    return place && unitAt(place.offsetNode, place.offset);
  }
  const range = document.caretRangeFromPoint(x, y);
  return range && unitAt(range.startContainer, range.startOffset);
}
