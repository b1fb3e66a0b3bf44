/* The page as a whole: what is drawn when, which keys do what. */

import { byId, el, say } from "./dom.js";
import { page, readTable } from "./data.js";
import { about, addSeconds, current, forget, noteAt, now, onChange, redo, restore, storeAbout, undo } from "./state.js";
import { accept, addCode, addWords, changeCode, comment, judgeAlone, judgeWords, markDone, nextUndecided, reject, rightCodeWrongWords, useGold } from "./decide.js";
import { drawNote, reveal } from "./note.js";
import { addPart, choosingBar, chooseWords, chosenText, find, forgetChosen, isChoosing, leave, moveBy, takeSelection, takeWords } from "./select.js";
import { drawCards } from "./cards.js";
import { drawHead, drawList, drawListed, markCurrent } from "./list.js";
import { askForCode, bindSearch } from "./search.js";
import { drawSummary } from "./summary.js";
import { exportAs, loadReview, saveReview } from "./files.js";

const IDLE = 60; // seconds without a key or a click after which time no longer counts
let lastInput = performance.now();
let placeOf = 0; // which of the words' other places was shown last

const commands = {
  accept: then(accept),
  reject: then(reject),
  wrongWords: () => {
    rightCodeWrongWords();
    commands.move();
  },
  change: () => withCode((code) => askForCode(`Change ${code.code} to`, "", changeCode)),
  move: () => withCode((code) => chooseWords(`Words for ${code.code}`, (fragments) => {
      addWords(fragments);
      selectCode(now.code);
    })),
  add: () => chooseWords("Words for a code that is missing", (fragments) => askForCode("Add a code for these words", chosenText(), (code) => {
    addCode(code, fragments);
    selectCode(now.code);
  })),
  gold: then(useGold),
  comment: () => withCode((code) => openComment(code)),
  judge: judgeWords,
  alone: judgeAlone,
  select: selectCode,
  next: () => selectCode(now.code + 1),
  previous: () => selectCode(now.code - 1),
  nextNote: () => goTo(now.note + 1),
  previousNote: () => goTo(now.note - 1),
  open: goToOpen,
  done: () => {
    if (markDone()) nextToDo();
  },
  undo: () => stepBack("Undone", undo),
  redo: () => stepBack("Done again", redo),
  places: showPlace,
  find: () => {
    byId("find").showModal();
    byId("find-text").select();
  },
  summary: () => {
    drawSummary((index) => {
      byId("summary").close();
      goTo(index);
    });
    byId("summary").showModal();
  },
  save: saveReview,
  help: () => byId("help").showModal(),
};

const KEYS = {
  a: "accept", x: "reject", w: "wrongWords", c: "change", m: "move", n: "add", g: "gold", t: "comment",
  j: "next", ArrowDown: "next", k: "previous", ArrowUp: "previous", l: "nextNote", h: "previousNote",
  ".": "open", d: "done", z: "undo", y: "redo", o: "places", "/": "find", s: "summary", "?": "help",
};

function then(action) {
  return () => action();
}

function withCode(action) {
  const code = current().codes[now.code];
  if (code) action(code);
  else say("This note has no code; press N to add one.");
}

function draw() {
  drawNote();
  drawCards(commands);
  drawHead();
}

function goTo(index, code = 0) {
  if (index < 0 || index >= page.notes.length) {
    say(index < 0 ? "This is the first note." : "This is the last note.");
    return;
  }
  now.note = index;
  forgetChosen();
  markCurrent();
  selectCode(code);
  say(`${page.notes[index].id}, ${byId("codes-state").textContent}.`);
}

function selectCode(at) {
  now.code = Math.max(0, Math.min(at, current().codes.length - 1));
  placeOf = 0;
  draw();
  reveal("active");
  const head = byId("codes").children[now.code]?.firstChild;
  head?.focus({ preventScroll: true });
  head?.scrollIntoView({ block: "nearest" });
}

function goToOpen() {
  const found = nextUndecided();
  if (!found) say("All codes are decided.");
  else if (found[0] === now.note) selectCode(found[1]);
  else goTo(...found);
}

/** After a note is done: the next one that is not, or the summary. */
function nextToDo() {
  for (let step = 1; step < page.notes.length; step++) {
    const index = (now.note + step) % page.notes.length;
    if (!noteAt(index).done) {
      goTo(index);
      return;
    }
  }
  commands.summary();
}

/** Undo or redo, on the note where it happened. */
function stepBack(doing, step) {
  const taken = step();
  if (taken) {
    drawListed(taken.index);
    if (taken.index === now.note) selectCode(taken.code);
    else goTo(taken.index, taken.code);
  }
  say(`${doing}: ${taken ? taken.doing : "nothing"}.`);
}

