// The live page. The rooms say that something happened; what happened is asked for by REST, so a burst costs one
// question and a reconnect misses nothing.

import { connect } from "./socket.js";

const SHOWN = 40;
const GATHER_MS = 120;
const REFRESH_MS = 20_000;

const byId = (id) => document.getElementById(id);
const base = new URL(".", document.baseURI);
const numbers = new Intl.NumberFormat(document.documentElement.lang);
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

/** An element from the template `id`. */
const fresh = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** An address that the server gave from its root, below the page's own (the server may sit behind a prefix). */
const local = (path, revision) => new URL(`${path.replace(/^\//, "")}?r=${revision ?? 0}`, base).href;

async function ask(path) {
  const answer = await fetch(new URL(path, base), { cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// ---- refreshing: one question at a time, asked again if something happened meanwhile

let timer = 0;
let asking = false;
let again = false;

function refreshSoon() {
  timer ||= setTimeout(refresh, GATHER_MS);
}

async function refresh() {
  timer = 0;
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const [records, cameras, statistics] = await Promise.all([
      ask(`api/records?limit=${SHOWN}&images=none`), ask("api/cameras"), ask("api/statistics"),
    ]);
    showReads(records.records.reverse());
    showCameras(cameras.cameras);
    showCounts(statistics.data);
  } catch {
    // The server is away. The socket notices too, and its return asks again.
  } finally {
    asking = false;
    if (again) {
      again = false;
      refreshSoon();
    }
  }
}

// ---- counts

function showCounts(data) {
  byId("today").textContent = numbers.format(data.today_detections);
  byId("total").textContent = numbers.format(data.total_detections);
  byId("online").textContent = `${numbers.format(data.active_cameras)} / ${numbers.format(data.total_cameras)}`;
  byId("checks").textContent = numbers.format(data.today_health_checks);
  byId("lost").hidden = !(data.lost_events > 0);
  byId("lost").textContent = `${numbers.format(data.lost_events)} reads were lost before they reached this server (api/gaps)`;
}

// ---- lists that keep the elements of what they showed before

/** Makes `list` show `items` in their order; `draw` is called for items that are new or have changed. */
function keep(list, items, keyOf, draw) {
  const first = !list.dataset.shown;
  list.dataset.shown = "yes";
  const old = new Map([...list.children].map((element) => [element.dataset.key, element]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const text = JSON.stringify(item);
    const known = old.get(key);
    if (known?.drawnFrom === text) return known;
    const element = draw(item);
    element.dataset.key = key;
    element.drawnFrom = text;
    if (!known && !first) element.classList.add("new");
    return element;
  });
  wanted.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
}

// ---- reads

function showReads(records) {
  byId("no-reads").hidden = records.length > 0;
  keep(byId("reads"), records, (record) => record.detection_id, drawRead);
}

function drawRead(record) {
  const element = fresh("read");
  const texts = record.ocr_results.length > 0 ? record.ocr_results : [""];
  element.querySelector(".plates").append(...texts.map((text, index) => drawPlate(record, text, index)));
  element.querySelector(".where").textContent = `${record.checkpoint_id} · ${record.camera_id}`;
  showTime(element.querySelector("time"), record.timestamp);
  const classes = record.vehicle_detections.map((vehicle) => vehicle.class).filter(Boolean);
  element.querySelector(".vehicle").textContent = [...new Set(classes)].join(", ");
  const open = element.querySelector(".open");
  open.hidden = !record.image_url;
  open.addEventListener("click", () => openPicture(record, texts));
  return element;
}

function drawPlate(record, text, index) {
  const element = fresh("plate");
  const crop = element.querySelector(".crop");
  const url = record.crop_urls[index];
  if (url) {
    const image = new Image();
    image.alt = "";
    image.decoding = "async";
    image.src = local(url, record.revision);
    crop.append(image);
  } else {
    crop.classList.add("none");
    crop.textContent = "no crop";
  }
  const label = element.querySelector(".text");
  label.textContent = text || "not read";
  label.classList.toggle("none", !text);
  label.lang = languageOf(text);
  const province = Array.isArray(record.province) ? record.province[index] : record.province;
  const confidence = record.plate_detections[index]?.confidence;
  const facts = [province, typeof confidence === "number" && `${Math.round(100 * confidence)} %`];
  element.querySelector(".sure").textContent = facts.filter(Boolean).join(" · ");
  return element;
}

/** Thai letters want a Thai voice and font; other plates belong to no language. */
function languageOf(text) {
  return /\p{Script=Thai}/u.test(text) ? "th" : "zxx";
}

function showTime(element, timestamp) {
  const at = new Date(timestamp);
  element.dateTime = timestamp;
  const today = at.toDateString() === new Date().toDateString();
  element.textContent = (today ? clock : calendar).format(at);
}

function openPicture(record, texts) {
  byId("picture").src = local(record.image_url, record.revision);
  byId("caption").textContent =
    `${texts.filter(Boolean).join("  ")} — ${record.checkpoint_id} · ${record.camera_id}, ${calendar.format(new Date(record.timestamp))}`;
  byId("viewer").showModal();
}

// A click beside the picture closes it.
byId("viewer").addEventListener("click", (event) => event.target === event.currentTarget && event.target.close());

// ---- cameras

function showCameras(cameras) {
  byId("no-cameras").hidden = cameras.length > 0;
  keep(byId("cameras"), cameras, (camera) => JSON.stringify([camera.checkpoint_id, camera.camera_id]), drawCamera);
}

function drawCamera(camera) {
  const element = fresh("camera");
  element.dataset.status = camera.status;
  element.dataset.health = camera.health_status;
  element.querySelector(".dot").title = camera.status;
  element.querySelector(".name").textContent = camera.camera_id;
  element.querySelector(".checkpoint").textContent = camera.checkpoint_id;
  element.querySelector(".health").textContent =
    camera.status === "offline" ? "offline" : camera.health_status === "unknown" ? "online" : camera.health_status;
  const last = document.createElement("time");
  showTime(last, camera.last_seen);
  const count = camera.detection_count === 1 ? "1 read" : `${numbers.format(camera.detection_count)} reads`;
  element.querySelector(".numbers").append(`${count} · last word `, last);
  return element;
}

// ---- the link

function showLink(state) {
  byId("link").dataset.state = state;
  byId("link").textContent = state;
}

connect(new URL("socket.io/", base), {
  onOpen(emit) {
    showLink("live");
    emit("join_dashboard");
    emit("join_health_room");
  },
  // Joining a room is confirmed with an event too, so a fresh connection asks at once.
  onEvent: refreshSoon,
  onClose: () => showLink("reconnecting"),
});
setInterval(refreshSoon, REFRESH_MS);
refresh();
