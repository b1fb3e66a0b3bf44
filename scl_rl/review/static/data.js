/* What the page was made with: the notes, and the tables of codes. */

import { byId } from "./dom.js";
import { Offsets } from "./offsets.js";

export const page = JSON.parse(byId("data").textContent);
const offsets = new Map();
let table = null; // [{code, flags, title, words}]

/** The places of a note's text, as code points and as UTF-16 units. */
export function offsetsOf(index) {
  if (!offsets.has(index)) offsets.set(index, new Offsets(page.notes[index].text));
  return offsets.get(index);
}

/** The words at some fragments, which count code points. */
export function wordsAt(index, fragments) {
  const places = offsetsOf(index);
  return fragments
    .map(([start, end]) => page.notes[index].text.slice(places.toUnits(start), places.toUnits(end)))
    .join(" … ");
}

export function titleOf(code) {
  return page.titles[code] ? page.titles[code][0] : "";
}

/** Read the table of codes, which is packed; the page works before it is there. */
export async function readTable() {
  const packed = Uint8Array.from(atob(byId("table").textContent), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const lines = (await new Response(unpacked).text()).split("\n");
  table = lines.map((line) => {
    const [code, flags, title] = line.split("\t");
    return { code, flags, title, lower: `${code} ${title}`.toLowerCase() };
  });
  for (const row of table) page.titles[row.code] ||= [row.title, row.flags];
  byId("table").remove();
}

/**
 * The codes that a query names: by the beginning of the code, then by all of its words in the title.
 * Titles that begin with the query come first, then short ones; billable codes before others.
 */
export function searchCodes(query, most) {
  const wanted = query.trim().toLowerCase();
  if (!table || wanted.length < 2) return [];
  const words = wanted.split(/\s+/);
  const found = [];
  for (const row of table) {
    const byCode = row.lower.startsWith(wanted);
    if (!byCode && !words.every((word) => row.lower.includes(word))) continue;
    const begins = row.lower.startsWith(wanted, row.code.length + 1);
    found.push({ row, rank: (byCode ? 0 : begins ? 1 : 2) * 2 + (row.flags.includes("b") ? 1 : 0) });
  }
  found.sort((a, b) => a.rank - b.rank || a.row.title.length - b.row.title.length);
  return found.slice(0, most).map((one) => one.row);
}

const WARNINGS = {
  b: "not billable: a more specific code is needed",
  7: "the seventh character is missing",
  u: "unspecified: does the note say more?",
};

/** What a coder should know of a code beside the note's other codes. */
export function warningsOf(code, others) {
  const known = page.titles[code];
  if (!known) return ["not in the ICD-10-CM tables"];
  const flags = known[1].includes("7") ? known[1].replace("b", "") : known[1];
  const said = [...flags].map((flag) => WARNINGS[flag]);
  for (const other of others) {
    if (other !== code && (excludes(code, other) || excludes(other, code))) {
      said.push(`Excludes1: not to be coded with ${other}`);
    }
  }
  return said;
}

function excludes(code, other) {
  for (let length = 3; length <= code.length; length++) {
    const names = page.excludes1[code.slice(0, length)];
    if (names && names.some((name) => within(other, name))) return true;
  }
  return false;
}

function within(code, name) {
  const [first, last] = name.split("-");
  if (!last) return code.startsWith(first);
  return code.slice(0, first.length) >= first && code.slice(0, last.length) <= last;
}
