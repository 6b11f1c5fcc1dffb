// Who is signed in, and what this server can do: a part that it lacks is not shown.

import { Refusal, get, has, post } from "./api.js";

export const session = {
  /** `open` (a server without tokens), `viewer` or `admin`; `null` until it is known. */
  role: null,
  name: "",
  /** `null` where it is not known yet. */
  can: { search: null, alerts: null, watchlists: null, hours: null },
};

const changed = new EventTarget();

export const onSession = (act) => changed.addEventListener("change", act);

export const mayEdit = () => session.role === "open" || session.role === "admin";
export const signedIn = () => session.role === "viewer" || session.role === "admin";

async function askWho() {
  try {
    const me = await get("api/me");
    Object.assign(session, { role: me.role ?? "open", name: me.name ?? "" });
  } catch (refusal) {
    if (refusal.status !== 404) throw refusal;
    Object.assign(session, { role: "open", name: "" });
  }
}

async function askSearch() {
  const answer = await get("api/records", { limit: 1, images: "url" });
  return "next_cursor" in answer;
}

/** Asks all that is not known. Throws where the server is away or wants a sign-in. */
export async function discover() {
  // Alone and first: the others would all be refused too.
  await askWho();
  const { can } = session;
  const hour = new Date(Date.now() - 3_600_000).toISOString();
  const questions = {
    search: () => askSearch().catch(() => null),
    alerts: () => has("api/alerts", { state: "open", limit: 1 }),
    watchlists: () => has("api/watchlists"),
    hours: () => has("api/hours", { from: hour, to: new Date().toISOString() }),
  };
  const parts = Object.entries(questions).map(async ([part, ask]) => {
    can[part] ??= await ask();
  });
  await Promise.all(parts);
  changed.dispatchEvent(new Event("change"));
}

export async function signIn(token) {
  await post("api/signin", { token });
  // Another person may see other parts.
  Object.keys(session.can).forEach((part) => (session.can[part] = null));
}

export async function signOut() {
  await post("api/signout").catch((refusal) => {
    if (!(refusal instanceof Refusal) || refusal.status !== 401) throw refusal;
  });
  Object.assign(session, { role: null, name: "" });
}
