/** The live websocket of one session: events, telemetry and pictures; comes back by itself after a loss. */

const FIRST_WAIT_S = 0.5;
const LONGEST_WAIT_S = 8;

export class Stream {
  /** path(): address, with the place to go on from. hear: {event, frame, link}. link(state, waitS): open, lost or refused. */
  constructor(api, path, watch, hear) {
    Object.assign(this, { api, path, watch, hear, isWanted: true, losses: 0 });
    this.#connect();
  }

  /** Which cameras come, and how often; told again after each loss. */
  setWatch(watch) {
    this.watch = watch;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(watch));
  }

  close() {
    this.isWanted = false;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  /** Tries now instead of later. */
  retry() {
    if (!this.isWanted || this.socket?.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.#connect();
  }

  #connect() {
    const [url, protocols] = this.api.socket(this.path());
    try {
      this.socket = new WebSocket(url, protocols);
    } catch {
      this.hear.link("refused", 0);  // a token that no websocket can carry
      return;
    }
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => { this.losses = 0; this.socket.send(JSON.stringify(this.watch)); this.hear.link("open", 0); };
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.hear.event(JSON.parse(data)) : this.#picture(data));
    this.socket.onclose = ({ code }) => this.#lost(code);
  }

  #picture(bytes) {
    const head = new Uint8Array(bytes, 0, 1)[0];
    const camera = new TextDecoder().decode(new Uint8Array(bytes, 1, head));
    this.hear.frame(camera, new Blob([new Uint8Array(bytes, 1 + head)], { type: "image/jpeg" }));
  }

  #lost(code) {
    if (!this.isWanted) return;
    const waitS = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** this.losses);
    this.losses += 1;
    this.hear.link("lost", waitS, code);
    this.timer = setTimeout(() => this.#connect(), waitS * 1000);
  }
}
