/** The server's HTTP interface: a token on every call, and errors that a person can read. */

const TOKEN_KEY = "embodied.token";

/** What the server answered when it could not, or that it did not answer (status 0). */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    [this.status, this.code] = [status, code];
  }
}

export class Api {
  /** askToken: asked for a token when the one we have is refused; gives a promise of it. */
  constructor(askToken) {
    this.askToken = askToken;
    this.token = sessionStorage.getItem(TOKEN_KEY) ?? "";
    this.heedAddress();
  }

  /** Takes the token of `#token=...`, where the address has one, and takes it off the address bar. */
  heedAddress() {
    const found = /^#(?:.*&)?token=([^&]*)/.exec(location.hash);
    if (!found) return;
    history.replaceState(null, "", location.pathname + location.search);
    this.setToken(decoded(found[1]));
  }

  setToken(token) {
    this.token = token;
    sessionStorage.setItem(TOKEN_KEY, token);
  }

  get(path, options) { return this.call("GET", path, options); }

  post(path, body = {}, options = {}) { return this.call("POST", path, { ...options, body }); }

  /** The JSON of an answer, null of an empty one. */
  async call(method, path, options = {}) {
    const answer = await this.fetch(method, path, options);
    return answer.status === 204 ? null : answer.json();
  }

  /** The bytes of an answer. */
  async blob(path) { return (await this.fetch("GET", path, { timeoutMs: 120000 })).blob(); }

  async fetch(method, path, options = {}) {
    if (!this.token) this.setToken(await this.askToken(false));
    const tried = this.token;
    const answer = await this.#send(method, path, options);
    if (answer.status === 401) {
      if (tried === this.token) this.setToken(await this.askToken(true));
      return this.fetch(method, path, options);
    }
    if (!answer.ok) throw await errorOf(answer);
    return answer;
  }

  async #send(method, path, { body, lease, timeoutMs = 15000, keepalive = false }) {
    const headers = { ...(this.token && { Authorization: `Bearer ${this.token}` }), ...(lease && { "X-Lease": lease }) };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    try {
      return await fetch(path, { method, headers, keepalive, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      const why = error.name === "TimeoutError" ? `did not answer within ${timeoutMs / 1000} s` : "does not answer";
      throw new ApiError(0, "unreachable", `The server ${why}. Is it running, and is the network up?`);
    }
  }

  /** Address and subprotocols of a websocket. */
  socket(path) {
    const url = new URL(path, document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    return [url.href, this.token ? ["embodied.v1", `bearer.${this.token}`] : ["embodied.v1"]];
  }
}

async function errorOf(answer) {
  const said = await answer.json().catch(() => null);
  const { code = `http_${answer.status}`, message = `The server answered ${answer.status}.` } = said?.error ?? {};
  return new ApiError(answer.status, code, String(message));
}

/** What was escaped in an address; the text as it stands where that is no escape of anything. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
