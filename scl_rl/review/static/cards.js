/* The codes of the note, a card each; the selected one is open. */

import { byId, count, el } from "./dom.js";
import { page, titleOf, warningsOf, wordsAt } from "./data.js";
import { current, isUndecided, now } from "./state.js";
import { standing } from "./note.js";

let drawn = []; // the cards as they are shown: {key, node}
const SAID = { open: "open", right: "accepted", wrong: "wrong code", changed: "changed", added: "added" };

/** Draw the cards that changed. `commands` has a listener for every button, by name. What had the focus has it again. */
export function drawCards(commands) {
  const note = current();
  const focused = byId("codes").contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const kept = note.codes.filter((code) => code.verdict !== "wrong").map((code) => code.code);
  const cards = note.codes.map((code, at) => {
    const key = JSON.stringify([now.note, at === now.code ? kept : null, titleOf(code.code), code]);
    return drawn[at]?.key === key ? drawn[at] : { key, node: card(code, at, kept, commands) };
  });
  cards.forEach(({ node }, at) => {
    if (!drawn[at]) byId("codes").append(node);
    else if (drawn[at].node !== node) drawn[at].node.replaceWith(node);
  });
  for (const { node } of drawn.slice(cards.length)) node.remove();
  drawn = cards;
  const open = note.codes.filter(isUndecided).length;
  const malformed = page.notes[now.note].malformed;
  byId("codes-state").textContent = [
    note.codes.length ? `${count(note.codes.length, "code")}, ${open} open` : "The model assigned no code.",
    malformed ? `${count(malformed, "line")} of the answer could not be read` : "",
  ]
    .filter(Boolean)
    .join("; ");
  if (focused) {
    const again = byId("codes").querySelector(`[data-focus="${focused}"]:not(:disabled)`);
    (again || byId("codes").querySelector(".selected .head"))?.focus({ preventScroll: true });
  }
}

function card(code, at, kept, commands) {
  const selected = at === now.code;
  const shown = page.notes[now.note].codes[at];
  const state = isUndecided(code) && code.verdict !== null ? "words open" : SAID[standing(code)];
  const badge = code.verdict === "changed" ? `changed from ${code.proposed}` : state;
  return el(
    "li",
    { class: `card ${standing(code)}${selected ? " selected" : ""}` },
    el(
      "button",
      {
        class: "head",
        type: "button",
        "aria-expanded": String(selected),
        "aria-current": selected ? "true" : null,
        "data-focus": `head ${at}`,
        on: { click: () => commands.select(at) },
      },
      el("span", { class: "code" }, code.code),
      el("span", { class: "title" }, titleOf(code.code) || "no title known"),
      el("span", { class: "badges" }, el("span", { class: `state ${standing(code)}` }, badge), outcome(code, shown)),
    ),
    selected ? body(code, shown, kept, commands) : null,
  );
}

/** What the scorer said of the model's code. */
function outcome(code, shown) {
  if (!shown || !shown.outcome) return null;
  const said = { cited: "cited", missed: "missed by the model" }[shown.outcome] || shown.outcome;
  return el("span", { class: "outcome", title: "against the document's own annotations" }, said);
}

function body(code, shown, kept, commands) {
  const warnings = warningsOf(code.code, kept);
  return el(
    "div",
    { class: "body" },
    warnings.length ? el("ul", { class: "warnings", "aria-label": "Warnings" }, warnings.map((text) => el("li", {}, text))) : null,
    code.mentions.length
      ? el("ol", { class: "mentions", "aria-label": "Words" }, code.mentions.map((mention, number) => words(mention, shown?.mentions[number], number, commands)))
      : el("p", { class: "none" }, "No words are cited."),
    actions(code, shown, commands),
    code.comment ? el("p", { class: "remark" }, `Comment: ${code.comment}`) : null,
  );
}

function words(mention, shown, number, commands) {
  const spoken = mention.fragments ? wordsAt(now.note, mention.fragments) : shown.quotes.join(" … ");
  const flags = [
    mention.fragments ? null : "not in the note",
    shown?.misquoted ? `the model quoted “${shown.quotes.join(" … ")}”` : null,
    shown?.torn ? "cuts a word" : null,
    mention.source === "reviewer" ? "yours" : null,
    shown?.places.length ? `${count(shown.places.length, "other place")}` : null,
  ].filter(Boolean);
  const judge = (verdict, label) =>
    el(
      "button",
      {
        type: "button",
        class: `judge ${verdict}`,
        "data-focus": `${verdict} ${number}`,
        "aria-pressed": String(mention.verdict === verdict),
        disabled: verdict === "right" && !mention.fragments,
        on: { click: () => commands.judge(number, mention.verdict === verdict ? null : verdict) },
      },
      label,
    );
  const alone = { yes: "implies it alone", no: "needs the note", null: "alone?" }[String(mention.alone)];
  return el(
    "li",
    { class: mention.verdict || "open" },
    el("q", {}, spoken),
    flags.length ? el("span", { class: "flags" }, flags.join("; ")) : null,
    trained(shown),
    el(
      "span",
      { class: "judging", role: "group", "aria-label": `Words ${number + 1}` },
      judge("right", "right words"),
      judge("wrong", "wrong words"),
      el("button", { type: "button", class: "alone", "data-focus": `alone ${number}`, title: "Do these words alone imply the code?", on: { click: () => commands.alone(number) } }, alone),
    ),
  );
}

/** What the words were marked with in training. */
function trained(shown) {
  if (!shown || !shown.alone) return null;
  const others = shown.alone.others.map(([code, times]) => `${code} ${times}×`).join(", ");
  const said = shown.alone.this
    ? `in training: this code ${shown.alone.this}×${others ? `, ${others}` : ""}`
    : others
      ? `in training: never this code, but ${others}`
      : "in training: never marked";
  return el("span", { class: "trained" }, said);
}

function actions(code, shown, commands) {
  const button = (label, key, command, more) =>
    el("button", { type: "button", class: `act ${command}`, "data-focus": command, "aria-keyshortcuts": key, on: { click: commands[command] }, ...more }, label, " ", el("kbd", { "aria-hidden": "true" }, key));
  return el(
    "div",
    { class: "actions", role: "group", "aria-label": `Decide on ${code.code}` },
    button("Accept", "a", "accept"),
    button("Wrong code", "x", "reject"),
    button("Right code, wrong words", "w", "wrongWords"),
    button("Change code", "c", "change"),
    button("Add words", "m", "move"),
    shown?.gold.length ? button("Take gold's words", "g", "gold") : null,
    button("Comment", "t", "comment"),
  );
}
