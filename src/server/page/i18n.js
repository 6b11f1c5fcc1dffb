// Words, numbers and times in the chosen language.

import { memory } from "./dom.js";
import { en } from "./en.js";
import { th } from "./th.js";

export const dictionaries = { en, th };

const listeners = new Set();
let formats = {};

function prepare() {
  const language = document.documentElement.lang;
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const locale = language === "th" ? "th-TH" : "en-GB";
  const of = (options) => new Intl.DateTimeFormat(locale, options);
  formats = {
    words: dictionaries[language] ?? en,
    plural: new Intl.PluralRules(locale),
    number: new Intl.NumberFormat(locale),
    percent: new Intl.NumberFormat(locale, { style: "percent" }),
    clock: of(time),
    minute: of({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    day: of({ day: "numeric", month: "short" }),
    short: of({ day: "numeric", month: "short", ...time }),
    date: of({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    full: of({ weekday: "short", day: "numeric", month: "short", year: "numeric", ...time, fractionalSecondDigits: 1 }),
  };
}
prepare();

/** Calls `act` after the language has changed. */
export const onLanguage = (act) => listeners.add(act);

export function setLanguage(language) {
  document.documentElement.lang = language;
  memory.set("language", language);
  prepare();
  translate(document);
  listeners.forEach((act) => act());
}

export const language = () => document.documentElement.lang;

/** The text `key` with its `{places}` filled; `n` decides between one and many, and is written as a number. */
export function t(key, values = {}) {
  let text = formats.words[key] ?? en[key] ?? key;
  if (typeof text === "object") text = text[formats.plural.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value ?? place;
  });
}

/** Texts that stand in index.html: `data-t`, and `data-t-label` for what is only heard. */
export function translate(root) {
  document.title = t("title");
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
}

export const number = (value) => formats.number.format(value);
export const percent = (share) => formats.percent.format(share);

/** A moment of the server (text) or of ours (number, Date); `null` where it is none. */
export function moment(value) {
  if (value === undefined || value === null || value === "") return null;
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? null : at;
}

const is = (format) => (value) => (moment(value) ? formats[format].format(moment(value)) : t("unknown"));
export const clock = is("clock");
export const minute = is("minute");
export const day = is("day");
export const date = is("date");
export const full = is("full");

/** The time of day; with the date where it is not today's. */
export function when(value) {
  const at = moment(value);
  if (!at) return t("unknown");
  return at.toDateString() === new Date().toDateString() ? formats.clock.format(at) : formats.short.format(at);
}

/** How long ago in the largest unit that fits. */
export function ago(value, now = Date.now()) {
  const at = moment(value);
  if (!at) return "";
  const seconds = Math.round((now - at.getTime()) / 1000);
  if (seconds < 2) return t("now");
  if (seconds < 60) return t("ago.s", { n: seconds });
  if (seconds < 3600) return t("ago.min", { n: Math.floor(seconds / 60) });
  if (seconds < 86_400) return t("ago.h", { n: Math.floor(seconds / 3600) });
  return t("ago.d", { n: Math.floor(seconds / 86_400) });
}

/** A length of time in milliseconds. */
export function span(ms) {
  const size = Math.abs(ms);
  if (size < 1000) return t("unit.ms", { n: Math.round(size) });
  if (size < 60_000) return t("unit.s", { n: Math.round(size / 100) / 10 });
  if (size < 3_600_000) return t("unit.min", { n: Math.round(size / 60_000) });
  if (size < 172_800_000) return t("unit.h", { n: Math.round(size / 3_600_000) });
  return t("unit.d", { n: Math.round(size / 86_400_000) });
}

/** Thai letters want a Thai voice and font; other plates belong to no language. */
export const scriptOf = (text) => (/\p{Script=Thai}/u.test(text) ? "th" : "zxx");

/** A word of the server's own small vocabulary where we have it, else as it came. */
export function word(prefix, value) {
  const key = `${prefix}.${value}`;
  return key in en ? t(key) : String(value ?? "");
}
