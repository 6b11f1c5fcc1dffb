// Where reads count: zones, lines and the least height of a plate, drawn on the live picture and written into the
// configuration. Corners are buttons: they are dragged, or moved with the arrow keys.

import { overlay } from "./aim.js";
import { get, put } from "./api.js";
import { choice, field, h } from "./dom.js";
import { number, t } from "./i18n.js";
import { camera, heading, livePicture } from "./state.js";

const STEP = 0.01;
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const within = (value) => Math.min(1, Math.max(0, value));
const percentOf = (value) => `${Math.round(value * 100)}`;

/** Corners of a new zone; each next one a little aside, so that it is seen. */
const fresh = (index) => [[0.2, 0.3], [0.8, 0.3], [0.8, 0.8], [0.2, 0.8]].map(([x, y]) => [x + (index % 5) * 0.02, y + (index % 5) * 0.02]);

export function zones(main) {
  let picture = livePicture();
  let areas = null;
  /** The camera's picture, in its own pixels. */
  let frame = null;
  let version = "";
  let saved = "";
  /** `["zones", 0]`, `["lines", 2]`. */
  let chosen = null;
  const list = h("ul", { class: "area-list" });
  const outcome = h("div", { class: "outcome", role: "status" });
  const handles = h("div", { class: "handles" });
  const least = h("input", { type: "number", name: "min_plate_height", disabled: true, min: 0, max: 1000, step: 1, inputmode: "decimal" });
  const save = h("button", { type: "button", class: "primary", data: { act: "save" }, disabled: true, on: { click: write } }, t("zones.save"));
  const zone = h("button", { type: "button", disabled: true, data: { act: "zone" }, on: { click: addZone } }, t("zones.addzone"));
  const line = h("button", { type: "button", disabled: true, data: { act: "line" }, on: { click: addLine } }, t("zones.addline"));
  const undo = h("button", { type: "button", data: { act: "undo" }, disabled: true, on: { click: load } }, t("zones.undo"));
  least.addEventListener("input", () => { areas.min_plate_height = Number(least.value) || 0; drawOver(); });

  const isChanged = () => areas && JSON.stringify(areas) !== saved;
  const pointsOf = ([kind, index]) => (kind === "zones" ? areas.zones[index].points : [areas.lines[index].from, areas.lines[index].to]);
  const nameOf = ([kind, index]) => (kind === "zones" ? t("zones.zone", { n: index + 1 }) : t("zones.line", { name: areas.lines[index].name }));

  function drawOver() {
    picture.stage.querySelector(".over")?.remove();
    const over = overlay(areas, frame);
    if (chosen) over.querySelectorAll(chosen[0] === "zones" ? ".zone" : ".crossing")[chosen[1]]?.classList.add("chosen");
    handles.before(over);
    save.disabled = !isChanged();
    undo.disabled = !isChanged();
  }

  function labelOf(index) {
    const [x, y] = pointsOf(chosen)[index];
    return t("zones.corner", { n: index + 1, of: nameOf(chosen), x: percentOf(x), y: percentOf(y) });
  }

  function place(button, index) {
    const [x, y] = pointsOf(chosen)[index];
    button.style.left = `${x * 100}%`;
    button.style.top = `${y * 100}%`;
    button.setAttribute("aria-label", labelOf(index));
  }

  function move(index, x, y) {
    const point = pointsOf(chosen)[index];
    point[0] = Math.round(within(x) * 1e4) / 1e4;
    point[1] = Math.round(within(y) * 1e4) / 1e4;
    place(handles.children[index], index);
    drawOver();
  }

  function handle(index) {
    const button = h("button", { type: "button", class: "handle", data: { corner: index } });
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      button.focus();
      button.setPointerCapture(event.pointerId);
      const box = handles.getBoundingClientRect();
      const drag = (moved) => move(index, (moved.clientX - box.left) / box.width, (moved.clientY - box.top) / box.height);
      const end = () => button.removeEventListener("pointermove", drag);
      button.addEventListener("pointermove", drag);
      button.addEventListener("pointerup", end, { once: true });
      button.addEventListener("pointercancel", end, { once: true });
    });
    button.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (step) {
        event.preventDefault();
        const [x, y] = pointsOf(chosen)[index];
        const wide = event.shiftKey ? 5 : 1;
        move(index, x + step[0] * wide, y + step[1] * wide);
      } else if (event.key === "Delete" || event.key === "Backspace") {
        event.preventDefault();
        removeCorner(index);
      }
    });
    place(button, index);
    return button;
  }

  function drawHandles(focus) {
    handles.replaceChildren(...(chosen ? pointsOf(chosen).map((_, index) => handle(index)) : []));
    handles.children[focus]?.focus();
  }

  function removeCorner(index) {
    if (chosen[0] !== "zones" || areas.zones[chosen[1]].points.length <= 3) return;
    areas.zones[chosen[1]].points.splice(index, 1);
    draw();
    drawHandles(Math.max(0, index - 1));
  }

  /** In the middle of the longest side. */
  function addCorner() {
    const { points } = areas.zones[chosen[1]];
    const middle = (index) => { const next = points[(index + 1) % points.length]; return [(points[index][0] + next[0]) / 2, (points[index][1] + next[1]) / 2]; };
    const length = (index) => { const next = points[(index + 1) % points.length]; return Math.hypot(points[index][0] - next[0], points[index][1] - next[1]); };
    const longest = points.reduce((best, _, index) => (length(index) > length(best) ? index : best), 0);
    points.splice(longest + 1, 0, middle(longest));
    draw();
    drawHandles(longest + 1);
  }

  function choose(what) {
    chosen = what;
    draw();
  }

  function drop([kind, index]) {
    areas[kind].splice(index, 1);
    choose(null);
    main.querySelector("[data-act=zone]")?.focus();
  }

  function item(what) {
    const [kind, index] = what;
    const isChosen = chosen && chosen[0] === kind && chosen[1] === index;
    const one = areas[kind][index];
    const pick = h("button", { type: "button", "aria-pressed": String(Boolean(isChosen)), class: "pick", data: { pick: `${kind}-${index}` }, on: { click: () => choose(isChosen ? null : what) } },
      h("span", { class: `swatch ${kind === "zones" ? one.kind : "crossing"}` }), kind === "zones" ? `${t("zones.zone", { n: index + 1 })}: ${t(`zones.${one.kind}`)}` : nameOf(what));
    const forms = !isChosen ? [] : kind === "zones" ? [
      field(t("zones.kind"), choice([["include", t("zones.include")], ["exclude", t("zones.exclude")]], one.kind, { name: "kind", on: { change: (event) => { one.kind = event.target.value; draw(); } } })),
      h("button", { type: "button", data: { act: "corner" }, on: { click: addCorner } }, t("zones.addcorner")),
    ] : [field(t("zones.name"), h("input", { name: "name", value: one.name, maxlength: 64, on: { change: (event) => { one.name = event.target.value.trim(); draw(); } } }), t("zones.namehint"))];
    return h("li", {}, pick, isChosen && h("div", { class: "area-form" }, forms,
      h("button", { type: "button", class: "danger", data: { act: "remove" }, on: { click: () => drop(what) } }, t("zones.remove"))));
  }

  function draw() {
    list.replaceChildren(...areas.zones.map((_, index) => item(["zones", index])), ...areas.lines.map((_, index) => item(["lines", index])));
    least.value = areas.min_plate_height;
    drawHandles();
    drawOver();
  }

  function addZone() {
    areas.zones.push({ kind: "include", points: fresh(areas.zones.length) });
    choose(["zones", areas.zones.length - 1]);
  }

  function addLine() {
    const names = areas.lines.map((one) => one.name);
    let next = 1;
    while (names.includes(`line ${next}`)) next += 1;
    areas.lines.push({ name: `line ${next}`, from: [0.1, 0.6], to: [0.9, 0.6] });
    choose(["lines", areas.lines.length - 1]);
  }

  async function write() {
    save.disabled = true;
    outcome.replaceChildren();
    try {
      const answer = await put(`api/cameras/${camera()}/areas`, { areas, version });
      take(answer.areas, answer.version);
      outcome.replaceChildren(h("div", { class: "panel block good" }, h("p", {}, h("b", {}, t("zones.saved"))),
        answer.then !== "restart" && h("p", {}, t(`then.${answer.then}`)),
        answer.fault && h("p", { class: "mono small" }, answer.fault),
        answer.restart.length > 0 && h("p", {}, t("then.restart", { keys: answer.restart.join(", ") })),
        h("p", { class: "soft small" }, t("zones.backup", { path: answer.backup }))));
    } catch (refusal) {
      outcome.replaceChildren(refused(refusal));
      save.disabled = false;
    }
    outcome.scrollIntoView({ block: "nearest" });
  }

  function refused(refusal) {
    const why = refusal.status === 0 ? "away" : refusal.code;
    const words = ["read_only", "changed", "invalid", "overridden"].includes(why) ? t(`refused.${why}`) : t("refused.other");
    const snippet = refusal.body?.snippet;
    return h("div", { class: "panel block bad" }, h("p", {}, h("b", {}, words)),
      h("p", { class: "mono small" }, refusal.status === 0 ? t("away") : refusal.message),
      snippet && [field(t("zones.snippet", { n: number(camera() + 1) }), h("textarea", { readonly: true, rows: Math.min(16, snippet.split("\n").length), name: "snippet", value: snippet, class: "mono" })),
        h("p", {}, t("then.reload"))]);
  }

  function take(said, newVersion) {
    areas = said;
    version = newVersion;
    saved = JSON.stringify(areas);
    chosen = null;
    for (const control of [zone, line, least]) control.disabled = false;
    draw();
  }

  async function load() {
    outcome.replaceChildren();
    try {
      const said = await get(`api/cameras/${camera()}/areas`);
      take(said.areas, said.version);
      if (!said.writable) outcome.replaceChildren(h("p", { class: "soft" }, t("zones.readonly", { path: said.path })));
    } catch (refusal) {
      outcome.replaceChildren(refused(refusal));
    }
  }

  async function measure() {
    frame = await get(`api/cameras/${camera()}/seen`).catch(() => null);
    if (areas) drawOver();
  }

  function build() {
    picture.stage.append(handles);
    frame = null;
    picture.stage.querySelector("img").addEventListener("load", measure, { once: true });
    main.replaceChildren(heading(t("nav.zones"), again), h("div", { class: "editor" },
      h("div", { class: "seen" }, picture.stage, h("p", { class: "soft small" }, t("zones.how"))),
      h("div", { class: "panel block tools" },
        field(t("zones.least"), least, t("zones.leasthint")), list,
        h("div", { class: "buttons" }, zone, line),
        h("div", { class: "buttons" }, save, undo), outcome)));
    load();
  }

  function again() {
    picture.close();
    picture = livePicture();
    build();
  }

  build();
  return { close: () => picture.close() };
}
