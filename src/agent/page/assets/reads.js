// The last reads with their pictures.

import { address } from "./api.js";
import { arrange, h } from "./dom.js";
import { number, percent, scriptOf, t, when } from "./i18n.js";
import { heading, onState, state } from "./state.js";

function card(read) {
  const plates = read.plates.map((plate, index) => h("div", { class: "read-plate" },
    h("div", { class: "crop" }, plate.crop ? h("img", { src: address(plate.crop), alt: t("reads.crop", { n: index + 1 }) }) : t("reads.nocrop")),
    h("div", {},
      h("p", { class: "plate", lang: scriptOf(plate.text) }, plate.text || "?"),
      plate.doubtful && h("p", { class: "warn small" }, t("reads.doubtful")),
      plate.province && h("p", { lang: scriptOf(plate.province) }, plate.province),
      h("p", { class: "soft small" }, [t("reads.sure", { percent: percent(plate.confidence) }), t("reads.high", { n: plate.height }),
        plate.sharpness === null ? "" : t("reads.sharp", { percent: percent(plate.sharpness) })].filter(Boolean).join(" · ")))));
  return h("li", { class: "panel read-card", data: { id: read.event_id } }, plates,
    h("p", { class: "soft small" }, [when(read.at), read.camera, t("reads.frames", { n: read.reads }), read.provisional ? t("reads.provisional") : ""].filter(Boolean).join(" · ")));
}

export function reads(main) {
  const list = h("ul", { class: "read-cards" });
  const empty = h("div", { class: "panel empty" }, h("b", {}, t("reads.empty")), h("span", {}, t("reads.empty.more")));
  const count = h("p", { class: "soft", role: "status" });
  const known = new Map();
  main.replaceChildren(heading(t("nav.reads")), count, list, empty);

  function draw() {
    const all = state.value?.reads ?? [];
    for (const read of all) {
      const said = JSON.stringify(read);
      if (known.get(read.event_id)?.said !== said) known.set(read.event_id, { said, card: card(read) });
    }
    for (const id of [...known.keys()]) if (!all.some((read) => read.event_id === id)) known.delete(id);
    arrange(list, all.map((read) => known.get(read.event_id).card));
    empty.hidden = all.length > 0;
    list.hidden = all.length === 0;
    count.textContent = t("reads.note", { n: number(all.length) });
    count.hidden = all.length === 0;
  }
  draw();
  return { close: onState(draw) };
}
