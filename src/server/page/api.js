// REST: questions, orders, refusals. Where the server asks who we are, the page is told once and shows its form.

const base = new URL(".", document.baseURI);

/** A refusal in the server's words (PROTOCOL 2), or a server that is away (`status` 0). */
export class Refusal extends Error {
  constructor(status, body, retryAfter) {
    super(body?.message || `HTTP ${status}`);
    this.status = status;
    this.code = body?.code;
    this.field = body?.field;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

let unauthorised = () => {};

/** `act` is called whenever an answer is 401. */
export function onUnauthorised(act) {
  unauthorised = act;
}

/** The address of `path` below the page's own (the server may sit behind a prefix), with `query` where a value is given. */
export function address(path, query = {}) {
  const url = new URL(path.replace(/^\//, ""), base);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(key, value);
  }
  return url.href;
}

async function call(method, path, query, body, type) {
  const init = { method, cache: "no-store", credentials: "same-origin", headers: {} };
  if (body !== undefined) {
    init.headers["Content-Type"] = type ?? "application/json";
    init.body = type ? body : JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(address(path, query), init);
  } catch {
    throw new Refusal(0, null);
  }
  const json = answer.headers.get("Content-Type")?.includes("json");
  const content = json ? await answer.json().catch(() => null) : await answer.text().catch(() => "");
  if (answer.ok) return content;
  const refusal = new Refusal(answer.status, json ? content : null, Number(answer.headers.get("Retry-After")) || 0);
  if (answer.status === 401) unauthorised(refusal);
  throw refusal;
}

export const get = (path, query) => call("GET", path, query);
export const post = (path, body = {}) => call("POST", path, {}, body);
export const put = (path, body) => call("PUT", path, {}, body);
export const remove = (path) => call("DELETE", path, {});
/** Sends a text as it is, e.g. CSV. */
export const postText = (path, query, text, type) => call("POST", path, query, text, type);

/** A picture's address; a new revision is a new picture. */
export function picture(path, revision, small) {
  if (typeof path !== "string" || !path) return null;
  const query = { r: revision || undefined, size: small ? "thumb" : undefined };
  const [bare, given] = path.split("?");
  return address(bare, { ...Object.fromEntries(new URLSearchParams(given)), ...query });
}
