/* What the finished notes give: documents to train on, preference pairs, a diff; as `review --apply` writes them. */

import { offsetsOf, page, wordsAt } from "./data.js";
import { about, noteAt } from "./state.js";

const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g; // Python's

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const distinct = (values) => values.filter((value, at) => values.findIndex((other) => same(value, other)) === at);

/** [index, code → fragments of its words] of every finished note, for the codes that were kept. */
function finished() {
  const found = [];
  page.notes.forEach((_, index) => {
    const note = noteAt(index);
    if (!note.done) return;
    const codes = new Map();
    for (const code of note.codes) {
      if (code.verdict !== "right" && code.verdict !== "changed") continue;
      const words = code.mentions.filter((one) => one.verdict !== "wrong" && one.fragments).map((one) => one.fragments);
      codes.set(code.code, distinct([...(codes.get(code.code) || []), ...words]));
    }
    found.push([index, codes]);
  });
  return found;
}

export function reviewedDocuments() {
  return finished().map(([index, codes]) => ({
    id: page.notes[index].id,
    text: page.notes[index].text,
    annotations: [...codes].map(([code, words]) => ({
      code,
      system: page.systems[code] || page.system,
      mentions: words.length ? words : null,
    })),
  }));
}

export function reviewPairs() {
  return finished().flatMap(([index, codes]) => {
    if ([...codes.values()].some((words) => !words.length)) return []; // the corrected answer would lack a code
    const { windows } = page.notes[index];
    return windows.flatMap((window, number) => pair(index, codes, window, windows.length > 1 ? `#${number}` : ""));
  });
}

/** The pair of one window, or none if nothing was corrected in it. */
function pair(index, codes, window, suffix) {
  const chosen = linesIn(index, codes, window);
  const plain = (lines) => {
    const all = new Map();
    for (const [code, words] of lines) all.set(code, [...(all.get(code) || []), ...words.map((quotes) => JSON.stringify(quotes))]);
    return [...all].map(([code, words]) => [code, [...new Set(words)].sort()]).sort();
  };
  if (same(plain(chosen), plain(window.answer))) return [];
  const { template, chat } = page.asking;
  const content = template.split("{text}").join(wordsAt(index, [[window.start, window.end]]));
  const completion = (lines) => (chat ? [{ role: "assistant", content: rendered(lines) }] : rendered(lines));
  const differing = [...chosen, ...window.answer].filter((line) => !(chosen.some((one) => same(one, line)) && window.answer.some((one) => same(one, line))));
  return {
    prompt: chat ? [{ role: "user", content }] : content,
    chosen: completion(chosen),
    rejected: completion(window.answer),
    document: `${page.notes[index].id}${suffix}`,
    kind: "reviewed",
    codes: [...new Set(differing.map(([code]) => code))].sort(),
  };
}

/** The lines of the corrected answer: [code, words], codes in the order of their first words. */
function linesIn(index, codes, { start, end }) {
  const lines = [];
  for (const [code, words] of codes) {
    const inside = words.filter((fragments) => fragments.every(([from, to]) => start <= from && to <= end));
    const quotes = inside.map((fragments) => fragments.map((fragment) => quote(index, start, fragment)));
    const named = distinct(quotes.filter((one) => one.every((part) => part !== null)));
    if (named.length) lines.push([Math.min(...inside.flat().map(([from]) => from)), [code, named]]);
  }
  return lines.sort((a, b) => a[0] - b[0]).map(([, line]) => line);
}

/** The words at a fragment and which of their occurrences in the window it is; null for white space alone. */
function quote(index, start, fragment) {
  const words = wordsAt(index, [fragment]);
  const [lead] = words.match(new RegExp(`^(?:${SPACES.source})?`));
  const [trail] = words.match(new RegExp(`(?:${SPACES.source})?$`));
  if (lead === words) return null;
  const plain = words.slice(lead.length, words.length - trail.length).replace(SPACES, " ");
  const core = folded(plain);
  const places = offsetsOf(index);
  const until = places.toUnits(fragment[1]) - trail.length;
  const before = folded(page.notes[index].text.slice(places.toUnits(start), until).replace(SPACES, " "));
  let occurrence = 0;
  for (let at = before.indexOf(core); at >= 0; at = before.indexOf(core, at + 1)) occurrence++;
  return [lead + plain + trail, occurrence];
}

/** In lower case, as the scorer folds it. */
function folded(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replace(/[^\0-\x7f]/gu, (letter) => page.asking.folds[letter] || letter);
}

function rendered(lines) {
  const text = ([words, occurrence]) => (occurrence === 1 ? JSON.stringify(words) : `${JSON.stringify(words)}#${occurrence}`);
  const json = ([words, occurrence]) => (occurrence === 1 ? JSON.stringify(words) : `[${JSON.stringify(words)}, ${occurrence}]`);
  const line =
    page.asking.answer === "lines"
      ? ([code, mentions]) => `${mentions.map((quotes) => quotes.map(text).join(" + ")).join("; ")} => ${code}`
      : ([code, mentions]) => `{"evidence": [${mentions.map((quotes) => `[${quotes.map(json).join(", ")}]`).join(", ")}], "code": ${JSON.stringify(code)}}`;
  return lines.map(line).join("\n") || "none";
}

/** What became of the model's answer in each note. */
export function reviewDiff() {
  return finished().map(([index, codes]) => {
    const before = new Map();
    for (const { code, source, mentions } of page.notes[index].codes) {
      if (source === "model") before.set(code, mentions.map((one) => one.fragments));
    }
    const asSet = (words) => [...new Set(words.map((one) => JSON.stringify(one)))].sort();
    const changed = [...codes]
      .filter(([code, after]) => !before.has(code) || !same(asSet(before.get(code)), asSet(after)))
      .map(([code, after]) => ({ code, before: before.get(code) || [], after }));
    return {
      id: page.notes[index].id,
      removed: [...before.keys()].filter((code) => !codes.has(code)),
      added: changed.filter(({ code }) => !before.has(code)),
      moved: changed.filter(({ code }) => before.has(code)),
      comments: noteAt(index).codes.filter(({ comment }) => comment).map(({ code, comment }) => ({ reviewer: about.reviewer, code, comment })),
    };
  });
}
