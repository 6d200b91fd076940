/** One robot as this page knows and commands it: its session, events, pictures, lease and heartbeat. No page here. */

import { ApiError } from "./api.js";
import { apply, isUnderWay, newState } from "./model.js";
import { Series } from "./series.js";
import { Stream } from "./stream.js";

const CLIENT_KEY = "embodied.client";
const leaseKey = (id) => `embodied.lease.${id}`;
const IS_LOST = new Set(["leased", "no_lease", "lease_lost"]);

/** Events: change (anything that is read from here), frame {camera, blob}, telemetry, plan (new objects), gone, trouble {error}. */
export class Robot extends EventTarget {
  constructor(api, session, lease = null) {
    super();
    Object.assign(this, { api, session, state: newState(), series: new Series(), link: "connecting", waitS: 0, roundTripMs: null, thinkingS: null, isGone: false,
      trips: [], fps: 0, frames: 0, hasPicture: false, hasMoved: false });
    this.lease = lease ?? sessionStorage.getItem(leaseKey(this.id));
    this.#keepLease(this.lease);
    this.state.mode = session.mode;
    this.stream = new Stream(api, () => `${this.#path}/stream?after=${this.state.last}`, this.#watch(),
      { event: (e) => this.#hear(e), frame: (c, b) => this.#see(c, b), link: (...it) => this.#linked(...it) });
    this.pulse = new Worker(new URL("./pulse.js", import.meta.url));
    this.pulse.onmessage = () => this.beat();
    this.beat();
  }

  get id() { return this.session.session_id; }

  get #path() { return `v1/sessions/${encodeURIComponent(this.id)}`; }

  /** Whether the server answered the last heartbeat. */
  get isReached() { return this.roundTripMs !== null; }

  get isCommanding() { return this.lease !== null; }

  /** What the robot is doing: idle, running, paused, stopped, estopped or crashed. */
  get mode() { return this.state.mode; }

  get isUnderWay() { return isUnderWay(this.state) && ["running", "paused"].includes(this.mode); }

  close() {
    this.stream.close();
    this.pulse.terminate();
  }

  // Commands ----------------------------------------------------------------------------------------------------------

  instruct(instruction) { return this.#command("POST", "instructions", { instruction }); }

  correct(text) { return this.#command("POST", "corrections", { text }); }

  async pause() { this.#know(await this.#command("POST", "pause", {})); }

  async resume() { this.#know(await this.#command("POST", "resume", {})); }

  async stop() { this.#know(await this.#command("POST", "stop", {})); }

  /** Needs no lease: whoever watches may stop. */
  estop() { return this.api.post(`${this.#path}/estop`, {}, { timeoutMs: 4000, keepalive: true }); }

  async resetEstop() { this.#know(await this.api.post(`${this.#path}/estop/reset`, { confirm: "the robot is clear" }, { lease: this.lease })); }

  /** A new scene of a seed, the same one again without. */
  async newScene(seed) {
    this.#know(await this.#command("POST", "reset", seed === undefined ? {} : { seed }));
    [this.state.run, this.state.objects, this.state.memory, this.state.turns] = [null, [], null, []];
    this.series.clear();
    this.#tell("change");
    await this.look();
  }

  async end() {
    this.isEnding = true;  // nothing is asked of a session that is being closed; what is under way is heard first
    try {
      await Promise.race([Promise.all([this.looking, this.beating]), new Promise((done) => setTimeout(done, 2000))]);
      await this.#command("DELETE", "", undefined);
    } finally {
      this.isEnding = false;
    }
    this.#keepLease(null);
    this.close();
  }

  async take() {
    const { lease } = await this.api.post(`${this.#path}/lease`, { client: clientName() });
    this.#keepLease(lease);
    await this.beat();
  }

  async release() {
    await this.#command("DELETE", "lease", undefined);
    this.#keepLease(null);
    await this.beat();
  }

  async #command(method, path, body) {
    try {
      return await this.api.call(method, path ? `${this.#path}/${path}` : this.#path, { body, lease: this.lease, timeoutMs: 60000 });
    } catch (error) {
      if (error instanceof ApiError && IS_LOST.has(error.code)) this.#keepLease(null);
      throw error;
    }
  }

  // What comes in -----------------------------------------------------------------------------------------------------

  /** Keeps the lease alive, and hears how the robot is. */
  beat() {
    if (!this.isEnding) this.beating = this.#beat();
    return this.beating;
  }

  async #beat() {
    this.fps = this.frames / 2;
    this.frames = 0;
    const from = performance.now();
    try {
      if (this.isCommanding) await this.#command("PUT", "lease", {});
      else await this.api.get("healthz", { timeoutMs: 5000 });
      this.roundTripMs = performance.now() - from;
      this.trips = [...this.trips, this.roundTripMs].slice(-30);
      this.#know(await this.api.get(this.#path, { timeoutMs: 5000 }));
      if (!this.hasPicture && this.session.cameras.length) this.stream.setWatch(this.#watch());  // it was busy when it was asked
    } catch (error) {
      this.#missed(error);
    }
    this.#tell("change");
  }

  #missed(error) {
    if (error.status === 404) this.#end();
    else if (error.status === 0) this.roundTripMs = null;
    else this.#tell("trouble", { error });
  }

  #end() {
    this.isGone = true;
    this.close();
    this.#tell("gone");
  }

  /** Objects in sight, asked for while nothing moves. */
  look() {
    this.hasMoved = false;
    if (!this.isEnding) this.looking = this.#look();
    return this.looking;
  }

  async #look() {
    try {
      const seen = await this.api.get(`${this.#path}/observation`);
      if (!this.isUnderWay && seen.objects?.length) {
        [this.state.objects, this.state.areObjectsStale] = [seen.objects, false];
        this.#tell("change");
      }
    } catch { /* it will be asked again when a run is over */ }
  }

  #know(session) {
    if (!session?.session_id) return;
    this.session = session;
    this.state.mode = session.mode;
    if (!session.lease?.is_held && this.isCommanding) this.#keepLease(null);
    this.#tell("change");
  }

  #hear(event) {
    if (event.type === "telemetry") {
      this.series.push({ ...event, t: performance.now() / 1000 });
      this.#tell("telemetry");
      return;
    }
    if (!event.type || !apply(this.state, event)) return;
    if (event.type === "plan") this.#planned(event);
    if (event.type === "end") this.hasMoved = true;
    if (this.hasMoved && event.type === "mode" && !this.isUnderWay) this.look();
    this.#tell("change");
    this.#tell("event", event);
  }

  #planned(event) {
    this.thinkingS = event.thinking_s ?? this.thinkingS;
    this.#tell("plan");
  }

  #see(camera, blob) {
    if (!this.hasPicture) this.look();
    this.hasPicture = true;
    this.frames += 1;
    this.#tell("frame", { camera, blob });
  }

  #linked(link, waitS, code) {
    [this.link, this.waitS] = [link, waitS];
    if (code === 4404) this.#end();
    this.#tell("change");
  }

  #watch() { return { watch: this.session.cameras, fps: 8, telemetry_hz: 10 }; }

  #keepLease(lease) {
    this.lease = lease;
    if (lease) sessionStorage.setItem(leaseKey(this.id), lease);
    else sessionStorage.removeItem(leaseKey(this.id));
    this.#tell("change");
  }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}

/** How this page calls itself to the server, and so to other people. */
export function clientName() {
  let name = sessionStorage.getItem(CLIENT_KEY);
  if (!name) sessionStorage.setItem(CLIENT_KEY, name = `console-${Math.random().toString(36).slice(2, 6)}`);
  return name;
}
