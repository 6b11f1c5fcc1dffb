// How the machine stands, asked every few seconds; which camera is looked at; its live picture.

import { address, get } from "./api.js";
import { choice, h } from "./dom.js";
import { t } from "./i18n.js";

export const state = { value: null, before: null, lost: false };

const listeners = new Set();

/** Calls `act` after each question; gives a function that ends it. */
export function onState(act) {
  listeners.add(act);
  return () => listeners.delete(act);
}

export async function poll() {
  try {
    const value = await get("api/state");
    state.before = state.value;
    state.value = value;
    state.lost = false;
  } catch (refusal) {
    if (refusal.status === 401) return;
    state.lost = true;
  }
  listeners.forEach((act) => act());
}

let chosen = 0;

/** The number of the camera that is looked at. */
export const camera = () => Math.min(chosen, Math.max(0, (state.value?.cameras.length ?? 1) - 1));

export const cameraName = () => state.value?.cameras[camera()]?.camera ?? "";

/** A title, and beside it the choice of the camera where there are several. */
export function heading(title, changed) {
  const cameras = state.value?.cameras ?? [];
  const select = cameras.length > 1 && changed && choice(cameras.map((one, index) => [String(index), one.camera]), String(camera()), {
    "aria-label": t("camera.choose"), name: "camera", class: "picker", on: { change: (event) => { chosen = Number(event.target.value); changed(); } },
  });
  return h("div", { class: "view-head" }, h("h2", {}, title), select || null);
}

/** The live picture of the camera: `{ stage, close }`. What is laid over it goes into `stage`. */
export function livePicture() {
  const image = h("img", { alt: t("aim.picture", { camera: cameraName() }), class: "live" });
  const note = h("p", { class: "nothing" }, t("aim.waiting"));
  const stage = h("div", { class: "stage" }, image, note);
  const begin = () => {
    note.hidden = false;
    image.src = `${address(`live/${camera()}`)}?t=${Date.now()}`;
  };
  const end = () => image.removeAttribute("src");
  const visible = () => (document.hidden ? end() : begin());
  image.addEventListener("load", () => { note.hidden = true; });
  image.addEventListener("error", () => {
    if (!image.hasAttribute("src")) return;
    note.hidden = false;
    note.textContent = t("aim.broken");
  });
  document.addEventListener("visibilitychange", visible);
  visible();
  return { stage, close: () => { document.removeEventListener("visibilitychange", visible); end(); } };
}
