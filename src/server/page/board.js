// What every view may need: the cameras, the counts, the alerts. Asked for when a room says something, and now and then.

import { get, post } from "./api.js";

const GATHER_MS = 300;
const ALERTS = 200;

/** A value from the server that is asked for at most once at a time and, while things happen, a few times a second. */
class Kept extends EventTarget {
  #ask;
  #timer = 0;
  #busy = false;
  #again = false;
  #stale = false;
  #text = "";
  value;

  constructor(value, ask) {
    super();
    this.value = value;
    this.#ask = ask;
  }

  /** Something newer than any answer that is still on its way: that one is not taken, and another is asked for. */
  set(value) {
    this.#stale = this.#again = this.#busy;
    this.#take(value);
  }

  /** What says the same as before disturbs nobody: what has the focus keeps it. */
  #take(value) {
    this.value = value;
    const text = JSON.stringify(value);
    if (text === this.#text) return;
    this.#text = text;
    this.dispatchEvent(new Event("change"));
  }

  soon() {
    this.#timer ||= setTimeout(() => this.now(), GATHER_MS);
  }

  /** What was to be asked is not: who asks may have lost the right to, and would be refused. */
  hush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#again = false;
  }

  async now() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    this.#stale = false;
    try {
      const value = await this.#ask();
      if (value !== undefined && !this.#stale) this.#take(value);
    } catch {
      // The server is away; its return asks again.
    } finally {
      this.#busy = false;
      if (this.#again) {
        this.#again = false;
        this.soon();
      }
    }
  }
}

export const counts = new Kept(null, async () => (await get("api/statistics")).data);
export const cameras = new Kept([], async () => (await get("api/cameras")).cameras);
export const alerts = new Kept([], async () => (await get("api/alerts", { state: "open", limit: ALERTS })).alerts);

export const cameraKey = (camera) => JSON.stringify([camera.checkpoint_id, camera.camera_id]);

export const isOnline = (camera) => camera.online ?? camera.status === "online";

export const isOpen = (alert) => !alert.acknowledged && !alert.ended;

const told = new Set();

/**
 * The room told of an alert by `event`; whether it is news. The list may have had it before: of a plate's opening a
 * `blacklist_alert` tells, of an open alert of a camera nothing but its opening.
 */
export function heardAlert(event, alert) {
  if (!alert?.alert_id) return false;
  const id = alert.alert_id;
  const others = alerts.value.filter((known) => known.alert_id !== id);
  const listed = others.length < alerts.value.length;
  alerts.set(isOpen(alert) ? [alert, ...others] : others);
  if (!isOpen(alert)) {
    told.delete(id);
    return false;
  }
  const opened = !listed || event === "blacklist_alert" || alert.kind === "camera";
  const news = opened && !told.has(id);
  told.add(id);
  return news;
}

export async function acknowledge(alert, note) {
  await post(`api/alerts/${encodeURIComponent(alert.alert_id)}/ack`, { note });
  alerts.set(alerts.value.filter((known) => known.alert_id !== alert.alert_id));
}

/** The open alerts about a camera itself. */
export const problemsOf = (camera) =>
  alerts.value.filter((alert) => alert.kind === "camera" && alert.camera_id === camera.camera_id && alert.checkpoint_id === camera.checkpoint_id);

const WEIGHT = { critical: 0, warning: 1, info: 2 };

/** The open alerts about a read, the gravest first. */
export const alertsOf = (record) =>
  alerts.value.filter((alert) => alert.detection_id === record.detection_id).sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);

// The last word of each part of each camera, as the room told it: a server without `health` in its list of cameras
// still shows what went by.
const parts = new Map();

export function heardHealth(report) {
  const key = cameraKey(report);
  if (!parts.has(key)) parts.set(key, {});
  parts.get(key)[report.component] = report;
}

export function healthOf(camera) {
  return { ...parts.get(cameraKey(camera)), ...camera.health };
}
