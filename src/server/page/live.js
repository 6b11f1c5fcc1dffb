// The live view: the counts, the latest reads as they arrive, the newest or the chosen one beside them.

import { alerts, counts } from "./board.js";
import { h, setText } from "./dom.js";
import { feed } from "./feed.js";
import { number, t } from "./i18n.js";
import { icon } from "./icons.js";
import { Pane } from "./pane.js";

/** Mounts the view into `root`; gives what the page may ask of it. */
export function live(root) {
  let unseen = 0;
  const toTop = h("button", { type: "button", class: "unseen", hidden: true, on: { click: () => pane.list.toTop() } });
  const title = h("h2", {}, t("live.title"));
  const pane = new Pane({
    label: t("live.title"), first: t("live.follow"),
    top: [h("div", { class: "panel-head" }, title), toTop],
    onEnd: () => feed.older(),
    onTop: (atTop) => atTop && showUnseen(0),
    empty: () => feed.ready ? [h("b", {}, t("live.empty")), h("span", {}, t("live.empty.more"))] : t("loading"),
  });
  const strip = h("dl", { class: "strip", "aria-label": t("count.label") });

  function showUnseen(n) {
    unseen = n;
    toTop.hidden = n === 0;
    if (n > 0) toTop.replaceChildren(icon("up"), t("live.new", { n }));
  }

  function showReads({ detail }) {
    const above = pane.list.items[0];
    pane.set(feed.records);
    if (pane.list.atTop || !above) return;
    const fresh = detail.added.filter((record) => record.received_at > above.received_at).length;
    if (fresh > 0) showUnseen(unseen + fresh);
  }

  const figures = new Map();

  function showCounts() {
    const data = counts.value ?? {};
    const shown = [
      ["today", data.today_detections],
      ["total", data.total_detections],
      ["cameras", data.total_cameras === undefined ? undefined : [data.active_cameras, data.total_cameras], data.active_cameras < data.total_cameras && "warn"],
      ["checks", data.today_health_checks],
      ["alerts", alerts.value.length, alerts.value.length > 0 && "bad"],
      data.lost_events > 0 && ["lost", data.lost_events, "bad"],
    ].filter(Boolean);
    for (const [name, value, state] of shown) {
      if (!figures.has(name)) {
        const figure = h("dd", { data: { count: name } });
        figures.set(name, figure);
        strip.append(h("div", {}, h("dt", {}, t(`count.${name}`)), figure));
      }
      const figure = figures.get(name);
      setText(figure, Array.isArray(value) ? value.map(number).join(" / ") : value === undefined ? "–" : number(value));
      figure.dataset.state = state || "";
    }
    for (const [name, figure] of figures) figure.parentElement.hidden = !shown.some(([other]) => other === name);
  }

  feed.addEventListener("change", showReads);
  counts.addEventListener("change", showCounts);
  alerts.addEventListener("change", showCounts);
  root.append(strip, pane.element);
  pane.set(feed.records);
  showCounts();
  return {
    move: (by) => pane.move(by),
    enter: () => pane.openChosen(),
    escape() {
      pane.list.toTop();
      return pane.release();
    },
    close() {
      pane.close();
      feed.removeEventListener("change", showReads);
      counts.removeEventListener("change", showCounts);
      alerts.removeEventListener("change", showCounts);
    },
  };
}
