// The plates of a watchlist: a table with its filter, adding and changing them, CSV in and out.

import { address, get, post, postText, put, remove } from "./api.js";
import { choice, h, settle } from "./dom.js";
import { date, moment, scriptOf, t, word } from "./i18n.js";
import { icon } from "./icons.js";
import { mayEdit } from "./session.js";
import { confirmed, showDialog } from "./viewer.js";
import { SEVERITIES, askFor, whyOf } from "./watchlists.js";

/** So many rows are drawn; the filter finds the others. */
const SHOWN = 500;
/** And so many are asked for: a longer list is looked at as CSV. */
const ASKED = 10_000;

const localInput = (value) => {
  const at = moment(value);
  return at ? new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "";
};
const instant = (value) => moment(value)?.toISOString() ?? null;

/** The table of `list`; `onCount(n)` after each change. */
export function entriesOf(list, { onCount }) {
  const path = `api/watchlists/${encodeURIComponent(list.watchlist_id)}`;
  let entries = null;
  const filter = h("input", { type: "search", "aria-label": t("entries.filter"), placeholder: t("entries.filter") });
  const body = h("tbody");
  const note = h("p", { class: "empty" }, t("loading"));
  const heads = ["entries.plate", "entries.province", "entries.match", "entries.severity", "entries.valid", "entries.note"];
  const table = h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": list.name }, h("table", { class: "wide" },
    h("thead", {}, h("tr", {}, heads.map((key) => h("th", { scope: "col" }, t(key))), mayEdit() && h("th", { scope: "col" }, h("span", { class: "unseen-text" }, t("entries.actions"))))), body));
  const file = h("input", { type: "file", accept: ".csv,text/csv", hidden: true, "aria-label": t("lists.import"), on: { change: () => bring() } });
  const tools = h("div", { class: "block-tools" }, filter,
    h("a", { class: "button", href: address(`${path}/export`), download: "" }, icon("download"), t("lists.export")),
    mayEdit() && [h("button", { type: "button", on: { click: () => file.click() } }, icon("upload"), t("lists.import")), file,
      h("button", { type: "button", class: "primary", data: { key: "new-entry" }, on: { click: () => edit(null) } }, icon("plus"), t("entries.new"))]);

  async function load() {
    const answer = await get(`${path}/entries`, { limit: ASKED }).catch((refusal) => {
      note.textContent = whyOf(refusal);
    });
    if (!answer) return;
    entries = answer.entries;
    if (!answer.next_cursor) onCount(entries.length);
    draw();
  }

  function draw() {
    const wanted = filter.value.trim().toLocaleLowerCase();
    const fits = (entry) => !wanted || [entry.plate, entry.province, entry.note].some((text) => String(text ?? "").toLocaleLowerCase().includes(wanted));
    const shown = (entries ?? []).filter(fits);
    body.replaceChildren(...shown.slice(0, SHOWN).map(drawEntry));
    table.hidden = shown.length === 0;
    note.hidden = shown.length > 0 && shown.length <= SHOWN;
    note.textContent = shown.length > SHOWN ? t("search.some", { n: SHOWN }) : t(entries?.length ? "entries.nofit" : "entries.empty");
  }

  function drawEntry(entry) {
    const state = validity(entry);
    return h("tr", { data: { state: state.over ? "over" : "" } },
      h("th", { scope: "row" }, h("span", { class: "plate", lang: scriptOf(entry.plate) }, entry.plate)),
      h("td", { lang: scriptOf(entry.province ?? "") === "th" ? "th" : undefined }, entry.province || "–"),
      h("td", {}, word("entries", entry.match ?? "exact")),
      h("td", {}, entry.severity ? h("span", { class: "badge", data: { severity: entry.severity } }, word("severity", entry.severity)) : h("span", { class: "soft" }, t("severity.inherit"))),
      h("td", { class: "valid" }, state.text), h("td", { class: "note" }, entry.note ?? ""),
      mayEdit() && h("td", { class: "actions" },
        h("button", { type: "button", class: "quiet", data: { key: `edit-${entry.entry_id}` }, "aria-label": `${t("edit")} ${entry.plate}`, title: t("edit"), on: { click: () => edit(entry) } }, icon("edit")),
        h("button", { type: "button", class: "quiet", data: { key: `drop-${entry.entry_id}` }, "aria-label": `${t("delete")} ${entry.plate}`, title: t("delete"), on: { click: () => drop(entry) } }, icon("trash"))));
  }

  function edit(entry) {
    const plate = h("input", { name: "plate", required: true, maxlength: 100, autocomplete: "off", spellcheck: "false", value: entry?.plate ?? "" });
    const province = h("input", { name: "province", maxlength: 100, value: entry?.province ?? "" });
    const match = choice(["exact", "fuzzy"].map((one) => [one, t(`entries.${one}`)]), entry?.match ?? "exact", { name: "match" });
    const severity = choice([["", t("severity.inherit")], ...SEVERITIES.map((one) => [one, t(`severity.${one}`)])], entry?.severity ?? "", { name: "severity" });
    const from = h("input", { type: "datetime-local", name: "valid_from", value: localInput(entry?.valid_from) });
    const to = h("input", { type: "datetime-local", name: "valid_to", value: localInput(entry?.valid_to) });
    const text = h("textarea", { name: "note", rows: 2, maxlength: 2000, value: entry?.note ?? "" });
    const fields = [[t("entries.plate"), plate], [t("entries.province"), province, t("optional")], [t("entries.match"), match, t("search.hint")], [t("entries.severity"), severity],
      [t("entries.from"), from, t("optional")], [t("entries.to"), to, t("optional")], [t("entries.note"), text, t("optional")]];
    askFor(t(entry ? "entries.edit" : "entries.new"), fields, async () => {
      const filled = { plate: plate.value.trim(), province: province.value.trim() || null, match: match.value, severity: severity.value || null,
        valid_from: instant(from.value), valid_to: instant(to.value), note: text.value.trim() };
      if (entry) await put(`${path}/entries/${encodeURIComponent(entry.entry_id)}`, filled);
      else await post(`${path}/entries`, filled);
      await load();
    });
  }

  async function drop(entry) {
    if (!(await confirmed(t("entries.delete", { plate: entry.plate }), t("delete")))) return;
    try {
      await remove(`${path}/entries/${encodeURIComponent(entry.entry_id)}`);
    } catch (refusal) {
      showDialog(t("lists.title"), h("p", { class: "fault" }, t("lists.failed", { why: whyOf(refusal) })));
    }
    load();
  }

  /** Asks what is to become of the plates that are there already. */
  function bring() {
    const [chosen] = file.files;
    if (!chosen) return;
    const dialog = showDialog(t("lists.import"), [h("p", {}, t("lists.import.how", { file: chosen.name })),
      h("div", { class: "buttons" }, h("button", { type: "button", on: { click: () => dialog.close() } }, t("cancel")),
        h("button", { type: "button", class: "danger", on: { click: () => take("replace") } }, t("lists.import.replace")),
        h("button", { type: "button", class: "primary", on: { click: () => take("add") } }, t("lists.import.add")))],
    { onClose: () => (file.value = "") });

    async function take(mode) {
      dialog.querySelectorAll("button").forEach((button) => (button.disabled = true));
      try {
        const answer = await postText(`${path}/import`, { mode }, await chosen.text(), "text/csv");
        dialog.close();
        report(answer);
      } catch (refusal) {
        dialog.close();
        report(refusal.body ?? {}, refusal);
      }
      load();
    }
  }

  filter.addEventListener("input", settle(120, draw));
  load();
  return h("div", {}, tools, note, table);
}

/** What became of a CSV: how many were taken, which lines were not, and why. */
function report(answer, refusal) {
  const lines = (answer.lines ?? []).map(({ line, message }) => t("lists.line", { n: line, why: message }));
  showDialog(t("lists.import"), [
    refusal ? h("p", { class: "fault" }, t("lists.failed", { why: whyOf(refusal) })) : h("p", {}, t("lists.imported", { n: answer.imported })),
    lines.length > 0 && [h("p", {}, t("lists.badlines")), h("ul", { class: "bad-lines" }, lines.map((line) => h("li", {}, line)))],
  ].flat().filter(Boolean));
}

/** When the entry counts, in words. */
function validity(entry) {
  const from = moment(entry.valid_from);
  const to = moment(entry.valid_to);
  const now = Date.now();
  const range = from && to ? `${date(from)} – ${date(to)}` : from ? t("entries.since", { time: date(from) }) : to ? t("entries.until", { time: date(to) }) : t("entries.always");
  const state = to && to < now ? "entries.expired" : from && from > now ? "entries.later" : null;
  return { over: state !== null, text: state ? `${range} (${t(state)})` : range };
}
