// Alerts: the list of them, the bar in which a new one is announced, and acknowledging.

import { get } from "./api.js";
import { acknowledge, alerts, isOpen } from "./board.js";
import { arrange, byId, field, h } from "./dom.js";
import { feed } from "./feed.js";
import { ago, full, number, scriptOf, span, t, when, word } from "./i18n.js";
import { icon } from "./icons.js";
import { openDetail } from "./detail.js";
import { cropBox, cropOf, doubt, plateFacts, plateText, platesOf, reasonOf } from "./record.js";
import { showDialog } from "./viewer.js";

const PAGE = 100;
/** So many announcements at once; the rest is in the list. */
const ANNOUNCED = 3;

const titleOf = (alert) => (alert.kind === "camera" ? word("problem", alert.problem ?? "") || alert.title : alert.matched?.watchlist ?? alert.title ?? "");

/** What the server measured, in the page's language where it has one of its usual forms. */
function measureOf(alert) {
  const title = alert.title ?? "";
  const full = /^disk (\d+) % full$/.exec(title);
  const skew = /^its clock is (\d+) s (ahead of|behind) the server's$/.exec(title);
  if (full) return t("problem.filled", { n: number(Number(full[1])) });
  if (skew) return t(skew[2] === "behind" ? "cameras.skew.behind" : "cameras.skew", { time: span(1000 * Number(skew[1])) });
  return title.replace(/^no fresh picture(: |$)/, "");
}

const placeOf = (alert) => [alert.camera_id, alert.checkpoint_id].filter(Boolean).join(" · ");
const wordsOf = (refusal) => (refusal.status === 0 ? t("away") : refusal.status === 403 ? t("forbidden") : refusal.message);

function plateOf(alert, tag) {
  const text = alert.plate ?? alert.matched?.plate;
  return text ? plateText({ text }, tag) : null;
}

/** Asks for a note and acknowledges. */
export function askAcknowledge(alert) {
  const note = h("textarea", { rows: 3, maxlength: 1000 });
  const fault = h("p", { class: "fault", role: "alert" });
  const form = h("form", {}, h("p", { class: "about" }, plateOf(alert), h("b", {}, titleOf(alert)), h("span", { class: "soft" }, `${placeOf(alert)} · ${full(alert.timestamp)}`)),
    field(t("alerts.note"), note, t("alerts.note.hint")), fault,
    h("div", { class: "buttons" },
      h("button", { type: "button", on: { click: () => dialog.close() } }, t("cancel")),
      h("button", { type: "submit", class: "primary" }, icon("check"), t("alerts.ack"))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await acknowledge(alert, note.value.trim());
      dialog.close();
    } catch (refusal) {
      fault.textContent = t("alerts.failed", { why: wordsOf(refusal) });
    }
  });
  const dialog = showDialog(t("alerts.ack"), form);
  note.focus();
}

/** Shows the read that an alert is about. */
async function show(alert) {
  let record = feed.find(alert.detection_id);
  record ??= (await get(`api/records/${encodeURIComponent(alert.detection_id)}`).catch(() => null))?.record;
  if (record) openDetail(record);
  else showDialog(t("detail.title"), h("p", {}, t("detail.missing")));
}

// ---- the bar above everything

export function announce(alert) {
  const bar = byId("announcements");
  const box = h("div", { class: "announcement", data: { severity: alert.severity, alert: alert.alert_id } },
    icon(alert.kind === "camera" ? "cameras" : "alerts"),
    h("p", {}, h("b", {}, t("alerts.new")), plateOf(alert), h("span", {}, titleOf(alert)), h("span", { class: "soft" }, `${placeOf(alert)} · ${when(alert.timestamp)}`)),
    h("div", { class: "buttons" },
      alert.detection_id && h("button", { type: "button", on: { click: () => show(alert) } }, t("alerts.show")),
      h("button", { type: "button", class: "primary", on: { click: () => askAcknowledge(alert) } }, t("alerts.ack")),
      h("button", { type: "button", class: "quiet", "aria-label": t("alerts.dismiss"), title: t("alerts.dismiss"), on: { click: () => box.remove() } }, icon("close"))));
  bar.prepend(box);
  while (bar.children.length > ANNOUNCED) bar.lastElementChild.remove();
}

/** Takes those away that somebody has acknowledged, here or elsewhere, or that are over. */
export function keepAnnounced() {
  const open = new Set(alerts.value.map((alert) => alert.alert_id));
  for (const box of [...byId("announcements").children]) if (!open.has(box.dataset.alert)) box.remove();
}

