// Figures: reads per hour, the counts of the server, reads per camera.

import { get } from "./api.js";
import { cameraKey, cameras, counts } from "./board.js";
import { drawChart, drawTable, everyHour } from "./chart.js";
import { choice, field, h, settle } from "./dom.js";
import { number, t, when } from "./i18n.js";

const DAY = 86_400_000;
const RANGES = [1, 3, 7, 30];
const REFRESH_MS = 60_000;
const rangeName = (days) => (days === 1 ? t("figures.day") : t("figures.days", { n: days }));

export function figures(root) {
  const tiles = h("dl", { class: "tiles" });
  const updated = h("p", { class: "soft" });
  const share = h("div", { class: "panel block" });
  const hours = hourly();
  root.append(h("div", { class: "view-head" }, h("h2", {}, t("figures.title")), updated), hours.element,
    h("div", { class: "two" }, h("section", { class: "panel block", "aria-label": t("figures.server") }, h("h3", {}, t("figures.server")), tiles), share));

  function showCounts() {
    const data = counts.value;
    if (!data) return;
    updated.textContent = t("figures.updated", { time: when(data.last_update) });
    const rows = [
      ["today", data.today_detections], ["total", data.total_detections], ["checks", data.today_health_checks],
      ["cameras", t("count.of", { n: data.active_cameras ?? 0, total: data.total_cameras ?? 0 })], ["entries", data.blacklist_count], ["clients", data.connected_clients],
      ["lost", data.lost_events ?? 0], ["pictures", (data.lost_pictures ?? 0) + (data.images_dropped ?? 0)],
    ];
    tiles.replaceChildren(...rows.map(([name, value]) =>
      h("div", {}, h("dt", {}, t(`count.${name}`)), h("dd", {}, typeof value === "number" ? number(value) : value ?? "–"))));
  }

  function showShare() {
    const ranked = [...cameras.value].sort((a, b) => (b.detection_count ?? 0) - (a.detection_count ?? 0));
    const most = Math.max(1, ...ranked.map((camera) => camera.detection_count ?? 0));
    share.replaceChildren(h("h3", {}, t("figures.percamera")), h("ul", { class: "shares" }, ranked.map((camera) => {
      const bar = h("span", { class: "share-bar", "aria-hidden": "true" });
      bar.style.setProperty("--share", (camera.detection_count ?? 0) / most);
      return h("li", {}, h("a", { href: `#/search?camera=${encodeURIComponent(cameraKey(camera))}` }, camera.camera_id), h("span", { class: "soft" }, camera.checkpoint_id),
        h("b", {}, number(camera.detection_count ?? 0)), bar);
    })));
  }

  counts.addEventListener("change", showCounts);
  cameras.addEventListener("change", showShare);
  showCounts();
  showShare();
  return {
    close() {
      hours.close();
      counts.removeEventListener("change", showCounts);
      cameras.removeEventListener("change", showShare);
    },
  };
}

/** The chart with its range and camera. */
function hourly() {
  let days = 1;
  let shown = null;
  let drawn = { hours: null, width: 0 };
  let asking = 0;
  const ranges = RANGES.map((n) => h("button", { type: "button", on: { click: () => pick(n) } }, rangeName(n)));
  const camera = choice([["", t("all")]], "", { on: { change: () => load() } });
  const summary = h("p", { class: "soft", role: "status" });
  const drawing = h("div", { class: "drawing" });
  const table = h("div", { class: "table-box" });
  const element = h("section", { class: "panel block", "aria-label": t("figures.hours") },
    h("div", { class: "block-head" }, h("h3", {}, t("figures.hours")), h("div", { class: "block-tools" }, field(t("search.camera"), camera),
      h("div", { class: "segments", role: "group", "aria-label": t("figures.range") }, ranges))),
    summary, drawing, h("details", {}, h("summary", {}, t("figures.table")), table));

  function pick(n) {
    days = n;
    load();
  }

  async function load() {
    const mine = (asking += 1);
    ranges.forEach((button, index) => button.setAttribute("aria-pressed", RANGES[index] === days));
    const to = Date.now();
    const from = Math.floor((to - days * DAY) / 3_600_000 + 1) * 3_600_000;
    const [checkpoint_id, camera_id] = camera.value ? JSON.parse(camera.value) : [];
    const answer = await get("api/hours", { from: new Date(from).toISOString(), to: new Date(to).toISOString(), camera_id, checkpoint_id }).catch(() => null);
    // While a person goes from hour to hour the bars stay.
    if (!answer || mine !== asking || drawing.contains(document.activeElement)) return;
    shown = everyHour(answer.hours, from, to);
    const sum = shown.reduce((total, hour) => total + hour.n, 0);
    const most = Math.max(...shown.map((hour) => hour.n));
    summary.textContent = sum > 0 ? t("figures.sum", { n: sum, range: rangeName(days), most }) : t("figures.nothing");
    table.replaceChildren(drawTable(shown));
    draw();
  }

  /** Never the same twice: whoever is in the chart would lose the focus. */
  function draw() {
    const width = drawing.clientWidth;
    if (!shown || width === 0 || (drawn.hours === shown && drawn.width === width)) return;
    drawn = { hours: shown, width };
    drawing.replaceChildren(drawChart(shown, width, `${t("figures.hours")}. ${summary.textContent}`));
  }

  function showCameras() {
    const chosen = camera.value;
    const known = cameras.value.map((one) => [cameraKey(one), `${one.camera_id} · ${one.checkpoint_id}`]);
    camera.replaceChildren(...[["", t("all")], ...known].map(([value, text]) => h("option", { value }, text)));
    camera.value = chosen;
  }

  const watcher = new ResizeObserver(settle(80, draw));
  watcher.observe(drawing);
  const timer = setInterval(load, REFRESH_MS);
  cameras.addEventListener("change", showCameras);
  showCameras();
  load();
  return {
    element,
    close() {
      asking += 1;
      clearInterval(timer);
      cameras.removeEventListener("change", showCameras);
      watcher.disconnect();
    },
  };
}
