// The audit trail: who did what, from where. For administrators.

import { get } from "./api.js";
import { h, settle } from "./dom.js";
import { full, t, when, word } from "./i18n.js";

const PAGE = 200;
const REFRESH_MS = 15_000;
/** What the page asks along with every search tells nothing of the person. */
const OURS = ["limit", "images", "order", "cursor"];

export function audit(root) {
  let entries = [];
  let cursor = null;
  let paged = false;
  let closed = false;
  const filter = h("input", { type: "search", "aria-label": t("entries.filter"), placeholder: t("entries.filter") });
  const body = h("tbody");
  const empty = h("p", { class: "empty" }, t("loading"));
  const heads = ["audit.when", "audit.who", "audit.action", "audit.what", "audit.address"];
  const table = h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": t("nav.audit") }, h("table", { class: "trail" },
    h("thead", {}, h("tr", {}, heads.map((key) => h("th", { scope: "col" }, t(key))))), body));
  const more = h("button", { type: "button", class: "more", on: { click: () => load(cursor) } }, t("audit.more"));
  root.append(h("div", { class: "view-head" }, h("h2", {}, t("nav.audit")), h("div", { class: "block-tools" }, filter)),
    h("div", { class: "panel block" }, table, empty), more);

  async function load(from) {
    try {
      const answer = await get("api/audit", { limit: PAGE, cursor: from });
      if (closed) return;
      paged ||= from !== undefined;
      entries = from === undefined ? answer.entries : entries.concat(answer.entries);
      cursor = answer.next_cursor;
      draw();
    } catch (refusal) {
      if (entries.length === 0) empty.textContent = refusal.status === 0 ? t("away") : refusal.message;
    }
  }

  function draw() {
    const wanted = filter.value.trim().toLocaleLowerCase();
    const shown = entries.filter((entry) => !wanted || textOf(entry).includes(wanted));
    body.replaceChildren(...shown.map(drawEntry));
    table.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    empty.textContent = t(entries.length > 0 ? "audit.nofit" : "audit.empty");
    more.hidden = cursor === null;
  }

  filter.addEventListener("input", settle(120, draw));
  draw();
  empty.textContent = t("loading");
  load();
  // Whoever has gone back in time is not pulled to the present.
  const timer = setInterval(() => !paged && !document.hidden && load(), REFRESH_MS);
  return {
    focus: () => filter.focus(),
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}

const textOf = (entry) => [entry.who, entry.action, word("audit", entry.action), decoded(entry.what), entry.address].join(" ").toLocaleLowerCase();

function decoded(text) {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function drawEntry(entry) {
  return h("tr", {}, h("td", {}, h("time", { datetime: entry.at, title: full(entry.at) }, when(entry.at))), h("th", { scope: "row" }, entry.who),
    h("td", {}, word("audit", entry.action)), h("td", {}, h("span", { class: "what" }, drawWhat(entry.what))), h("td", { class: "mono" }, entry.address));
}

/** An address with its query as words; anything else as it stands. */
function drawWhat(what) {
  if (!what.startsWith("/")) return [what];
  const [path, query = ""] = what.split("?");
  const said = query.split("&").filter(Boolean).map((pair) => pair.split("=").map(decoded)).filter(([key, value]) => value && !OURS.includes(key));
  return [h("span", { class: "mono soft" }, decoded(path).replace(/^\/api\//, "")), ...said.map(([key, value]) => h("span", { class: "tag" }, `${key} `, h("b", {}, value)))];
}
