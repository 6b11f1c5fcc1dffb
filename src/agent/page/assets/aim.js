// Aiming: the live picture, and how high and how sharp the plate is that is seen now. Large enough to be read from a ladder.

import { get } from "./api.js";
import { h, s, setText } from "./dom.js";
import { number, percent, scriptOf, t } from "./i18n.js";
import { camera, heading, livePicture, onState, state } from "./state.js";

const ASK_MS = 400;

/** A plate that is out of sight stays on the screen for so long: it is read off a phone, not by a machine. */
const HOLD_MS = 3000;

/** A plate lower than this is seldom read, whatever the limit says (README). */
const READABLE = 20;

/** Sharpness below which letters run into each other, and from which they stand apart. */
const BLURRED = 0.25;
const SHARP = 0.4;

/** Zones, lines and the least height of a plate, drawn over the picture. */
export function overlay(areas, frame) {
  const points = (list) => list.map(([x, y]) => `${x * 1000},${y * 1000}`).join(" ");
  const zone = (one) => s("polygon", { points: points(one.points), class: `zone ${one.kind}` });
  const line = (one) => s("line", { x1: one.from[0] * 1000, y1: one.from[1] * 1000, x2: one.to[0] * 1000, y2: one.to[1] * 1000, class: "crossing" });
  const high = areas.min_plate_height;
  const gauge = high > 0 && frame && s("rect", {
    x: 20, y: 30, width: (high * 3 * 1000) / frame.width, height: (high * 1000) / frame.height, class: "gauge",
  });
  return s("svg", { class: "over", viewBox: "0 0 1000 1000", preserveAspectRatio: "none", "aria-hidden": "true" },
    areas.zones.map(zone), areas.lines.map(line), gauge || null);
}

function judge(height, least) {
  if (least > 0 && height < least) return "bad";
  return height < READABLE ? "warn" : "good";
}

export function aim(main) {
  const value = h("b", { class: "height-value", data: { part: "height" } }, "–");
  const verdict = h("p", { class: "verdict", data: { part: "verdict" } });
  const text = h("p", { class: "plate", data: { part: "text" } });
  const meter = h("meter", { min: 0, max: 1, value: 0, "aria-label": t("aim.sharpness") });
  const sharp = h("span", { data: { part: "sharpness" } }, "–");
  const others = h("ul", { class: "others" });
  const figures = h("section", { class: "panel figures", "aria-label": t("aim.figures"), data: { level: "none" } },
    h("p", { class: "caption" }, t("aim.height")),
    h("p", { class: "height" }, value, h("span", {}, t("aim.px"))), verdict,
    h("div", { class: "sharp" }, h("span", { class: "caption" }, t("aim.sharpness")), meter, sharp),
    text, others);
  const troubles = h("p", { class: "trouble", role: "status", hidden: true });
  const legend = h("p", { class: "soft small legend" });
  const place = h("div", { class: "aim" });

  let picture = livePicture();
  let areas = null;
  let drawn = "";
  let held = null;
  let closed = false;
  let timer = 0;

  function build() {
    place.replaceChildren(h("div", { class: "seen" }, picture.stage, legend), figures);
    main.replaceChildren(heading(t("nav.aim"), again), troubles, place);
    drawn = "";
    loadAreas();
    describe();
  }

  function again() {
    picture.close();
    picture = livePicture();
    areas = null;
    held = null;
    build();
  }

  async function loadAreas() {
    const wanted = camera();
    const said = await get(`api/cameras/${wanted}/areas`).catch(() => null);
    if (wanted === camera()) areas = said?.areas ?? null;
  }

  function describe() {
    const one = state.value?.cameras[camera()];
    const stale = one && one.state === "streaming" && (one.frame_age_ms ?? 0) > 5000;
    const words = one && one.state !== "streaming" ? `${t(`camera.${one.state}`)}${one.fault ? `: ${one.fault}` : ""}` : stale ? t("camera.silent") : "";
    troubles.hidden = !words;
    setText(troubles, words);
  }

  function draw(seen) {
    const key = JSON.stringify([areas, seen?.width, seen?.height]);
    if (areas && key !== drawn) {
      drawn = key;
      picture.stage.querySelector(".over")?.remove();
      picture.stage.append(overlay(areas, seen));
    }
    if (seen?.plates.length > 0) held = { plate: seen.plates[0], until: Date.now() + HOLD_MS };
    const best = held && Date.now() < held.until ? held.plate : undefined;
    const least = seen?.min_plate_height ?? 0;
    setText(legend, least > 0 ? t("aim.gauge", { n: least }) : t("aim.nogauge", { n: READABLE }));
    figures.dataset.level = best ? judge(best.height, least) : "none";
    setText(value, best ? number(best.height) : "–");
    setText(verdict, best ? t(`verdict.${figures.dataset.level}`) : t("aim.noplate"));
    setText(text, best?.text ?? "");
    text.lang = scriptOf(best?.text ?? "");
    const sharpness = best?.sharpness;
    meter.value = sharpness ?? 0;
    meter.dataset.level = sharpness === undefined || sharpness === null ? "none" : sharpness < BLURRED ? "bad" : sharpness < SHARP ? "warn" : "good";
    setText(sharp, sharpness === undefined || sharpness === null ? "–" : `${percent(sharpness)} · ${t(`sharp.${meter.dataset.level}`)}`);
    const rest = best ? [...best.refused ? [t(`why.${best.refused}`)] : [], ...["dark", "glare"].includes(best.light) ? [t(`light.${best.light}`)] : []] : [];
    const more = (seen?.plates ?? []).slice(1, 4).map((plate) => t("aim.other", { text: plate.text || "?", n: plate.height }));
    const lines = [...rest, ...more];
    if (others.dataset.lines !== lines.join("\n")) {
      others.dataset.lines = lines.join("\n");
      others.replaceChildren(...lines.map((line) => h("li", {}, line)));
    }
  }

  async function ask() {
    if (!document.hidden) {
      const wanted = camera();
      const seen = await get(`api/cameras/${wanted}/seen`).catch(() => null);
      if (closed) return;
      if (wanted === camera()) draw(seen);
    }
    timer = setTimeout(ask, ASK_MS);
  }

  build();
  ask();
  const quiet = onState(describe);
  return { close() { closed = true; clearTimeout(timer); quiet(); picture.close(); } };
}
