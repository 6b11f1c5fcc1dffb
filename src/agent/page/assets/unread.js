// Why vehicles were not read: where each one ended up, and pictures of those that were not read.

import { address, get } from "./api.js";
import { h, setText } from "./dom.js";
import { number, percent, t } from "./i18n.js";
import { camera, cameraName, heading, onState, state } from "./state.js";

const REASONS = ["no_plate", "out_of_zone", "too_small", "blurred", "glare_or_dark", "low_confidence", "refused", "suppressed", "sent"];

export function unread(main) {
  const rows = new Map();
  const body = h("ul", { class: "funnel panel" });
  const total = h("p", { class: "total" });
  const kept = h("p", { class: "soft small" });
  let pictures = null;

  function row(reason) {
    const count = h("b", { class: "count" });
    const bar = h("meter", { min: 0, max: 1, value: 0, "aria-label": t(`why.${reason}`) });
    const share = h("span", { class: "soft share" });
    const shots = h("ul", { class: "shots", "aria-label": t("unread.pictures", { why: t(`why.${reason}`) }) });
    const item = h("li", { data: { reason } },
      h("div", { class: "funnel-row" }, h("span", {}, t(`why.${reason}`)), bar, count, share),
      h("p", { class: "soft small" }, t(`hint.${reason}`)), shots);
    rows.set(reason, { item, count, bar, share, shots });
    return item;
  }

  function draw() {
    const funnel = state.value?.cameras[camera()]?.funnel;
    if (!funnel) return;
    const seen = funnel.vehicles_seen;
    setText(total, t("unread.total", { n: seen }));
    for (const [reason, { item, count, bar, share }] of rows) {
      const value = reason === "no_plate" ? seen - funnel.plate_found : funnel[reason];
      setText(count, number(value));
      bar.value = seen > 0 ? value / seen : 0;
      setText(share, seen > 0 ? percent(value / seen) : "");
      item.dataset.none = String(value === 0);
    }
  }

  async function load() {
    pictures = await get("api/unread").catch(() => null);
    const mine = pictures?.cameras.find((one) => one.camera === cameraName())?.reasons ?? [];
    setText(kept, pictures?.kept ? t("unread.kept") : t("unread.notkept"));
    for (const [reason, { shots }] of rows) {
      const paths = mine.find((one) => one.reason === reason)?.pictures.slice(0, 12) ?? [];
      shots.replaceChildren(...paths.map((path, index) => h("li", {},
        h("img", { src: address(path), alt: t("unread.picture", { n: index + 1, why: t(`why.${reason}`) }), loading: "lazy" }))));
      shots.hidden = paths.length === 0;
    }
  }

  function build() {
    rows.clear();
    body.replaceChildren(...REASONS.map(row));
    main.replaceChildren(heading(t("nav.unread"), build), total, body, kept);
    draw();
    load();
  }
  build();
  const timer = setInterval(load, 10_000);
  const quiet = onState(draw);
  return { close() { clearInterval(timer); quiet(); } };
}
