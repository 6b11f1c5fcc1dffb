// The form that is shown where the server asks who we are.

import { byId, field, h } from "./dom.js";
import { t } from "./i18n.js";
import { signIn } from "./session.js";

/** Shows the form, once; `done` is called after the server has taken a token. */
export function askToken(done) {
  const place = byId("signin");
  if (!place.hidden) return;
  const token = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, spellcheck: "false" });
  const fault = h("p", { class: "fault", role: "alert" });
  const button = h("button", { type: "submit", class: "primary" }, t("signin.button"));
  const form = h("form", { class: "panel", "aria-labelledby": "signin-title" },
    h("img", { src: "assets/icon.svg", alt: "", width: 44, height: 44 }),
    h("h1", { id: "signin-title" }, t("title")),
    h("input", { type: "text", name: "username", autocomplete: "username", value: "lpr", hidden: true }),
    field(t("signin.token"), token, t("signin.hint")), fault, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    fault.textContent = "";
    try {
      await signIn(token.value.trim());
      place.hidden = true;
      place.replaceChildren();
      byId("shell").inert = false;
      done();
    } catch (refusal) {
      fault.textContent = wordsOf(refusal);
      token.select();
    } finally {
      button.disabled = false;
    }
  });
  place.replaceChildren(form);
  place.hidden = false;
  byId("shell").inert = true;
  token.focus();
}

function wordsOf(refusal) {
  if (refusal.status === 401) return t("signin.wrong");
  if (refusal.status === 429) return t("signin.wait", { n: refusal.retryAfter || refusal.body?.retry_after_s || 1 });
  return t("signin.failed", { why: refusal.status === 0 ? t("away") : refusal.message });
}