// ---- the view

export function alertList(root) {
  let all = false;
  let older = [];
  let cursor = null;
  const tabs = [false, true].map((kind) => h("button", { type: "button", on: { click: () => pick(kind) } }, t(kind ? "alerts.everything" : "alerts.open")));
  const list = h("ul", { class: "alert-list" });
  const drawn = new Map();
  const empty = h("div", { class: "empty" });
  const more = h("button", { type: "button", class: "more", hidden: true, on: { click: () => load() } }, t("alerts.more"));
  root.append(h("div", { class: "view-head" }, h("h2", {}, t("alerts.title")), h("div", { class: "segments" }, tabs)), list, empty, more);

  function pick(kind) {
    all = kind;
    older = [];
    cursor = null;
    draw();
    if (all) load();
  }

  async function load() {
    try {
      const answer = await get("api/alerts", { state: "all", limit: PAGE, cursor });
      const known = new Set(older.map((alert) => alert.alert_id));
      older = older.concat(answer.alerts.filter((alert) => !known.has(alert.alert_id)));
      cursor = answer.next_cursor ?? null;
    } catch {
      // The link's state says it; opening the tab again asks again.
    }
    draw();
  }

  function refresh() {
    if (!all) return draw();
    older = [];
    cursor = null;
    return load();
  }

  function draw() {
    const shown = all ? older : alerts.value;
    tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", all === (index === 1)));
    arrange(list, shown.map(boxOf));
    more.hidden = !all || cursor === null;
    empty.hidden = shown.length > 0;
    empty.replaceChildren(h("b", {}, t(all ? "alerts.none" : "alerts.empty")), h("span", {}, t("alerts.empty.more")));
  }

  /** The box as it was where nothing about its alert has changed. */
  function boxOf(alert) {
    const record = alert.detection_id && feed.find(alert.detection_id);
    const drawnFrom = JSON.stringify([alert, record?.detection_id, record?.revision]);
    const before = drawn.get(alert.alert_id);
    if (before?.drawnFrom === drawnFrom) return before.box;
    const box = drawAlert(alert, record);
    drawn.set(alert.alert_id, { box, drawnFrom });
    return box;
  }

  alerts.addEventListener("change", refresh);
  feed.addEventListener("change", draw);
  draw();
  alerts.now();
  return {
    close() {
      alerts.removeEventListener("change", refresh);
      feed.removeEventListener("change", draw);
    },
  };
}

function drawAlert(alert, record) {
  const plate = record && platesOf(record).find((one) => one.text === alert.plate);
  const { matched, acknowledged } = alert;
  const why = reasonOf(matched);
  return h("li", { class: "panel alert", data: { severity: alert.severity, open: isOpen(alert) } },
    h("span", { class: "badge", data: { severity: alert.severity } }, icon(alert.kind === "camera" ? "cameras" : "alerts"), word("severity", alert.severity)),
    h("div", { class: "alert-what" },
      h("p", {}, plateOf(alert), h("b", {}, titleOf(alert))),
      plate?.doubtful && h("p", {}, plateFacts(plate), " ", doubt(plate)),
      alert.kind === "camera" && measureOf(alert) && h("p", { class: "soft" }, measureOf(alert)),
      why && h("p", { class: "soft" }, `${t("alerts.why")}: `, h("span", { lang: scriptOf(matched.plate ?? "") === "th" ? "th" : undefined }, [matched.plate, why].filter(Boolean).join(" – "))),
      matched?.note && h("p", {}, matched.note)),
    plate ? cropBox(cropOf(record, plate), plate.text) : h("span"),
    h("div", { class: "alert-where" }, h("time", { datetime: alert.timestamp, title: full(alert.timestamp) }, when(alert.timestamp)),
      h("span", { class: "soft", data: { since: alert.timestamp } }, ago(alert.timestamp)), h("span", { class: "soft" }, placeOf(alert))),
    h("div", { class: "buttons" },
      alert.detection_id && h("button", { type: "button", on: { click: () => show(alert) } }, t("alerts.show")),
      isOpen(alert) && h("button", { type: "button", class: "primary", on: { click: () => askAcknowledge(alert) } }, t("alerts.ack"))),
    alert.ended && !acknowledged && h("p", { class: "acked soft" }, icon("check"), t("alerts.ended", { time: when(alert.ended) })),
    acknowledged && h("p", { class: "acked soft" }, icon("check"), t("alerts.acked", { who: acknowledged.by || "–", time: when(acknowledged.at) }), acknowledged.note && h("span", { class: "quote" }, acknowledged.note)));
}
