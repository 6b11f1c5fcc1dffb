// The settings at the end of the bar: language, colours, sound, help, who is signed in.

import { byId, h, memory } from "./dom.js";
import { language, setLanguage, t } from "./i18n.js";
import { icon } from "./icons.js";
import { showKeys } from "./keys.js";
import { mayEdit, session, signedIn } from "./session.js";
import { isOn, switchSound } from "./sound.js";
import { showDialog } from "./viewer.js";

const THEMES = [["auto", "auto"], ["light", "sun"], ["dark", "moon"]];

const theme = () => document.documentElement.dataset.theme;

function setTheme(value) {
  document.documentElement.dataset.theme = value;
  memory.set("theme", value);
}

const quiet = (label, drawing, click, more = {}) =>
  h("button", { type: "button", class: "quiet", "aria-label": label, title: label, on: { click }, ...more }, icon(drawing));

/** Draws the settings into the bar; `signOut` is what that button does. */
export function drawMenu(signOut) {
  const focused = document.activeElement?.dataset?.setting;
  const other = language() === "th" ? "en" : "th";
  const redraw = () => drawMenu(signOut);
  const [now, drawing] = THEMES.find(([name]) => name === theme()) ?? THEMES[0];
  const next = THEMES[(THEMES.findIndex(([name]) => name === now) + 1) % THEMES.length][0];
  byId("menu").replaceChildren(
    h("button", { type: "button", class: "quiet text", lang: other, data: { setting: "language" }, on: { click: () => setLanguage(other) } }, t("bar.language")),
    quiet(`${t("bar.theme")}: ${t(`theme.${now}`)}`, drawing, () => { setTheme(next); redraw(); }, { data: { setting: "theme" } }),
    quiet(`${t("bar.sound")}: ${t(isOn() ? "sound.on" : "sound.off")}`, isOn() ? "sound" : "mute", () => { switchSound(!isOn()); redraw(); },
      { data: { setting: "sound" }, "aria-pressed": String(isOn()) }),
    mayEdit() ? h("a", { class: "button quiet narrow-only", href: "#/audit", "aria-label": t("nav.audit"), title: t("nav.audit") }, icon("audit")) : "",
    quiet(t("bar.help"), "help", showKeys, { class: "quiet wide-only", data: { setting: "help" } }),
    signedIn() ? h("span", { class: "who", title: t(`role.${session.role}`) }, session.name) : "",
    signedIn() ? quiet(`${t("bar.who", { name: session.name })} (${t(`role.${session.role}`)}) – ${t("bar.signout")}`, "out",
      () => askSignOut(signOut), { data: { setting: "signout" } }) : "");
  if (focused) byId("menu").querySelector(`[data-setting="${focused}"]`)?.focus();
}

function askSignOut(signOut) {
  const dialog = showDialog(t("bar.signout"), [
    h("p", {}, `${t("bar.who", { name: session.name })} (${t(`role.${session.role}`)})`),
    h("div", { class: "buttons" }, h("button", { type: "button", on: { click: () => dialog.close() } }, t("cancel")),
      h("button", { type: "button", class: "primary", on: { click: signOut } }, icon("out"), t("bar.signout"))),
  ]);
}
