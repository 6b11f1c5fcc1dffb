// How the parts of the machine feel; the outbox; the link to the server.

import { h } from "./dom.js";
import { ago, number, t, word } from "./i18n.js";
import { heading, onState, state } from "./state.js";

const STATES = { healthy: "healthy", warning: "warning", error: "error" };
const LINKS = { socketio: "healthy", rest: "healthy", probing: "warning", down: "error", "auth-paused": "error" };
const CAMERAS = { streaming: "healthy", opening: "warning", ended: "warning", failed: "error" };

const mark = (level, words) => h("span", { class: "state", data: { state: level } }, words);

function megabytes(bytes) {
  return t("unit.mb", { n: Math.round(bytes / 1e5) / 10 });
}

function pairs(list) {
  return h("dl", { class: "pairs" }, list.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function shown(value) {
  if (typeof value === "number") return number(Math.round(value * 10) / 10);
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** A details table that was opened stays so when it is drawn anew. */
function details(key, values, open) {
  const entries = Object.entries(values ?? {}).filter(([name, value]) => name !== "funnel" && value !== null);
  if (entries.length === 0) return null;
  return h("details", { data: { key }, open: open.has(key) }, h("summary", {}, t("health.details")),
    h("dl", { class: "pairs mono" }, entries.map(([name, value]) => [h("dt", {}, name), h("dd", {}, shown(value))])));
}

function rate(index) {
  const [now, before] = [state.value, state.before];
  if (!before) return null;
  const seconds = (new Date(now.at) - new Date(before.at)) / 1000;
  const frames = now.cameras[index].frames - (before.cameras[index]?.frames ?? 0);
  return seconds > 0 && frames >= 0 ? Math.round((frames / seconds) * 10) / 10 : null;
}

function camera(one, index) {
  const fps = rate(index);
  return h("section", { class: "panel block", "aria-label": one.camera },
    h("div", { class: "block-head" }, h("h3", {}, one.camera), mark(CAMERAS[one.state], t(`camera.${one.state}`))),
    one.fault && h("p", { class: "warn" }, one.fault),
    pairs([[t("camera.source"), h("span", { class: "mono" }, one.source)], [t("camera.fps"), fps === null ? "–" : number(fps)],
      [t("camera.frames"), number(one.frames)], [t("camera.gated"), number(one.gated)],
      [t("camera.overwritten"), number(one.overwritten)], [t("camera.reopened"), number(one.reopened)]]));
}

function report(one, open) {
  return h("li", { data: { component: one.component } },
    h("div", { class: "block-head" },
      h("h3", {}, word("component", one.component), h("span", { class: "soft small" }, one.camera)),
      mark(STATES[one.status], t(`health.${one.status}`))),
    one.message && h("p", {}, one.message),
    h("p", { class: "soft small" }, ago(one.at)),
    details(`${one.component} ${one.camera}`, one.details, open));
}

export function health(main) {
  const place = h("div", { class: "health" });
  main.replaceChildren(heading(t("nav.health")), place);

  function draw() {
    const value = state.value;
    if (!value) return;
    const open = new Set([...place.querySelectorAll("details[open]")].map((one) => one.dataset.key));
    const focused = document.activeElement?.closest?.("details")?.dataset.key;
    const box = value.outbox;
    place.replaceChildren(
      h("section", { class: "panel block", "aria-label": t("health.link"), data: { part: "link" } },
        h("div", { class: "block-head" }, h("h3", {}, t("health.link")), mark(LINKS[value.link.state], t(`uplink.${value.link.state}`))),
        value.link.trouble && h("p", { class: "warn" }, value.link.trouble),
        pairs([[t("outbox.pending"), number(box.pending)], [t("outbox.plates"), number(box.pending_plates)],
          [t("outbox.delivered"), number(box.delivered)], [t("outbox.quarantined"), number(box.quarantined)],
          [t("outbox.failed"), number(box.failed)], [t("outbox.bytes"), megabytes(box.bytes)]])),
      ...value.cameras.map(camera),
      h("section", { class: "panel block", "aria-label": t("health.parts") }, h("h3", {}, t("health.parts")),
        value.health.length > 0 ? h("ul", { class: "reports" }, value.health.map((one) => report(one, open))) : h("p", { class: "soft" }, t("health.none"))),
      h("section", { class: "panel block", "aria-label": t("health.program") }, h("h3", {}, t("health.program")),
        pairs([[t("health.version"), value.version], [t("health.config"), h("span", { class: "mono" }, value.config.path || "–")],
          [t("health.events"), number(value.events)], [t("health.dropped"), number(value.events_dropped)],
          [t("health.failed"), number(value.frames_failed)]])));
    if (focused) place.querySelector(`details[data-key="${CSS.escape(focused)}"] summary`)?.focus();
  }
  draw();
  return { close: onState(draw) };
}
