/* What the review says so far: counts, over- and under-coding, before and after. */

import { byId, count, el } from "./dom.js";
import { page, titleOf, wordsAt } from "./data.js";
import { noteAt, undecidedIn } from "./state.js";

/** The counts of all finished notes. */
function tally() {
  const found = { done: 0, seconds: 0, proposed: 0, right: 0, wordsWrong: 0, changed: 0, wrong: 0, added: 0, over: new Map(), under: new Map() };
  const add = (codes, code) => codes.set(code, (codes.get(code) || 0) + 1);
  page.notes.forEach((_, index) => {
    const note = noteAt(index);
    if (!note.done) return;
    found.done += 1;
    found.seconds += note.seconds;
    for (const code of note.codes) {
      const kept = code.verdict === "right" || code.verdict === "changed";
      if (code.source === "model") {
        found.proposed += 1;
        found[code.verdict] += 1;
        if (code.verdict === "right" && code.mentions.some((one) => one.source === "model" && one.verdict === "wrong")) found.wordsWrong += 1;
        if (code.verdict !== "right") add(found.over, code.proposed);
        if (code.verdict === "changed") add(found.under, code.code);
      } else if (kept) {
        found.added += 1;
        add(found.under, code.code);
      }
    }
  });
  return found;
}

/** A note before and after: lines of − what went, + what came, ↕ what moved. */
export function differences(index) {
  const lines = [];
  for (const code of noteAt(index).codes) {
    const came = code.verdict === "right" || code.verdict === "changed";
    const said = (fragments) => `“${wordsAt(index, fragments)}”`;
    const now = code.mentions.filter((one) => one.verdict !== "wrong" && one.fragments).map((one) => said(one.fragments));
    const words = now.length ? ` ${now.join("; ")}` : " without words";
    if (code.source === "model" && (code.verdict === "wrong" || code.verdict === "changed")) lines.push(["−", code.proposed]);
    if (code.verdict === "changed" || (came && code.source !== "model")) lines.push(["+", `${code.code}${words}`]);
    if (code.verdict === "right" && code.source === "model" && code.mentions.some((one) => one.verdict === "wrong" || one.source !== "model")) {
      const before = code.mentions.filter((one) => one.source === "model").map((one) => (one.fragments ? said(one.fragments) : "a quote that is not in the note"));
      lines.push(["↕", `${code.code} ${before.join("; ") || "without words"} → ${now.join("; ") || "without words"}`]);
    }
  }
  return lines;
}

function listOf(heading, codes) {
  const rows = [...codes].sort((a, b) => b[1] - a[1]).slice(0, 15);
  return el(
    "section",
    {},
    el("h3", {}, heading),
    rows.length ? el("ul", {}, rows.map(([code, times]) => el("li", {}, el("b", {}, code), ` ${titleOf(code)}: ${times}`))) : el("p", {}, "None."),
  );
}

/** Fill the summary. `go` opens a note. */
export function drawSummary(go) {
  const found = tally();
  const share = found.proposed ? ` (${Math.round((100 * found.right) / found.proposed)}%)` : "";
  const open = page.notes.map((_, index) => index).filter((index) => !noteAt(index).done);
  const changed = page.notes.map((_, index) => [index, differences(index)]).filter(([, lines]) => lines.length);
  byId("summary-body").replaceChildren(
    el("p", {}, `${found.done} of ${count(page.notes.length, "note")} done in ${Math.round(found.seconds / 60)} minutes.`),
    el(
      "p",
      {},
      `Of ${count(found.proposed, "proposed code")} in them, ${found.right} are right${share}, ${found.wordsWrong} of these with wrong words; ` +
        `${found.changed} changed, ${found.wrong} wrong. ${count(found.added, "code")} added.`,
    ),
    el("div", { class: "lists" }, listOf("Over-coding: proposed and not kept", found.over), listOf("Under-coding: kept and not proposed", found.under)),
    el("h3", {}, "Notes that are not done"),
    open.length
      ? el(
          "ul",
          { class: "open-notes" },
          open.slice(0, 100).map((index) => el("li", {}, el("button", { type: "button", on: { click: () => go(index) } }, `${page.notes[index].id}: ${undecidedIn(index)} open`))),
          open.length > 100 ? el("li", {}, `and ${open.length - 100} more`) : null,
        )
      : el("p", {}, "All are done."),
    el("h3", {}, "Before and after"),
    ...(changed.length ? changed.map(([index, lines]) => el("section", {}, el("h4", {}, page.notes[index].id), diffList(lines))) : [el("p", {}, "Nothing is changed.")]),
  );
}

function diffList(lines) {
  const names = { "−": "removed", "+": "added", "↕": "moved" };
  return el("ul", { class: "diff" }, lines.map(([sign, text]) => el("li", { class: names[sign] }, el("b", { "aria-label": names[sign], role: "img" }, sign), " ", text)));
}
