// The camera wall: who is there, how each is, what it read last. Those that need attention come first.

import { get } from "./api.js";
import { alerts, cameraKey, cameras, healthOf, isOnline, problemsOf } from "./board.js";
import { arrange, h } from "./dom.js";
import { feed } from "./feed.js";
import { ago, full, moment, number, percent, span, t, when, word } from "./i18n.js";
import { icon } from "./icons.js";
import { cropBox, cropOf, plateText, platesOf } from "./record.js";
import { showDialog } from "./viewer.js";

/** A clock that is wrong by more than this is said; `clock_skew_ms` is how far it is behind the server's. */
const SKEW_MS = 10_000;
const HISTORY = 200;
const RANK = { error: 0, offline: 1, warning: 2, unknown: 3, healthy: 4 };

const stateOf = (camera) => (isOnline(camera) ? camera.health_status || "unknown" : "offline");
const needsCare = (camera) => RANK[stateOf(camera)] < 3 || Math.abs(camera.clock_skew_ms ?? 0) > SKEW_MS || camera.lost_events > 0 || problemsOf(camera).length > 0;

/** What a status is called, whatever peer invented it. */
const wordOf = (state) => (state === "offline" ? t("cameras.offline") : word("health", state));

export function wall(root) {
  let only = "all";
  const filters = ["all", "care"].map((kind) => h("button", { type: "button", data: { kind }, on: { click: () => pick(kind) } }));
  const cards = h("ul", { class: "wall" });
  const empty = h("div", { class: "empty" });
  root.append(h("div", { class: "view-head" }, h("h2", {}, t("cameras.title")), h("div", { class: "segments" }, filters)), cards, empty);
  const known = new Map();

  function pick(kind) {
    only = kind;
    show();
  }

  function show() {
    const all = cameras.value;
    const care = all.filter(needsCare);
    const rank = (camera) => Math.min(RANK[stateOf(camera)] ?? 3, needsCare(camera) ? 2 : 9);
    const order = (camera) => `${rank(camera)} ${camera.checkpoint_id} ${camera.camera_id}`;
    const shown = [...(only === "care" ? care : all)].sort((a, b) => order(a).localeCompare(order(b), undefined, { numeric: true }));
    filters.forEach((button) => {
      const kind = button.dataset.kind;
      button.setAttribute("aria-pressed", kind === only);
      button.textContent = kind === "all" ? `${t("cameras.everything")} ${number(all.length)}` : `${t("cameras.problems")} ${number(care.length)}`;
    });
    arrange(cards, shown.map(cardOf));
    empty.hidden = shown.length > 0;
    empty.replaceChildren(...(all.length > 0 ? [h("b", {}, t("cameras.fine"))] : [h("b", {}, t("cameras.empty")), h("span", {}, t("cameras.empty.more"))]));
  }

  /** The card as it was where nothing about its camera has changed. */
  function cardOf(camera) {
    const last = feed.latestOf(camera);
    const drawnFrom = JSON.stringify([camera, healthOf(camera), problemsOf(camera), last?.detection_id, last?.revision]);
    const key = cameraKey(camera);
    const before = known.get(key);
    if (before?.drawnFrom === drawnFrom) return before.card;
    const card = drawCamera(camera, last);
    known.set(key, { card, drawnFrom });
    return card;
  }

  const sources = [cameras, feed, alerts];
  sources.forEach((source) => source.addEventListener("change", show));
  show();
  cameras.now();
  return { close: () => sources.forEach((source) => source.removeEventListener("change", show)) };
}

function drawCamera(camera, last) {
  const state = stateOf(camera);
  return h("li", { class: "panel camera", data: { state, care: needsCare(camera) } },
    h("div", { class: "camera-head" },
      h("h3", {}, camera.camera_id, h("small", {}, camera.checkpoint_id)),
      h("span", { class: "state", data: { state } }, state === "unknown" ? t("cameras.online") : wordOf(state))),
    drawLast(camera, last),
    h("dl", { class: "pairs" },
      h("dt", {}, t("cameras.seen")), h("dd", {}, h("time", { datetime: camera.last_seen, title: full(camera.last_seen), data: { since: camera.last_seen } }, ago(camera.last_seen))),
      h("dt", {}, t("cameras.reads")), h("dd", {}, number(camera.detection_count ?? 0))),
    drawTroubles(camera),
    drawParts(camera),
    h("div", { class: "links" },
      h("a", { href: `#/search?camera=${encodeURIComponent(cameraKey(camera))}` }, t("cameras.find")),
      h("button", { type: "button", class: "link", on: { click: () => showHistory(camera) } }, t("cameras.history"))));
}

function drawLast(camera, record) {
  if (!record) return h("div", { class: "last none" }, camera.detection_count > 0 ? h("span", { class: "soft" }, lastWords(camera)) : t("cameras.noread"));
  const [plate] = platesOf(record);
  return h("div", { class: "last" }, cropBox(cropOf(record, plate), plate.text),
    h("div", {}, plateText(plate, "p"), h("p", { class: "soft" }, when(record.timestamp))));
}

