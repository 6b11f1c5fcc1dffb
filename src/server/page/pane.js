// A list of reads and, beside it, the chosen one. Where there is no room for both, a chosen read opens over the list.

import { alerts } from "./board.js";
import { h, setText } from "./dom.js";
import { drawDetail, openDetail, openScene } from "./detail.js";
import { t } from "./i18n.js";
import { List } from "./list.js";
import { drawRow } from "./record.js";

const narrow = matchMedia("(max-width: 63.99rem)");

export class Pane {
  #shown = null;
  #first;
  #empty;

  /** `label` of the list; `first`: what the pane is called while it shows the first read, since none is chosen; `top`: what stands above the list. */
  constructor({ label, first, onEnd, onTop, top = [], empty }) {
    this.#first = first;
    this.#empty = empty;
    this.list = new List({
      label, keyOf: (record) => record.detection_id, draw: drawRow, onEnd, onTop,
      onChoose: () => this.#show(),
      onClick: (record) => narrow.matches && this.#openDetail(record),
      onOpen: (record) => (narrow.matches ? this.#openDetail(record) : openScene(record)),
    });
    this.beside = h("aside", { class: "beside panel", tabindex: "0", "aria-label": t("detail.title"), on: { focusin: () => this.#hold() } });
    this.title = h("p", { class: "pane-title" });
    this.none = h("div", { class: "empty" });
    this.element = h("div", { class: "pane" },
      h("section", { class: "panel listing", "aria-label": label }, top, this.none, this.list.element), this.beside);
    // A row says whether there is an alert about it.
    this.redraw = () => this.list.redraw();
    alerts.addEventListener("change", this.redraw);
    this.set([]);
  }

  close() {
    alerts.removeEventListener("change", this.redraw);
  }

  #openDetail(record) {
    openDetail(record);
  }

  set(records) {
    this.list.set(records);
    this.none.hidden = records.length > 0;
    if (records.length === 0) this.none.replaceChildren(...[this.#empty?.()].flat().filter(Boolean));
    this.#show();
  }

  get chosen() {
    return this.list.chosen;
  }

  /** Back to the newest read. Whether one was chosen. */
  release() {
    const was = this.list.chosen !== null;
    this.list.choose(null);
    return was;
  }

  #show() {
    const record = this.list.chosen ?? this.list.items[0] ?? null;
    const chosen = this.list.chosen !== null;
    setText(this.title, chosen ? t("live.chosen") : this.#first);
    if (record === this.#shown) return;
    this.#shown = record;
    this.beside.replaceChildren(...(record ? [this.title, drawDetail(record)] : []));
    this.beside.scrollTop = 0;
  }

  /** What one is in the middle of does not give way to a newer read. */
  #hold() {
    if (this.#shown && !this.list.chosen) this.list.choose(this.#shown.detection_id);
  }

  move(by) {
    this.list.move(by);
  }

  openChosen() {
    const record = this.list.chosen ?? this.list.items[0];
    if (record) (narrow.matches ? (one) => this.#openDetail(one) : openScene)(record);
  }
}
