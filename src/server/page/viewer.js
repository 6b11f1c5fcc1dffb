// One picture as large as the screen allows; a click or Enter shows its true size.

import { byId, h } from "./dom.js";
import { t } from "./i18n.js";
import { icon } from "./icons.js";

/** Opens the picture at `url` with `caption` (nodes or text). */
export function showPicture(url, caption) {
  const dialog = byId("viewer");
  const image = h("img", { src: url, alt: "" });
  const zoom = h("button", { type: "button", class: "zoom", "aria-label": t("detail.enlarge"), on: {
    click: () => dialog.classList.toggle("full"),
  } }, image);
  dialog.classList.remove("full");
  dialog.replaceChildren(
    h("div", { class: "dialog-bar" },
      h("p", { class: "caption", id: "caption" }, caption),
      h("button", { type: "button", class: "quiet", "aria-label": t("close"), title: t("close"), on: { click: () => dialog.close() } }, icon("close"))),
    h("div", { class: "frame" }, zoom));
  dialog.setAttribute("aria-labelledby", "caption");
  dialog.onclick = (event) => event.target === dialog && dialog.close();
  if (!dialog.open) dialog.showModal();
}

/** The browser gives the focus back to what opened a dialog; where that was drawn anew meanwhile, its successor gets it. */
function returnFocus(opener) {
  // The word that a dialog is closed comes late: a key pressed meanwhile may have taken the focus elsewhere.
  if (document.activeElement && document.activeElement !== document.body) return;
  const key = opener?.dataset?.key;
  const successor = key && document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  (successor || byId("main")).focus();
}

/** A dialog with a title, a body, and perhaps buttons; gone from the page when it is closed. */
export function showDialog(title, body, { wide = false, onClose } = {}) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h("dialog", { class: wide ? "sheet wide" : "sheet", "aria-labelledby": "dialog-title" },
    h("div", { class: "dialog-bar" }, heading,
      h("button", { type: "button", class: "quiet", "aria-label": t("close"), title: t("close"), on: { click: () => dialog.close() } }, icon("close"))),
    h("div", { class: "dialog-body", tabindex: wide ? "0" : undefined }, body));
  const opener = document.activeElement;
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (!document.querySelector("dialog[open]")) returnFocus(opener);
    onClose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks before something is done that cannot be undone. */
export function confirmed(question, act) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = showDialog(question, [
      h("div", { class: "buttons" },
        h("button", { type: "button", on: { click: () => dialog.close() } }, t("cancel")),
        h("button", { type: "button", class: "danger", on: { click: () => { answer = true; dialog.close(); } } }, act)),
    ], { onClose: () => resolve(answer) });
  });
}
