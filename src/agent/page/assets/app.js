// The page: which view is shown, the bar above it, who is signed in.

import { aim } from "./aim.js";
import { onUnauthorised } from "./api.js";
import { byId, h, memory, setText } from "./dom.js";
import { health } from "./health.js";
import { clock, language, onLanguage, setLanguage, t, translate } from "./i18n.js";
import { icon } from "./icons.js";
import { reads } from "./reads.js";
import { discover, forgetPerson, onSession, signedIn, signOut } from "./session.js";
import { askToken } from "./signin.js";
import { onState, poll, state } from "./state.js";
import { unread } from "./unread.js";
import { zones } from "./zones.js";

const REFRESH_MS = 2000;

/** Each view in the order of the bar, with its drawing. */
const VIEWS = {
  aim: { mount: aim, drawing: "cameras" },
  reads: { mount: reads, drawing: "live" },
  unread: { mount: unread, drawing: "search" },
  zones: { mount: zones, drawing: "edit" },
  health: { mount: health, drawing: "figures" },
};

const THEMES = [["auto", "auto"], ["light", "sun"], ["dark", "moon"]];

let mounted = {};

function route() {
  const name = location.hash.replace(/^#\/?/, "");
  return Object.hasOwn(VIEWS, name) ? name : "aim";
}

function show() {
  const name = route();
  mounted.close?.();
  const main = byId("main");
  main.dataset.view = name;
  main.scrollTop = 0;
  main.replaceChildren();
  mounted = VIEWS[name].mount(main) ?? {};
  drawNav();
}

function drawNav() {
  byId("nav").replaceChildren(...Object.entries(VIEWS).map(([name, { drawing }]) =>
    h("a", { href: `#/${name}`, data: { view: name }, "aria-current": name === route() && "page" }, icon(drawing), h("span", {}, t(`nav.${name}`)))));
}

const quiet = (label, drawing, setting, click) =>
  h("button", { type: "button", class: "quiet", "aria-label": label, title: label, data: { setting }, on: { click } }, icon(drawing));

function drawMenu() {
  const other = language() === "th" ? "en" : "th";
  const now = Math.max(0, THEMES.findIndex(([name]) => name === document.documentElement.dataset.theme));
  const focused = document.activeElement?.dataset?.setting;
  byId("menu").replaceChildren(
    h("button", { type: "button", class: "quiet", lang: other, data: { setting: "language" }, on: { click: () => setLanguage(other) } }, t("bar.language")),
    quiet(`${t("bar.theme")}: ${t(`theme.${THEMES[now][0]}`)}`, THEMES[now][1], "theme", () => setTheme(THEMES[(now + 1) % THEMES.length][0])),
    signedIn() ? quiet(t("bar.signout"), "out", "signout", leave) : "");
  if (focused) byId("menu").querySelector(`[data-setting="${focused}"]`)?.focus();
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  memory.set("theme", theme);
  drawMenu();
}

// ---- the link to the agent

let lostAt = null;

function showLink() {
  const link = byId("link");
  link.dataset.state = state.lost ? "reconnecting" : "live";
  setText(link, t(`link.${link.dataset.state}`));
  lostAt = state.lost ? lostAt ?? new Date() : null;
  const lost = byId("lost");
  lost.hidden = !lostAt;
  if (lostAt) setText(lost, t("link.lost", { time: clock(lostAt) }));
}

let timer = 0;

async function refresh() {
  clearTimeout(timer);
  if (!document.hidden) await poll();
  timer = setTimeout(refresh, REFRESH_MS);
}

// ---- who

async function leave() {
  await signOut().catch(() => {});
  forgetPerson();
  ask();
}

function ask() {
  clearTimeout(timer);
  mounted.close?.();
  mounted = {};
  byId("main").replaceChildren();
  askToken(enter);
}

async function enter() {
  try {
    await discover();
  } catch (refusal) {
    // The form is shown already, or the agent is away: then it is asked again.
    if (refusal.status !== 401) setTimeout(enter, REFRESH_MS);
    return;
  }
  await refresh();
  show();
}

onUnauthorised(() => byId("signin").hidden && ask());
onState(showLink);
onSession(drawMenu);
onLanguage(() => { drawMenu(); showLink(); if (state.value) show(); });
addEventListener("hashchange", show);
document.addEventListener("visibilitychange", () => { if (!document.hidden && state.value) refresh(); });
translate(document);
drawMenu();
drawNav();
enter();
