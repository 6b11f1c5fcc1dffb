// Who is signed in.

import { get, post, Refusal } from "./api.js";

export const session = {
  /** `open` (a server without tokens), `viewer` or `admin`; `null` until it is known. */
  role: null,
  name: "",
};

const changed = new EventTarget();

export const onSession = (act) => changed.addEventListener("change", act);

export const mayEdit = () => session.role === "open" || session.role === "admin";
export const signedIn = () => session.role === "viewer" || session.role === "admin";

function become(role, name) {
  if (role === session.role && name === session.name) return;
  Object.assign(session, { role, name });
  changed.dispatchEvent(new Event("change"));
}

/** Asks who we are. Throws where the server is away or wants a sign-in. */
export async function discover() {
  const me = await get("api/me");
  become(me.role, me.name);
}

export const signIn = (token) => post("api/signin", { token });

/** Nobody is signed in any more. */
export const forgetPerson = () => become(null, "");

export async function signOut() {
  await post("api/signout").catch((refusal) => {
    if (!(refusal instanceof Refusal) || refusal.status !== 401) throw refusal;
  });
}
