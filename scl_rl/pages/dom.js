/* Elements, made without ever reading a text as HTML; and what is said to a screen reader. */

/** An element. Attributes that are false or null are left out; `on` has listeners by event. */
export function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, value === true ? "" : value);
    }
  }
  made.append(...children.flat().filter((child) => child !== null && child !== false));
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Say something in the page's live region, even if it is the same as before. */
export function say(text) {
  const region = byId("said");
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/** "1 code", "2 codes". */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
