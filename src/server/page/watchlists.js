// Watchlists: the lists on one side, the plates of the chosen one on the other.

import { get, post, put, remove } from "./api.js";
import { choice, field, h } from "./dom.js";
import { entriesOf } from "./entries.js";
import { t, word } from "./i18n.js";
import { icon } from "./icons.js";
import { mayEdit } from "./session.js";
import { confirmed, showDialog } from "./viewer.js";

export const SEVERITIES = ["info", "warning", "critical"];
export const whyOf = (refusal) => (refusal.status === 0 ? t("away") : refusal.status === 403 ? t("forbidden") : refusal.message);

/** A dialog with a form; `save` gets what was entered, and its refusal is shown beside the field that it names. */
export function askFor(title, fields, save) {
  const fault = h("p", { class: "fault", role: "alert" });
  const form = h("form", { class: "form" }, fields.map(([label, control, hint]) => field(label, control, hint)), fault,
    h("div", { class: "buttons" }, h("button", { type: "button", on: { click: () => dialog.close() } }, t("cancel")),
      h("button", { type: "submit", class: "primary" }, t("save"))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const submit = form.querySelector("[type=submit]");
    submit.disabled = true;
    form.querySelectorAll("[aria-invalid]").forEach((control) => control.removeAttribute("aria-invalid"));
    try {
      await save();
      dialog.close();
    } catch (refusal) {
      const wrong = refusal.field && form.elements.namedItem(refusal.field);
      wrong?.setAttribute?.("aria-invalid", "true");
      wrong?.focus?.();
      fault.textContent = t("lists.failed", { why: whyOf(refusal) });
    } finally {
      submit.disabled = false;
    }
  });
  const dialog = showDialog(title, form);
  fields[0][1].focus();
}

export function watchlists(root, params, { remember }) {
  let lists = [];
  let chosen = params.get("list") ?? "";
  let closed = false;
  const side = h("ul", { class: "side" });
  const main = h("div", { class: "entries" });
  const add = mayEdit() && h("button", { type: "button", class: "primary", on: { click: () => edit(null) } }, icon("plus"), t("lists.new"));
  root.append(h("div", { class: "view-head" }, h("h2", {}, t("lists.title")), add || h("p", { class: "soft" }, t("lists.readonly"))),
    h("div", { class: "lists" }, h("nav", { class: "panel", "aria-label": t("lists.title") }, side), h("section", { class: "panel block" }, main)));

  async function load() {
    const answer = await get("api/watchlists").catch(() => null);
    if (!answer || closed) return;
    lists = answer.watchlists;
    if (!lists.some((list) => String(list.watchlist_id) === chosen)) chosen = lists.length > 0 ? String(lists[0].watchlist_id) : "";
    drawSide();
    drawMain();
  }

  function pick(id) {
    chosen = String(id);
    remember({ list: chosen });
    drawSide();
    drawMain();
  }

  function drawSide() {
    const focused = side.contains(document.activeElement);
    side.replaceChildren(...lists.map((list) => h("li", {}, h("button", { type: "button", data: { key: `list-${list.watchlist_id}` }, "aria-current": String(list.watchlist_id) === chosen ? "true" : undefined, on: { click: () => pick(list.watchlist_id) } },
      h("span", { class: "dot", data: { severity: list.severity } }), h("b", {}, list.name),
      h("span", { class: "soft" }, word("severity", list.severity), " · ", t("lists.entries", { n: list.entries_count ?? 0 }))))));
    if (focused) side.querySelector("[aria-current]")?.focus();
  }

  function drawMain() {
    const list = lists.find((one) => String(one.watchlist_id) === chosen);
    if (!list) {
      main.replaceChildren(h("div", { class: "empty" }, h("b", {}, t(lists.length ? "lists.pick" : "lists.empty")), h("span", {}, t("lists.empty.more"))));
      return;
    }
    const tools = mayEdit() && h("div", { class: "buttons" },
      h("button", { type: "button", data: { key: "edit-list" }, on: { click: () => edit(list) } }, icon("edit"), t("edit")),
      h("button", { type: "button", class: "danger", data: { key: "drop-list" }, on: { click: () => drop(list) } }, icon("trash"), t("delete")));
    const head = h("div", { class: "block-head" }, h("div", {}, h("h3", {}, list.name,
      h("span", { class: "badge", data: { severity: list.severity } }, word("severity", list.severity))), list.note && h("p", { class: "soft" }, list.note)), tools);
    main.replaceChildren(head, entriesOf(list, { onCount: (n) => count(list, n) }));
  }

  /** The number beside the list follows what was done to its plates. */
  function count(list, n) {
    list.entries_count = n;
    drawSide();
  }

  function edit(list) {
    const name = h("input", { name: "name", required: true, maxlength: 200, value: list?.name ?? "" });
    const severity = choice(SEVERITIES.map((one) => [one, t(`severity.${one}`)]), list?.severity ?? "warning", { name: "severity" });
    const note = h("textarea", { name: "note", rows: 3, maxlength: 2000, value: list?.note ?? "" });
    askFor(t(list ? "lists.edit" : "lists.new"), [[t("lists.name"), name], [t("lists.severity"), severity], [t("lists.note"), note, t("optional")]], async () => {
      const body = { name: name.value.trim(), severity: severity.value, note: note.value.trim() };
      const answer = list ? await put(`api/watchlists/${encodeURIComponent(list.watchlist_id)}`, body) : await post("api/watchlists", body);
      const made = answer?.watchlist_id ?? answer?.watchlist?.watchlist_id;
      if (made !== undefined) chosen = String(made);
      await load();
    });
  }

  async function drop(list) {
    if (!(await confirmed(t("lists.delete", { name: list.name }), t("delete")))) return;
    try {
      await remove(`api/watchlists/${encodeURIComponent(list.watchlist_id)}`);
    } catch (refusal) {
      showDialog(t("lists.title"), h("p", { class: "fault" }, t("lists.failed", { why: whyOf(refusal) })));
    }
    load();
  }

  load();
  return { close: () => (closed = true) };
}