/** Bring the next place where the selected code's words stand into view. */
function showPlace() {
  const marks = [...byId("text").querySelectorAll("mark.active, mark.place, mark.gold")];
  if (!marks.length) {
    say("These words stand nowhere.");
    return;
  }
  placeOf = (placeOf + 1) % marks.length;
  marks[placeOf].scrollIntoView({ block: "center" });
  marks.forEach((mark, number) => mark.classList.toggle("shown", number === placeOf));
  say(`Place ${placeOf + 1} of ${marks.length}.`);
}

function openComment(code) {
  byId("comment-heading").textContent = `Comment on ${code.code}`;
  byId("comment-text").value = code.comment;
  byId("comment").showModal();
}

function choosingKey(event) {
  if (event.key === "Enter") takeWords();
  else if (event.key === "Escape") {
    leave();
    selectCode(now.code);
    say("No words taken.");
  } else if (event.key === "f") addPart();
  else if (!moveBy(event.key, event.shiftKey)) return false;
  return true;
}

function onKey(event) {
  lastInput = performance.now();
  const typing = event.target.matches("input, textarea, select") || document.querySelector("dialog[open]");
  if (typing || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    const command = { z: event.shiftKey ? "redo" : "undo", y: "redo", s: "save" }[event.key.toLowerCase()];
    if (command) {
      event.preventDefault();
      commands[command]();
    }
    return;
  }
  if (isChoosing() && choosingKey(event)) {
    event.preventDefault();
    return;
  }
  const number = "123456789".indexOf(event.key);
  const scrolls = event.key.startsWith("Arrow") && event.target.id === "text";
  if (!about.shortcuts || scrolls) return;
  if (event.key === "q") commands.alone(0);
  else if (number >= 0) cycleWords(number);
  else if (KEYS[event.key]) commands[KEYS[event.key]]();
  else return;
  event.preventDefault();
}

/** Right words, wrong words, open, in turn. */
function cycleWords(number) {
  const mention = current().codes[now.code]?.mentions[number];
  if (!mention) return;
  const order = mention.fragments ? [null, "right", "wrong"] : [null, "wrong"];
  judgeWords(number, order[(order.indexOf(mention.verdict) + 1) % order.length]);
}

function bind() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", () => (lastInput = performance.now()));
  byId("text").addEventListener("pointerup", () => setTimeout(takeSelection));
  byId("text").addEventListener("click", (event) => {
    const codes = event.target.closest("mark")?.dataset.codes;
    if (codes && !isChoosing()) {
      const all = codes.split(" ").map(Number);
      selectCode(all[(all.indexOf(now.code) + 1) % all.length]); // of overlapping marks the next one
    }
  });
  const click = (id, command) => byId(id).addEventListener("click", command);
  for (const name of ["add", "open", "done", "undo", "redo", "save"]) click(name, commands[name]);
  click("summary-open", commands.summary);
  click("help-open", commands.help);
  click("save-2", commands.save);
  click("load", () => byId("file").click());
  click("forget", () => {
    forget();
    now.unsaved = false;
    location.reload();
  });
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (file) loadReview(file, () => goTo(now.note, now.code));
    event.target.value = "";
  });
  byId("reviewer").addEventListener("input", (event) => {
    about.reviewer = event.target.value;
    storeAbout();
  });
  byId("shortcuts").addEventListener("change", (event) => {
    about.shortcuts = event.target.checked;
    storeAbout();
  });
  byId("comment-form").addEventListener("submit", () => comment(byId("comment-text").value.trim()));
  byId("find-form").addEventListener("submit", () => {
    if (!find(byId("find-text").value)) say("Not found.");
  });
  for (const button of document.querySelectorAll("button.export")) {
    button.addEventListener("click", () => exportAs(button.dataset.kind));
  }
  for (const button of document.querySelectorAll("dialog .close")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  addEventListener("beforeunload", (event) => {
    if (now.unsaved && !now.stored) event.preventDefault();
  });
  setInterval(() => {
    if (document.visibilityState === "visible" && performance.now() - lastInput < 1000 * IDLE) addSeconds(1);
  }, 1000);
}

function start() {
  restore();
  byId("note-area").prepend(
    choosingBar([
      el("button", { type: "button", on: { click: () => (isChoosing() ? commands.move() : null) } }, "Words for the selected code"),
      el("button", { type: "button", on: { click: commands.add } }, "New code"),
      el("button", { type: "button", on: { click: addPart } }, "Another part ", el("kbd", { "aria-hidden": "true" }, "f")),
      el("button", { type: "button", on: { click: leave } }, "Cancel"),
    ]),
  );
  byId("reviewer").value = about.reviewer;
  byId("shortcuts").checked = about.shortcuts;
  byId("progress").max = page.notes.length;
  drawList(goTo);
  onChange((index) => {
    drawListed(index);
    if (index === now.note) draw();
  });
  bindSearch();
  bind();
  goTo(Math.max(0, page.notes.findIndex((_, index) => !noteAt(index).done)));
  document.body.dataset.ready = "yes";
  setTimeout(() => readTable().then(draw)); // with the titles of codes that were added before
}

start();