/** The server's own `last_detection`: a time, or an object that has one. */
function lastWords(camera) {
  const at = camera.last_detection?.timestamp ?? camera.last_detection;
  return moment(at) ? `${t("cameras.read")}: ${when(at)}` : t("cameras.noread");
}

function drawTroubles(camera) {
  const skew = camera.clock_skew_ms ?? 0;
  const problems = problemsOf(camera).map((alert) => alert.problem);
  const troubles = [
    ...problems.filter((problem) => problem !== "skewed").map((problem) => word("problem", problem)),
    Math.abs(skew) > SKEW_MS && t(skew > 0 ? "cameras.skew.behind" : "cameras.skew", { time: span(skew) }),
    camera.lost_events > 0 && t("cameras.lost", { n: camera.lost_events }),
  ].filter(Boolean);
  return troubles.length > 0 && h("ul", { class: "troubles" }, troubles.map((text) => h("li", {}, icon("warning"), text)));
}

/** Each part with its state in words, and what of the machine is used. */
function drawParts(camera) {
  const parts = Object.entries(healthOf(camera));
  if (parts.length === 0) return null;
  const details = Object.assign({}, ...parts.map(([, part]) => part.details ?? {}));
  const usages = [["cpu", details.cpu_usage], ["memory", details.memory_usage], ["disk", details.disk_usage]].filter(([, value]) => typeof value === "number");
  const warmth = details.temperature ?? details.temperature_c;
  return [
    h("ul", { class: "parts" }, parts.map(([name, part]) => h("li", { data: { state: part.status }, title: part.message || undefined },
      name, h("span", { class: "soft" }, wordOf(part.status)), part.status !== "healthy" && part.message && h("span", { class: "why" }, part.message)))),
    (usages.length > 0 || typeof warmth === "number") && h("div", { class: "usages" },
      usages.map(([name, value]) => h("div", { class: "usage", data: { level: value >= 90 ? "bad" : value >= 75 ? "warn" : "" } },
        h("span", {}, t(`usage.${name}`)), h("meter", { min: 0, max: 100, value, "aria-label": t(`usage.${name}`) }), h("span", {}, percent(value / 100)))),
      typeof warmth === "number" && h("div", { class: "usage plain" }, h("span", {}, t("usage.temperature")), h("span"), h("span", {}, `${number(Math.round(warmth))} °C`))),
  ];
}

/** What the camera's parts said of themselves, and what its agent says that it lost. */
async function showHistory(camera) {
  const { camera_id, checkpoint_id } = camera;
  const body = h("div", { class: "history" }, t("loading"));
  showDialog(`${camera_id} · ${t("cameras.history")}`, body, { wide: true });
  const [health, gaps] = await Promise.allSettled([
    get("api/cameras/health", { camera_id, checkpoint_id, limit: HISTORY }),
    get("api/gaps", { camera_id, limit: HISTORY }),
  ]);
  if (health.status === "rejected") return body.replaceChildren(h("p", { class: "fault" }, health.reason.status === 0 ? t("away") : health.reason.message));
  const lost = (gaps.value?.gaps ?? []).filter((gap) => gap.checkpoint_id === checkpoint_id);
  return body.replaceChildren(...[drawGaps(lost), drawReports(health.value.health)].flat().filter(Boolean));
}

const newestFirst = (rows) => [...rows].sort((a, b) => (moment(b.timestamp) ?? 0) - (moment(a.timestamp) ?? 0));
const head = (keys) => h("thead", {}, h("tr", {}, keys.map((key) => h("th", { scope: "col" }, t(key)))));
const time = (row) => h("td", {}, h("time", { datetime: row.timestamp, title: full(row.timestamp) }, when(row.timestamp)));

function drawGaps(gaps) {
  if (gaps.length === 0) return null;
  return [h("h3", {}, t("gaps.title")), h("table", { class: "wide gaps" }, head(["health.when", "gaps.count", "gaps.kind", "gaps.reason"]),
    h("tbody", {}, newestFirst(gaps).map((gap) => h("tr", {}, time(gap), h("td", {}, number(gap.count)),
      h("td", {}, word("gapkind", gap.kind)), h("td", {}, word("gapreason", gap.reason))))))];
}

function drawReports(reports) {
  if (reports.length === 0) return [h("p", { class: "empty" }, t("cameras.nohistory"))];
  return [h("h3", {}, t("cameras.reports")), h("table", { class: "wide" }, head(["health.when", "health.component", "health.status", "health.message"]),
    h("tbody", {}, newestFirst(reports).map((report) => h("tr", { data: { state: report.status } }, time(report), h("td", {}, report.component ?? ""),
      h("td", {}, h("span", { class: "state", data: { state: report.status } }, wordOf(report.status))), h("td", {}, report.message ?? "")))))];
}
