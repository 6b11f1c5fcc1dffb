// The latest reads, newest first by arrival. The rooms say that something happened; what happened is asked for by
// REST, so a burst costs one question and a lost connection leaves no hole and makes nothing double.

import { get } from "./api.js";

const GATHER_MS = 100;
const FIRST = 200;
const LEAST = 20;
const OLDER = 500;
/** Questions in a row to close a gap; after that the list starts anew from the newest. */
const CLOSING = 6;
const KEEP = 20_000;

const newer = (a, b) => {
  if (a.received_at !== b.received_at) return a.received_at > b.received_at;
  return a.detection_id > b.detection_id;
};

class Feed extends EventTarget {
  records = [];
  #byId = new Map();
  #cursor = null;
  #ended = false;
  #timer = 0;
  #pending = 0;
  #updates = new Set();
  #busy = null;

  get ready() {
    return this.#byId.size > 0 || this.#ended;
  }

  find(id) {
    return this.#byId.get(id) ?? null;
  }

  latestOf(camera) {
    return this.records.find((r) => r.camera_id === camera.camera_id && r.checkpoint_id === camera.checkpoint_id) ?? null;
  }

  /** A room told of a new read. */
  heard() {
    this.#pending += 1;
    this.#soon();
  }

  /** A room told that a read was revised. */
  revised(id) {
    this.#updates.add(id);
    this.#soon();
  }

  #soon() {
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.catchUp(this.#pending + LEAST).catch(() => {});
    }, GATHER_MS);
  }

  /** Asks for what is new; `limit` is a guess of how much that is. Concurrent calls share one question. */
  async catchUp(limit = FIRST) {
    this.#pending ||= 1;
    if (this.#busy) {
      await this.#busy.catch(() => {});
      if (this.#pending === 0 && this.#updates.size === 0) return undefined;
    }
    this.#busy ??= this.#ask(Math.min(limit, FIRST)).finally(() => (this.#busy = null));
    return this.#busy;
  }

  async #ask(limit) {
    this.#pending = 0;
    const updates = [...this.#updates];
    this.#updates.clear();
    const known = this.#byId.size;
    let page = await this.#page(known === 0 ? FIRST : limit, null);
    let fresh = page.records;
    const meets = () => known === 0 || page.complete || page.records.some((record) => this.#byId.has(record.detection_id));
    for (let asked = 1; !meets() && asked < CLOSING; asked += 1) {
      page = await this.#page(OLDER, page.cursor);
      fresh = fresh.concat(page.records);
    }
    if (!meets()) {
      this.#byId.clear();
      this.records = [];
    }
    if (this.#byId.size === 0) {
      this.#cursor = page.cursor;
      this.#ended = page.complete;
    }
    fresh = fresh.concat(await this.#revisions(updates, fresh));
    this.#merge(fresh);
  }

  async #revisions(ids, fresh) {
    const here = new Set(fresh.map((record) => record.detection_id));
    const wanted = ids.filter((id) => !here.has(id) && this.#byId.has(id));
    const answers = await Promise.allSettled(wanted.map((id) => get(`api/records/${encodeURIComponent(id)}`)));
    return answers.filter((answer) => answer.status === "fulfilled").map((answer) => answer.value.record ?? answer.value);
  }

  async #page(limit, cursor) {
    const answer = await get("api/records", { limit, images: "url", order: "desc", cursor });
    return { records: answer.records, cursor: answer.next_cursor, complete: answer.next_cursor === null };
  }

  /** Asks for reads that are older than all we have. */
  async older() {
    if (this.#ended || this.#busy || this.#byId.size === 0 || this.#byId.size >= KEEP) return;
    this.#busy = (async () => {
      const page = await this.#page(OLDER, this.#cursor);
      this.#cursor = page.cursor;
      this.#ended = page.complete;
      this.#merge(page.records);
    })().finally(() => (this.#busy = null));
    await this.#busy.catch(() => {});
  }

  #merge(records) {
    const added = [];
    let changed = false;
    for (const record of records) {
      const known = this.#byId.get(record.detection_id);
      if (known && JSON.stringify(known) === JSON.stringify(record)) continue;
      this.#byId.set(record.detection_id, record);
      changed = true;
      if (!known) added.push(record);
    }
    if (!changed && this.records.length > 0) return;
    added.sort((a, b) => (newer(a, b) ? -1 : 1));
    this.records = this.#zip(this.records.map((record) => this.#byId.get(record.detection_id)), added);
    while (this.records.length > KEEP) this.#byId.delete(this.records.pop().detection_id);
    this.dispatchEvent(new CustomEvent("change", { detail: { added } }));
  }

  /** Two lists in order make one. */
  #zip(old, added) {
    const all = [];
    let next = 0;
    for (const record of old) {
      while (next < added.length && newer(added[next], record)) all.push(added[next++]);
      all.push(record);
    }
    return all.concat(added.slice(next));
  }

  forget() {
    this.#byId.clear();
    this.records = [];
    this.#ended = false;
    this.#cursor = null;
    this.dispatchEvent(new CustomEvent("change", { detail: { added: [] } }));
  }
}

export const feed = new Feed();
