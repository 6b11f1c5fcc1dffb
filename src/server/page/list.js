// A list box of any length that holds only the rows one can see. All rows are of one height (`--row` of its style).

import { freshId, h } from "./dom.js";

const OVERSCAN = 6;

export class List {
  #items = [];
  #rows = new Map();
  #chosen = null;
  #frame = 0;
  #rowHeight = 64;
  #options;

  /**
   * `draw(item)` makes a row's content, `keyOf(item)` its identity; `onChoose(item, byPerson)`, `onOpen(item)` (Enter,
   * double click), `onEnd()` near the last row, `onTop(atTop)` when the first row comes into sight or leaves it.
   */
  constructor(options) {
    this.#options = options;
    this.id = freshId("list");
    this.space = h("div", { class: "space", role: "presentation" });
    this.element = h("div", {
      class: "rows", role: "listbox", tabindex: "0", "aria-label": options.label,
      on: {
        scroll: () => this.#later(),
        keydown: (event) => this.#key(event),
        click: (event) => this.#click(event),
        dblclick: (event) => this.#row(event) && this.#open(),
        focus: () => this.#chosen === null && this.#items.length > 0 && this.choose(this.#keyAt(this.#top()), true),
      },
    }, this.space);
    this.atTop = true;
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  get items() {
    return this.#items;
  }

  get chosen() {
    return this.#items[this.#indexOf(this.#chosen)] ?? null;
  }

  /** Shows `items`; what one is looking at stays where it is, unless that is the top. */
  set(items) {
    const before = this.#items;
    const top = this.#top();
    const anchor = !this.atTop && before[top] !== undefined ? this.#keyAt(top) : null;
    this.#items = items;
    this.#indices = null;
    this.space.style.height = `${items.length * this.#rowHeight}px`;
    if (anchor !== null) {
      const now = this.#indexOf(anchor);
      if (now >= 0 && now !== top) this.element.scrollTop += (now - top) * this.#rowHeight;
    }
    this.element.hidden = items.length === 0;
    this.render();
  }

  choose(key, byPerson = false) {
    this.#chosen = key ?? null;
    if (byPerson) this.#reveal();
    this.render();
    this.#options.onChoose?.(this.chosen, byPerson);
  }

  toTop() {
    this.element.scrollTop = 0;
    this.render();
  }

  /** Draws every row again, e.g. in another language. */
  redraw() {
    this.#rows.forEach((row) => row.element.remove());
    this.#rows.clear();
    this.render();
  }

  render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { keyOf, draw, onEnd, onTop } = this.#options;
    const height = this.element.clientHeight;
    const scroll = this.element.scrollTop;
    const first = Math.max(0, Math.floor(scroll / this.#rowHeight) - OVERSCAN);
    const last = Math.min(this.#items.length, Math.ceil((scroll + height) / this.#rowHeight) + OVERSCAN);
    const seen = new Set();
    for (let index = first; index < last; index += 1) {
      const item = this.#items[index];
      const key = keyOf(item);
      seen.add(key);
      let row = this.#rows.get(key);
      if (!row || row.item !== item) {
        const element = h("div", { class: "row", role: "option", id: `${this.id}-${key}` }, draw(item));
        element.dataset.key = key;
        if (row) row.element.replaceWith(element);
        else this.space.append(element);
        row = { item, element, index: -1, total: -1, chosen: null };
        this.#rows.set(key, row);
      }
      this.#place(row, index, key);
    }
    for (const [key, row] of this.#rows) {
      if (seen.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    const active = this.#chosen !== null && seen.has(this.#chosen);
    if (active) this.element.setAttribute("aria-activedescendant", `${this.id}-${this.#chosen}`);
    else this.element.removeAttribute("aria-activedescendant");
    const atTop = scroll < this.#rowHeight / 2;
    if (atTop !== this.atTop) {
      this.atTop = atTop;
      onTop?.(atTop);
    }
    if (height > 0 && this.#items.length > 0 && last + 20 > this.#items.length) onEnd?.();
  }

  #place(row, index, key) {
    const { element } = row;
    if (row.index !== index) {
      row.index = index;
      element.style.transform = `translateY(${index * this.#rowHeight}px)`;
      element.setAttribute("aria-posinset", index + 1);
    }
    if (row.total !== this.#items.length) {
      row.total = this.#items.length;
      element.setAttribute("aria-setsize", row.total);
    }
    const chosen = key === this.#chosen;
    if (row.chosen !== chosen) {
      row.chosen = chosen;
      element.setAttribute("aria-selected", chosen);
    }
  }

  // Where each key is; made when asked for, since most refreshes do not ask.
  #indices = null;

  #indexOf(key) {
    if (key === null) return -1;
    this.#indices ??= new Map(this.#items.map((item, index) => [this.#options.keyOf(item), index]));
    return this.#indices.get(key) ?? -1;
  }

  #keyAt(index) {
    return this.#options.keyOf(this.#items[index]);
  }

  #top() {
    return Math.max(0, Math.floor(this.element.scrollTop / this.#rowHeight));
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => this.render());
  }

  #measure() {
    const row = parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 64;
    if (row !== this.#rowHeight) {
      const top = this.#top();
      this.#rowHeight = row;
      this.#rows.forEach((known) => (known.index = -1));
      this.space.style.height = `${this.#items.length * row}px`;
      this.element.scrollTop = top * row;
    }
    this.render();
  }

  #row(event) {
    return event.target.closest?.(".row");
  }

  #click(event) {
    const row = this.#row(event);
    if (!row) return;
    this.choose(row.dataset.key, true);
    this.#options.onClick?.(this.chosen);
  }

  #open() {
    if (this.chosen) this.#options.onOpen?.(this.chosen);
  }

  /** Moves the choice by `by` rows; from nowhere, to the first. */
  move(by) {
    if (this.#items.length === 0) return;
    const now = this.#indexOf(this.#chosen);
    const next = now < 0 ? this.#top() : Math.min(this.#items.length - 1, Math.max(0, now + by));
    this.choose(this.#keyAt(next), true);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#rowHeight) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves) this.move(moves[event.key]);
    else if (event.key === "Enter") this.#open();
    else return;
    event.preventDefault();
  }

  #reveal() {
    const index = this.#indexOf(this.#chosen);
    if (index < 0) return;
    const top = index * this.#rowHeight;
    const bottom = top + this.#rowHeight - this.element.clientHeight;
    if (this.element.scrollTop > top) this.element.scrollTop = top;
    else if (this.element.scrollTop < bottom) this.element.scrollTop = bottom;
  }
}
