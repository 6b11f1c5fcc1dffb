// Search: what is asked stands in the address, so that it can be kept, sent on, and gone back to.

import { address, get } from "./api.js";
import { cameraKey, cameras } from "./board.js";
import { choice, field, h, settle } from "./dom.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";
import { Pane } from "./pane.js";

const PAGE = 200;
/** Each search is written into the audit trail: not every letter is one. */
const TYPING_MS = 500;

/** A moment as `<input type=datetime-local>` writes it, in the person's zone. */
function localInput(value) {
  const at = new Date(value);
  if (!value || Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The way back; to the end of that minute where `end`. */
function instant(value, end = false) {
  const at = new Date(value);
  if (!value || Number.isNaN(at.getTime())) return "";
  return new Date(at.getTime() + (end ? 59_999 : 0)).toISOString();
}

export function search(root, params, { remember }) {
  let message = t("loading");
  let records = [];
  let cursor = null;
  let asking = 0;
  let busy = false;
  let closed = false;
  const plate = h("input", { type: "search", name: "plate", autocomplete: "off", spellcheck: "false", autocapitalize: "characters", enterkeyhint: "search", placeholder: t("search.example"), value: params.get("plate") ?? "" });
  const match = choice(["exact", "prefix", "fuzzy"].map((kind) => [kind, t(`search.${kind}`)]), params.get("match") ?? "prefix", { name: "match" });
  const from = h("input", { type: "datetime-local", name: "from", value: localInput(params.get("from")) });
  const to = h("input", { type: "datetime-local", name: "to", value: localInput(params.get("to")) });
  const camera = choice([["", t("all")]], "", { name: "camera" });
  const count = h("p", { class: "found", role: "status" });
  const csv = h("a", { class: "button", download: "" }, icon("download"), t("search.csv"));
  const lines = h("a", { class: "button", download: "" }, icon("download"), t("search.jsonl"));
  // On a phone all but the plate is folded away.
  const unfold = h("button", { type: "button", class: "unfold", "aria-expanded": "false", on: { click: () => {
    unfold.setAttribute("aria-expanded", form.classList.toggle("open"));
  } } }, t("search.filters"));
  const extra = (element) => {
    element.classList.add("extra");
    return element;
  };
  const form = h("form", { class: "panel filters", role: "search", "aria-label": t("search.title"), on: { submit: (event) => { event.preventDefault(); start(); } } },
    field(t("search.plate"), plate), unfold,
    [field(t("search.match"), match), field(t("search.camera"), camera), field(t("search.from"), from), field(t("search.to"), to)].map(extra),
    h("div", { class: "buttons extra" },
      h("button", { type: "submit", class: "primary" }, icon("search"), t("search.title")),
      h("button", { type: "button", on: { click: clear } }, t("search.clear"))));
  const pane = new Pane({ label: t("search.title"), first: t("search.first"), onEnd: () => more(), empty: () => message,
    top: [h("div", { class: "panel-head" }, count, h("div", { class: "buttons", role: "group", "aria-label": t("search.export") }, csv, lines))] });

  function showCameras() {
    const chosen = camera.options.length > 1 ? camera.value : params.get("camera") ?? "";
    const known = cameras.value.map((one) => [cameraKey(one), `${one.camera_id} · ${one.checkpoint_id}`]);
    if (chosen && !known.some(([key]) => key === chosen)) known.push([chosen, JSON.parse(chosen).reverse().join(" · ")]);
    camera.replaceChildren(...[["", t("all")], ...known].map(([value, text]) => h("option", { value }, text)));
    camera.value = chosen;
  }

  /** What is asked, as the API names it. */
  function query() {
    const [checkpoint_id, camera_id] = camera.value ? JSON.parse(camera.value) : [];
    const text = plate.value.trim();
    return { plate: text, match: text && match.value, camera_id, checkpoint_id, from: instant(from.value), to: instant(to.value, true) };
  }

  function start() {
    if (closed) return;
    const asked = { plate: plate.value.trim(), match: match.value === "prefix" ? "" : match.value, camera: camera.value, from: instant(from.value), to: instant(to.value) };
    remember(asked);
    records = [];
    cursor = null;
    message = t("loading");
    csv.href = address("api/export", { format: "csv", ...query() });
    lines.href = address("api/export", { format: "jsonl", ...query() });
    asking += 1;
    busy = false;
    pane.list.toTop();
    pane.release();
    ask(asking);
  }

  async function ask(mine) {
    if (busy) return;
    busy = true;
    try {
      const answer = await get("api/records", { ...query(), limit: PAGE, images: "url", order: "desc", cursor });
      if (mine !== asking) return;
      const seen = new Set(records.map((record) => record.detection_id));
      records = records.concat(answer.records.filter((record) => !seen.has(record.detection_id)));
      cursor = answer.next_cursor;
      message = [h("b", {}, t("search.empty")), h("span", {}, t("search.empty.more"))];
      count.textContent = countOf(answer);
    } catch (refusal) {
      if (mine !== asking || refusal.status === 401) return;
      cursor = null;
      message = [h("b", {}, t("search.failed", { why: refusal.status === 0 ? t("away") : refusal.message })),
        h("button", { type: "button", on: { click: start } }, t("search.again"))];
      count.textContent = "";
    } finally {
      if (mine === asking) busy = false;
    }
    pane.set(records);
    // So much was looked through that the page is not full.
    if (mine === asking && cursor !== null && records.length === 0) ask(mine);
  }

  function countOf({ total_count: total, total_count_exact: exact }) {
    if (cursor === null) return t("search.found", { n: records.length });
    if (typeof total === "number" && exact !== false && total >= records.length) return t("search.found", { n: total });
    return t("search.some", { n: records.length });
  }

  function more() {
    if (cursor !== null && !busy) ask(asking);
  }

  function clear() {
    for (const control of [plate, from, to, camera]) control.value = "";
    match.value = "prefix";
    start();
  }

  const soon = settle(TYPING_MS, start);
  plate.addEventListener("input", soon);
  for (const control of [match, camera, from, to]) control.addEventListener("change", start);
  cameras.addEventListener("change", showCameras);
  showCameras();
  root.append(h("h2", { class: "unseen-text" }, t("search.title")), form, pane.element);
  start();
  return {
    focus: () => plate.focus(),
    move: (by) => pane.move(by),
    enter: () => pane.openChosen(),
    escape: () => pane.release(),
    close() {
      closed = true;
      asking += 1;
      pane.close();
      cameras.removeEventListener("change", showCameras);
    },
  };
}
