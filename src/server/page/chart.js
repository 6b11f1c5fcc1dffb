// Reads per hour as bars, drawn by hand in SVG: readable by eye, by keyboard, and (as a table) by ear.

import { h, s } from "./dom.js";
import { day, minute, number, t } from "./i18n.js";

const HOUR = 3_600_000;
const HEIGHT = 260;
const LEFT = 48;
const RIGHT = 8;
const TOP = 14;
const BOTTOM = 40;

/** Every hour of the range, those without reads too. */
export function everyHour(hours, from, to) {
  const known = new Map(hours.map((one) => [Math.floor(new Date(one.hour).getTime() / HOUR), one.detections]));
  const all = [];
  for (let hour = Math.floor(from / HOUR); hour * HOUR < to; hour += 1) all.push({ at: new Date(hour * HOUR), n: known.get(hour) ?? 0 });
  return all;
}

/** Few round numbers from zero to at least `most`. */
function ticks(most) {
  const rough = Math.max(1, most / 4);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough));
  const all = [0];
  while (all.at(-1) < most) all.push(all.at(-1) + step);
  if (all.length === 1) all.push(step);
  return all;
}

/** The chart of `hours` (`everyHour`) at `width` pixels. */
export function drawChart(hours, width, summary) {
  const scale = ticks(Math.max(...hours.map((hour) => hour.n), 0));
  const top = scale.at(-1);
  const inner = width - LEFT - RIGHT;
  const slot = inner / hours.length;
  const x = (index) => LEFT + index * slot;
  const y = (n) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - n / top);
  const bar = Math.max(1, Math.min(slot - (slot > 4 ? 2 : 0.5), 40));
  const bars = hours.map(({ n, at }, index) => s("g", { class: "slot", data: { index } },
    s("rect", { class: "hit", x: x(index), y: TOP, width: slot, height: HEIGHT - TOP - BOTTOM }),
    s("rect", { class: "bar", x: x(index) + (slot - bar) / 2, y: y(n), width: bar, height: Math.max(n > 0 ? 1.5 : 0, y(0) - y(n)), rx: Math.min(2, bar / 3) }),
    s("title", {}, pointText({ n, at }))));
  const tip = h("p", { class: "tip idle", role: "status" }, t("figures.keys"));
  const drawing = s("svg", { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": summary, tabindex: "0" },
    scale.map((n) => [s("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(n), y2: y(n) }), s("text", { class: "tick", x: LEFT - 8, y: y(n) + 4, "text-anchor": "end" }, number(n))]),
    bars, drawTimes(hours, x, slot, inner));
  let at = -1;

  function point(index) {
    bars[at]?.classList.remove("on");
    at = index;
    bars[at]?.classList.add("on");
    tip.textContent = at < 0 ? t("figures.keys") : pointText(hours[at]);
    tip.classList.toggle("idle", at < 0);
  }

  drawing.addEventListener("pointerover", (event) => {
    const slotted = event.target.closest?.(".slot");
    if (slotted) point(Number(slotted.dataset.index));
  });
  drawing.addEventListener("pointerleave", () => point(-1));
  drawing.addEventListener("blur", () => point(-1));
  drawing.addEventListener("keydown", (event) => {
    const last = hours.length - 1;
    const next = { ArrowLeft: at < 0 ? last : at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    point(Math.min(last, Math.max(0, next)));
  });
  return h("div", { class: "chart-box" }, drawing, tip);
}

const pointText = ({ at, n }) => t("figures.point", { time: `${day(at)} ${minute(at)}`, n });

/** Hours below where there is room for them, days below those. */
function drawTimes(hours, x, slot, inner) {
  const every = [1, 2, 3, 6, 12, 24].find((n) => (n * slot) >= 46) ?? 24;
  const marks = [];
  let lastDay = -Infinity;
  hours.forEach(({ at }, index) => {
    const hour = at.getHours();
    const middle = x(index);
    if (every < 24 && hour % every === 0) marks.push(s("text", { class: "tick", x: middle, y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, minute(at)));
    if (hour === 0 || index === 0) {
      if (hour === 0) marks.push(s("line", { class: "midnight", x1: middle, x2: middle, y1: TOP, y2: HEIGHT - BOTTOM + 4 }));
      const room = LEFT + inner - middle;
      if (middle - lastDay > 64) {
        lastDay = middle;
        marks.push(s("text", { class: "tick strong", x: room < 50 ? LEFT + inner : middle, y: HEIGHT - 6, "text-anchor": room < 50 ? "end" : "start" }, day(at)));
      }
    }
  });
  return marks;
}

/** The same numbers as a table. */
export function drawTable(hours) {
  return h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("figures.hour")), h("th", { scope: "col" }, t("figures.reads")))),
    h("tbody", {}, hours.map(({ at, n }) => h("tr", {}, h("th", { scope: "row" }, `${day(at)} ${minute(at)}`), h("td", {}, number(n))))));
}
