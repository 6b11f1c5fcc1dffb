// The page: which view is shown, the bar above it, and the link to the server.

import { announce, alertList, askAcknowledge, keepAnnounced } from "./alerts.js";
import { address, onUnauthorised } from "./api.js";
import { audit } from "./audit.js";
import { alerts, cameras, counts, heardAlert, heardHealth } from "./board.js";
import { wall } from "./cameras.js";
import { byId, h, setText } from "./dom.js";
import { feed } from "./feed.js";
import { figures } from "./figures.js";
import { clock, number, onLanguage, t, translate } from "./i18n.js";
import { icon } from "./icons.js";
import { listen } from "./keys.js";
import { live } from "./live.js";
import { drawMenu } from "./menu.js";
import { refreshAges } from "./record.js";
import { search } from "./search.js";
import { discover, forgetPerson, mayEdit, onSession, session, signOut } from "./session.js";
import { askToken } from "./signin.js";
import { connect } from "./socket.js";
import { play } from "./sound.js";
import { showDialog } from "./viewer.js";
import { watchlists } from "./watchlists.js";

const REFRESH_MS = 20_000;
const AGES_MS = 1000;
const AGAIN_MS = 2000;

/** A proxy that lets no socket through: after so long we ask by REST who we are. */
const SOCKET_MS = 3000;

/** Each view in the order of the bar. */
const VIEWS = {
  live: { mount: live },
  search: { mount: search },
  cameras: { mount: wall },
  alerts: { mount: alertList },
  watchlists: { mount: watchlists },
  figures: { mount: figures },
  audit: { mount: audit, admin: true },
};

// ---- which view

let current = null;
let mounted = {};

const isShown = (name) => Object.hasOwn(VIEWS, name) && (!VIEWS[name].admin || mayEdit());

function route() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: isShown(name) ? name : "live", params: new URLSearchParams(query ?? "") };
}

/** Writes what a view shows into the address, without a step in the history. */
function remember(name, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  history.replaceState(null, "", `#/${name}${query.size > 0 ? `?${query}` : ""}`);
  current = location.hash;
}

function show() {
  const { name, params } = route();
  current = location.hash;
  mounted.close?.();
  const main = byId("main");
  main.dataset.view = name;
  main.replaceChildren();
  mounted = VIEWS[name].mount(main, params, { remember: (values) => remember(name, values) }) ?? {};
  for (const link of byId("nav").children) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function go(name) {
  if (isShown(name)) location.hash = `#/${name}`;
}

function drawNav() {
  const shown = Object.keys(VIEWS).filter(isShown);
  byId("nav").replaceChildren(...shown.map((name) => h("a", { href: `#/${name}`, class: VIEWS[name].admin && "wide-only", data: { view: name } },
    icon(name), h("span", {}, t(`nav.${name}`)), name === "alerts" && h("span", { class: "count", id: "alert-count" }))));
  byId("nav").querySelector(`[data-view="${byId("main").dataset.view}"]`)?.setAttribute("aria-current", "page");
  drawAlertCount();
}

function drawAlertCount() {
  const many = alerts.value.length;
  const count = byId("alert-count");
  if (count) {
    count.hidden = many === 0;
    setText(count, number(many));
    count.title = t("alerts.count", { n: many });
  }
  const title = many > 0 ? `(${number(many)}) ${t("title")}` : t("title");
  if (document.title !== title) document.title = title;
}

// ---- the link

let lostAt = null;
let socket = null;
let entering = 0;

function showLink(state) {
  const link = byId("link");
  link.dataset.state = state;
  setText(link, t(`link.${state}`));
  if (state === "reconnecting") lostAt ??= new Date();
  else lostAt = null;
  const banner = byId("lost");
  banner.hidden = lostAt === null;
  setText(banner, lostAt ? t("link.lost", { time: clock(lostAt) }) : "");
}

function refreshAll() {
  counts.soon();
  cameras.soon();
  alerts.soon();
  return feed.catchUp().catch(() => {});
}

function hushAll() {
  counts.hush();
  cameras.hush();
  alerts.hush();
}

const EVENTS = {
  new_detection() {
    feed.heard();
    counts.soon();
    cameras.soon();
  },
  detection_update: (payload) => feed.revised(payload?.detection_id),
  camera_status: () => {
    cameras.soon();
    counts.soon();
  },
  health_update(payload) {
    if (payload) heardHealth(payload);
    cameras.soon();
    counts.soon();
  },
  blacklist_alert: (alert) => heard("blacklist_alert", alert),
  alert_update: (alert) => heard("alert_update", alert),
};

function heard(event, alert) {
  if (!heardAlert(event, alert)) return;
  announce(alert);
  play(alert.severity);
}

function join() {
  socket = connect(address("socket.io/"), {
    onOpen(emit) {
      emit("join_dashboard");
      emit("join_health_room");
      showLink("live");
      // Whatever happened while the link was down, and before the rooms were joined.
      enter();
    },
    onEvent: (name, payload) => session.role && EVENTS[name]?.(payload),
    onClose() {
      hushAll();
      if (socket) showLink("reconnecting");
    },
    onRefused: ask,
  });
}

function leave() {
  const left = socket;
  socket = null;
  left?.close();
}

// ---- coming and going

/** Asks who we are, and shows what they may see. The socket is asked first: it refuses without a word in the console. */
async function enter() {
  clearTimeout(entering);
  try {
    await discover();
  } catch (refusal) {
    if (refusal.status !== 401) entering = setTimeout(enter, AGAIN_MS);
    return;
  }
  if (current === null) show();
  refreshAll();
}

function start() {
  if (!socket) join();
  clearTimeout(entering);
  entering = setTimeout(enter, SOCKET_MS);
}

/** Nothing is shown to somebody whom the server does not know, not even what was shown before. */
function ask() {
  leave();
  clearTimeout(entering);
  forgetPerson();
  feed.forget();
  alerts.set([]);
  cameras.set([]);
  counts.set(null);
  hushAll();
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  mounted.close?.();
  mounted = {};
  current = null;
  byId("main").replaceChildren();
  showLink("connecting");
  askToken(start);
}

onUnauthorised(ask);

async function leaveForGood() {
  hushAll();
  try {
    await signOut();
    location.reload();
  } catch (refusal) {
    showDialog(t("bar.signout"), h("p", { class: "fault" }, refusal.status === 0 ? t("away") : refusal.message));
  }
}

onSession(() => {
  drawNav();
  drawMenu(leaveForGood);
});
onLanguage(() => {
  drawNav();
  drawMenu(leaveForGood);
  showLink(byId("link").dataset.state);
  if (current !== null) show();
});
alerts.addEventListener("change", () => {
  drawAlertCount();
  keepAnnounced();
});
addEventListener("hashchange", () => current !== null && location.hash !== current && show());

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});

listen({
  search() {
    if (byId("main").dataset.view !== "search") {
      location.hash = "#/search";
      show();
    }
    mounted.focus?.();
  },
  view: (place) => go(Object.keys(VIEWS)[place - 1]),
  move: (by) => mounted.move?.(by),
  enter: () => mounted.enter?.(),
  escape: () => mounted.escape?.(),
  acknowledge: () => alerts.value.length > 0 && askAcknowledge(alerts.value[0]),
});

translate(document);
drawNav();
drawMenu(leaveForGood);
showLink("connecting");
setInterval(() => !document.hidden && session.role && refreshAll(), REFRESH_MS);
setInterval(() => !document.hidden && refreshAges(), AGES_MS);
document.addEventListener("visibilitychange", () => !document.hidden && session.role && refreshAll());
start();
