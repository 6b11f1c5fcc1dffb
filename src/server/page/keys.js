// The keyboard: single keys where no one is typing, and the page that explains them.

import { h, memory } from "./dom.js";
import { t } from "./i18n.js";
import { showDialog } from "./viewer.js";

const isOn = () => memory.get("keys") !== "off";
const typing = (element) => element?.closest?.("input, textarea, select, [contenteditable]");

/** `acts`: `search()`, `view(number)`, `move(by)`, `enter()`, `escape()`, `acknowledge()`. */
export function listen(acts) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = document.activeElement;
    if (event.key === "Escape") return typing(inside) ? inside.blur() : document.querySelector("dialog[open]") ? undefined : acts.escape();
    if (typing(inside) || document.querySelector("dialog[open]")) return;
    const free = inside === document.body || inside === null || inside.id === "main";
    // What has the focus knows what these mean; with the focus nowhere they mean the list.
    if (free && ["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) {
      event.preventDefault();
      if (event.key === "Enter") acts.enter();
      else acts.move(event.key === "ArrowDown" ? 1 : -1);
      return;
    }
    if (!isOn()) return;
    if (event.key === "/") acts.search();
    else if (event.key === "?") showKeys();
    else if (event.key === "a") acts.acknowledge();
    else if (/^[1-7]$/.test(event.key)) acts.view(Number(event.key));
    else return;
    event.preventDefault();
  });
}

export function showKeys() {
  const rows = [
    [["/"], "keys.search"], [["↑", "↓"], "keys.move"], [["PgUp", "PgDn", "Home", "End"], "keys.page"], [["Enter"], "keys.open"],
    [["Esc"], "keys.close"], [["1", "–", "7"], "keys.views"], [["a"], "keys.ack"], [["?"], "keys.help"],
  ];
  const toggle = h("input", { type: "checkbox", id: "keys-on", on: { change: () => memory.set("keys", toggle.checked ? "on" : "off") } });
  toggle.checked = isOn();
  showDialog(t("keys.title"), [
    h("dl", { class: "keys" }, rows.map(([names, key]) => [h("dt", {}, names.map((name) => (name === "–" ? " – " : h("kbd", {}, name)))), h("dd", {}, t(key))])),
    h("div", { class: "check" }, toggle, h("label", { for: "keys-on" }, t("keys.on"))),
  ]);
}
