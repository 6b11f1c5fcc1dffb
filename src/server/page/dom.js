// Elements by hand. Every string becomes a text node: nothing that a peer sends is ever parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** `h("p", { class: "soft", on: { click } }, "text", child)` */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** The same in SVG. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

export const byId = (id) => document.getElementById(id);

/** Replaces what `element` holds only where it would differ, so that a quiet refresh touches nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes `wanted` the children of `parent` and leaves those alone that stand where they should: what has the focus keeps it. */
export function arrange(parent, wanted) {
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, index) => parent.children[index] !== child && parent.insertBefore(child, parent.children[index] ?? null));
}

let numbers = 0;

/** An id that no other element has. */
export const freshId = (prefix) => `${prefix}-${(numbers += 1)}`;

/** Calls `act` once, `wait` ms after the last call. */
export function settle(wait, act) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...values), wait);
  };
}

/** What is remembered in this browser; silently nothing where storage is off. */
export const memory = {
  get(key) {
    try {
      return localStorage.getItem(`lpr.${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`lpr.${key}`, value);
    } catch {
      // Then it lasts as long as the page.
    }
  },
};

/** A labelled form field. */
export function field(label, control, hint) {
  control.id ||= freshId("field");
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, hint && h("small", {}, hint));
}

/** A `<select>` of `[value, text]` pairs. */
export function choice(options, chosen, props = {}) {
  const select = h("select", props, options.map(([value, text]) => h("option", { value }, text)));
  if (chosen !== undefined) select.value = chosen;
  return select;
}
