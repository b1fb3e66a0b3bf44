/* The dialog in which a code is looked for by its code or the words of its title. */

import { byId, count, el } from "./dom.js";
import { searchCodes } from "./data.js";

const MOST = 50;
const CODE = /^[A-Za-z0-9][A-Za-z0-9.+*/†-]{0,31}$/;
let rows = [];
let at = 0;
let chosen = () => {};

/** Ask for a code; `take` gets it. */
export function askForCode(heading, query, take) {
  chosen = take;
  byId("search-heading").textContent = heading;
  byId("search-input").value = query;
  byId("search").showModal();
  byId("search-input").select();
  draw();
}

function draw() {
  const query = byId("search-input").value;
  rows = searchCodes(query, MOST);
  at = 0;
  const typed = query.trim();
  if (CODE.test(typed) && /\d/.test(typed) && !rows.some((row) => row.code === typed)) {
    rows.push({ code: typed, flags: "", title: "as typed: not in the ICD-10-CM tables" });
  }
  byId("search-results").replaceChildren(...rows.map(option));
  byId("search-state").textContent =
    query.trim().length < 2 ? "Type two characters or more." : rows.length === MOST ? `The first ${MOST} codes.` : count(rows.length, "code");
  mark();
}

function option(row, number) {
  const vague = row.flags.includes("b") ? "not billable" : row.flags.includes("u") ? "unspecified" : "";
  return el(
    "li",
    { id: `option-${number}`, role: "option", on: { mousedown: (event) => event.preventDefault(), click: () => take(number) } },
    el("b", {}, row.code),
    " ",
    row.title,
    vague ? el("i", {}, ` (${vague})`) : null,
  );
}

function mark() {
  [...byId("search-results").children].forEach((made, number) => made.setAttribute("aria-selected", String(number === at)));
  byId("search-results").children[at]?.scrollIntoView({ block: "nearest" });
  const input = byId("search-input");
  if (rows.length) input.setAttribute("aria-activedescendant", `option-${at}`);
  else input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-expanded", String(rows.length > 0));
}

function take(number) {
  if (!rows[number]) return;
  byId("search").close();
  chosen(rows[number].code);
}

export function bindSearch() {
  byId("search-input").addEventListener("input", draw);
  byId("search-input").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) {
      at = Math.max(0, Math.min(rows.length - 1, at + step));
      mark();
      event.preventDefault();
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(at);
    }
  });
}
