// A record in the words of the page, and its row in a list.

import { picture } from "./api.js";
import { alertsOf } from "./board.js";
import { h } from "./dom.js";
import { ago, moment, number, percent, scriptOf, span, t, when } from "./i18n.js";
import { icon } from "./icons.js";

/** Later than this after its capture, a read is marked. */
const LATE_MS = 60_000;

const at = (value, index) => (Array.isArray(value) ? value[index] : index === 0 ? value : undefined);
/** One province is for all plates. */
const provinceAt = (value, index) => (Array.isArray(value) ? value[index] : value);
/** The table of the only plate, not a list with a table for each. */
const isTable = (votes) => Array.isArray(votes) && votes.length > 0 && votes.every((vote) => vote !== null && typeof vote === "object" && !Array.isArray(vote) && "text" in vote);
const finite = (value) => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
const share = (value) => (finite(value) > 1 ? finite(value) / 100 : finite(value));

/** The plates of a record, at least one: what is parallel in the payload is together here. */
export function platesOf(record) {
  const texts = record.ocr_results ?? [];
  const found = record.plate_detections ?? [];
  const crops = record.cropped_plate_urls ?? record.crop_urls ?? [];
  const many = Math.max(1, texts.length, crops.length, texts.length ? 0 : found.length);
  return Array.from({ length: many }, (_, index) => {
    const given = texts[index];
    const plate = found[index] ?? {};
    return {
      text: String((typeof given === "object" ? given?.text : given) ?? plate.text ?? ""),
      province: String(provinceAt(record.province, index) ?? given?.province ?? ""),
      confidence: share(plate.confidence ?? plate.score ?? given?.confidence),
      letters: share(plate.text_confidence ?? given?.text_confidence),
      doubtful: plate.doubtful === true,
      raw: at(record.raw_text, index),
      votes: many === 1 && isTable(record.votes) ? record.votes : at(record.votes, index),
      first: at(record.first_seen, index),
      last: at(record.last_seen, index),
      dwell: finite(at(record.dwell_ms, index)),
      direction: at(record.direction, index),
      crop: crops[index] ?? null,
    };
  });
}

export const vehiclesOf = (record) =>
  [...new Set((record.vehicle_detections ?? []).map((vehicle) => vehicle?.class ?? vehicle?.label).filter(Boolean))].join(", ");

export const sceneOf = (record) => picture(record.annotated_image_url ?? record.image_url, record.revision);

export const cropOf = (record, plate) => picture(plate.crop, record.revision);

export const placeOf = (record) => `${record.checkpoint_id} · ${record.camera_id}`;

/** How long it took to arrive, in ms; `null` where one of the times is missing. */
export function delayOf(record) {
  const captured = moment(record.timestamp);
  const received = moment(record.received_at);
  return captured && received ? received - captured : null;
}

export function plateText(plate, tag = "span") {
  const shown = plate.text || t("read.none");
  return h(tag, { class: plate.text ? "plate" : "plate none", lang: plate.text ? scriptOf(plate.text) : undefined }, shown);
}

/** How sure the text is; of agents that do not say, how sure it is that there is a plate. */
function sureness({ letters, confidence, doubtful }) {
  const value = letters ?? confidence;
  if (value === undefined) return null;
  const level = doubtful ? "poor" : value >= 0.8 ? "good" : value >= 0.5 ? "fair" : "poor";
  const title = t(letters === undefined ? "read.found" : "read.sure", { percent: percent(value) });
  return h("span", { class: "sure", title, data: { level } }, percent(value));
}

/** A mark on a plate whose text is to be compared with the picture. */
export const doubt = (plate) => plate.doubtful && h("span", { class: "tag doubt", title: t("read.compare") }, t("read.doubtful"));

/** What is known of a plate besides its text: its province, and how sure that text is. */
export function plateFacts(plate) {
  const sure = sureness(plate);
  return h("span", { class: "soft" }, plate.province && h("span", { lang: scriptOf(plate.province) }, plate.province), plate.province && sure && " · ", sure);
}

export function cropBox(url, text, props = {}) {
  if (!url) return h("span", { class: "crop none" }, text ? "" : t("read.nocrop"));
  const image = h("img", { alt: "", decoding: "async", loading: "lazy", ...props, src: url });
  const box = h("span", { class: "crop" }, image);
  image.addEventListener("error", () => box.replaceChildren(t("read.nocrop")), { once: true });
  return box;
}

/** A row's content: what a person needs to see in passing. */
export function drawRow(record) {
  const plates = platesOf(record);
  const [first] = plates;
  const more = plates.length - 1;
  const [alert, ...others] = alertsOf(record);
  const delay = delayOf(record);
  const late = delay !== null && delay > LATE_MS;
  return h("div", { class: "read", data: { severity: alert?.severity ?? "" } },
    cropBox(cropOf(record, first), first.text),
    h("span", { class: "what" },
      h("span", { class: "plates" }, plateText(first), doubt(first), more > 0 && h("span", { class: "tag", title: t("read.more", { n: more }) }, `+${number(more)}`)),
      plateFacts(first)),
    h("span", { class: "where" }, h("span", {}, record.camera_id), h("span", { class: "soft" }, record.checkpoint_id)),
    h("span", { class: "vehicle soft" }, vehiclesOf(record)),
    h("span", { class: "marks" },
      alert && h("span", { class: "badge", data: { severity: alert.severity } }, icon("alerts"), h("span", { class: "fit" }, alert.matched?.watchlist ?? t("read.watch")), others.length > 0 && h("span", {}, `+${number(others.length)}`)),
      !alert && record.matched?.why && h("span", { class: "tag why", title: reasonOf(record.matched) }, reasonOf(record.matched))),
    h("span", { class: "times" },
      h("time", { datetime: record.timestamp }, when(record.timestamp)),
      late ? h("span", { class: "late", title: t("read.late", { time: span(delay) }) }, icon("clock"), `+${span(delay)}`)
        : h("span", { class: "soft age", data: { since: record.timestamp } }, ago(record.timestamp))));
}

// The server says why in English sentences of a few forms; what has another form stays as it is.
const REASONS = [
  [/^same plate$/, () => t("why.same")],
  [/^begins with (.+)$/, (text) => t("why.begins", { text })],
  [/^look-alikes: (.+)$/, (list) => t("why.alike", { list: list.split(", ").map(change).join(", ") })],
  [/^one character differs: (.+)$/, (text) => t("why.one", { text: change(text) })],
  [/^province read as (.+)$/, (text) => t("why.province", { text })],
  [/^province (.+)$/, (text) => t("why.of", { text })],
];
const CHANGES = [
  [/^(.+) read as (.+)$/, (from, to) => t("why.as", { from, to })],
  [/^(.+) not read$/, (text) => t("why.missing", { text })],
  [/^(.+) read in addition$/, (text) => t("why.extra", { text })],
];

function said(forms, text) {
  const form = forms.find(([pattern]) => pattern.test(text));
  return form ? form[1](...form[0].exec(text).slice(1)) : text;
}

const change = (text) => said(CHANGES, text);

/** Why a record was found or matched, as text. */
export const reasonOf = (matched) => String(matched?.why ?? "").split("; ").map((part) => said(REASONS, part)).join("; ");

/** Keeps the ages on the page true. */
export function refreshAges(root = document) {
  const now = Date.now();
  for (const element of root.querySelectorAll("[data-since]")) {
    const text = ago(element.dataset.since, now);
    if (element.textContent !== text) element.textContent = text;
  }
}
