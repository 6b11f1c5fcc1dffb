// All that is known of one record: the picture, each plate with its crop and votes, the times, the reason it was found.

import { alertsOf } from "./board.js";
import { h } from "./dom.js";
import { full, moment, number, percent, scriptOf, span, t, when } from "./i18n.js";
import { icon } from "./icons.js";
import { cropBox, cropOf, delayOf, doubt, placeOf, plateFacts, plateText, platesOf, reasonOf, sceneOf, vehiclesOf } from "./record.js";
import { showDialog, showPicture } from "./viewer.js";

/** The picture of the scene, large. */
export function openScene(record) {
  const url = sceneOf(record);
  if (!url) return openDetail(record);
  const plates = platesOf(record).map((plate) => plateText(plate));
  return showPicture(url, [...plates, h("span", { class: "soft" }, `${placeOf(record)} · ${full(record.timestamp)}`)]);
}

/** The same as the pane beside the list, where there is no room for a pane. */
export function openDetail(record) {
  const dialog = showDialog(t("detail.title"), drawDetail(record));
  // Following a link leaves the dialog behind.
  dialog.addEventListener("click", (event) => event.target.closest?.("a") && dialog.close());
  return dialog;
}

/** The elements that tell of `record`. */
export function drawDetail(record) {
  const plates = platesOf(record);
  return h("article", { class: "detail" },
    drawScene(record),
    h("div", { class: "plate-cards" }, plates.map((plate, index) => drawPlate(record, plate, index))),
    drawReasons(record),
    drawVotes(plates),
    drawFacts(record, plates[0]),
    plates[0].text && h("p", { class: "links" },
      h("a", { class: "button", href: `#/search?plate=${encodeURIComponent(plates[0].text)}&match=exact` }, icon("search"), t("detail.same"))));
}

function drawScene(record) {
  const url = sceneOf(record);
  if (!url) return h("p", { class: "scene none" }, t("detail.nopicture"));
  const image = h("img", { src: url, alt: t("detail.picture"), decoding: "async" });
  const button = h("button", { type: "button", class: "scene", "aria-label": t("detail.enlarge"), on: { click: () => openScene(record) } },
    image, h("span", { class: "corner" }, icon("expand")));
  image.addEventListener("error", () => button.replaceWith(h("p", { class: "scene none" }, t("detail.nopicture"))), { once: true });
  return button;
}

function drawPlate(record, plate, index) {
  return h("div", { class: "plate-card" },
    cropBox(cropOf(record, plate), plate.text, { alt: t("detail.crop", { n: index + 1 }) }),
    h("div", {},
      plateText(plate, "p"),
      h("p", {}, plateFacts(plate), " ", doubt(plate))));
}

function drawReasons(record) {
  const lines = alertsOf(record).map((alert) => {
    const why = reasonOf(alert.matched);
    return h("div", { class: "reason", data: { severity: alert.severity } },
      h("p", {}, icon("alerts"), h("b", {}, alert.matched?.watchlist ?? alert.title ?? t("read.watch"))),
      why && h("p", { class: "soft" }, why), alert.matched?.note && h("p", {}, alert.matched.note));
  });
  if (record.matched) {
    lines.push(h("div", { class: "reason" }, h("p", {}, icon("search"), h("b", {}, t("detail.matched"))),
      h("p", { class: "soft" }, h("span", { class: "mono", lang: "zxx" }, record.matched.text ?? ""), " ", reasonOf(record.matched))));
  }
  return lines;
}

const figure = (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
const rounded = (value) => (value === undefined ? "" : number(Math.round(value * 100) / 100));

/** What one text of the vote got: `{text, reads, support}`, or as other agents have it `[text, count]`. */
function voteOf(vote) {
  if (Array.isArray(vote)) return { text: vote[0], reads: figure(vote[1]) };
  return { text: vote?.text, reads: figure(vote?.reads ?? vote?.votes ?? vote?.count), support: figure(vote?.support ?? vote?.weight) };
}

/** A row for each text that was voted for, the one that won first; an agent may say no more than how many reads agreed. */
function votesOf(plate) {
  const { votes } = plate;
  const said = typeof votes !== "object" || votes === null ? [] : Array.isArray(votes) ? votes.map(voteOf) : Object.entries(votes).map(voteOf);
  const rows = said.filter(({ text }) => text).map(({ text, reads, support }) => ({ text: String(text), count: rounded(reads), support: rounded(support) }));
  const won = (row) => row.text === plate.text;
  if (rows.length === 0) return [{ ...plate, count: rounded(figure(votes)), support: "", won: true }];
  if (!rows.some(won)) rows.unshift({ text: plate.text, count: "", support: "" });
  return rows.map((row) => (won(row) ? { ...plate, ...row, won: true } : row)).sort((a, b) => Boolean(b.won) - Boolean(a.won));
}

function drawVotes(plates) {
  const rows = plates.flatMap(votesOf);
  const columns = [
    ["detail.plate", (row) => plateText(row)],
    ["detail.count", (row) => row.count],
    ["detail.support", (row) => row.support],
    ["detail.confidence", (row) => row.confidence !== undefined && percent(row.confidence)],
    ["detail.letters", (row) => row.letters !== undefined && percent(row.letters)],
    ["detail.raw", (row) => row.raw && h("span", { class: "mono", lang: scriptOf(String(row.raw)) }, String(row.raw))],
    ["detail.dwell", (row) => row.dwell !== undefined && span(row.dwell)],
  ].filter(([key, cell]) => key === "detail.plate" || rows.some((row) => cell(row)));
  if (columns.length < 2) return null;
  return h("section", {}, h("h3", {}, t("detail.votes")),
    h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": t("detail.votes") }, h("table", {},
      h("thead", {}, h("tr", {}, columns.map(([key]) => h("th", { scope: "col" }, t(key))))),
      h("tbody", {}, rows.map((row) => h("tr", { data: { won: row.won } }, columns.map(([key, cell]) =>
        key === "detail.plate" ? h("th", { scope: "row" }, cell(row)) : h("td", {}, cell(row) || "–"))))))));
}

function drawFacts(record, plate) {
  const delay = delayOf(record);
  const raw = moment(record.raw_timestamp);
  const seen = moment(plate.first) && moment(plate.last) ? `${when(plate.first)} – ${when(plate.last)}` : null;
  const took = record.processing_time_ms;
  const facts = [
    ["detail.captured", h("time", { datetime: record.timestamp }, full(record.timestamp))],
    [null, record.time_corrected && raw && h("span", { class: "warn" }, t("detail.corrected", { time: full(raw) }))],
    [null, record.clock_synced === false && !record.time_corrected && h("span", { class: "warn" }, t("detail.unsynced"))],
    ["detail.received", h("time", { datetime: record.received_at }, full(record.received_at))],
    ["detail.delay", delay !== null && delay >= 0 && span(delay)],
    ["detail.seen", seen],
    ["detail.camera", record.camera_id],
    ["detail.checkpoint", record.checkpoint_id],
    ["detail.vehicle", vehiclesOf(record)],
    ["detail.direction", plate.direction && String(plate.direction)],
    ["detail.processing", typeof took === "number" && took > 0 && span(took)],
    ["detail.agent", record.agent_version && String(record.agent_version)],
    ["detail.revision", record.revision > 0 && number(record.revision)],
    ["detail.id", h("span", { class: "mono small" }, record.detection_id)],
  ];
  return h("section", { "aria-label": t("detail.label") }, h("dl", { class: "facts" },
    facts.filter(([, value]) => value).map(([key, value]) => [h("dt", {}, key ? t(key) : ""), h("dd", {}, value)])));
}

