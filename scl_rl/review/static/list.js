/* The list of notes, and how far the review is. */

import { byId, count, el } from "./dom.js";
import { page } from "./data.js";
import { current, noteAt, now, undecidedIn } from "./state.js";

/** Draw what is said of the note and of all notes. */
export function drawHead() {
  const done = page.notes.filter((_, index) => noteAt(index).done).length;
  byId("note-heading").textContent = page.notes[now.note].id;
  byId("note-state").textContent = `note ${now.note + 1} of ${page.notes.length}${current().done ? ", done" : ""}`;
  byId("progress").value = done;
  byId("progress-text").textContent = `${done} of ${count(page.notes.length, "note")} done`;
  byId("done").textContent = current().done ? "Reopen note" : "Note done";
  byId("kept").textContent = now.stored ? "Kept in this browser." : "This browser keeps nothing: save a file before you close the page.";
}

/** Draw how far one note is. */
export function drawListed(index) {
  const note = noteAt(index);
  const item = byId("notes").children[index].firstChild;
  const open = undecidedIn(index);
  item.classList.toggle("done", note.done);
  item.lastChild.textContent = note.done ? "done" : open ? `${open} open` : "decided";
}

/** Draw the list of notes; `goTo` opens one. */
export function drawList(goTo) {
  byId("notes").replaceChildren(
    ...page.notes.map((note, index) =>
      el("li", {}, el("button", { type: "button", on: { click: () => goTo(index) } }, el("span", { class: "name" }, note.id), " ", el("span", { class: "left" }))),
    ),
  );
  page.notes.forEach((_, index) => drawListed(index));
}

/** Mark the current note in the list, and bring it into view. */
export function markCurrent() {
  byId("notes").querySelector("[aria-current]")?.removeAttribute("aria-current");
  const item = byId("notes").children[now.note].firstChild;
  item.setAttribute("aria-current", "true");
  item.scrollIntoView({ block: "nearest" });
}
