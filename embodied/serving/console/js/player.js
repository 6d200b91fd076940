/** The page of one recording: video, steps beneath it, joints with a cursor, the timeline, the data set. */

import { badge, button, fill, h, icon, stamp, titled, day } from "./dom.js";
import { Joints } from "./joints.js";
import { LogPanel } from "./log.js";
import { MemoryPanel } from "./memory.js";
import { phrase } from "./model.js";
import { app, show, trying } from "./page.js";
import { PlanPanel } from "./plan.js";
import { titleOf } from "./recordings.js";
import { Replay } from "./replay.js";

export class PlayerPage {
  constructor(id) {
    Object.assign(this, { id, videoS: 0, isClosed: false });
    this.content = h("div", { class: "player-page" }, h("p", { class: "quiet" }, "Fetching the recording…"));
    show(this.content);
    this.#load();
  }

  close() {
    this.isClosed = true;
    cancelAnimationFrame(this.asked);
    this.resized?.disconnect();
    if (this.url) URL.revokeObjectURL(this.url);
  }

  get #path() { return `v1/recordings/${encodeURIComponent(this.id)}`; }

  async #load() {
    const found = await trying(async () => Promise.all([app.api.get("v1/recordings"), app.api.get(`${this.#path}/events`, { timeoutMs: 60000 }), app.api.get(`${this.#path}/telemetry`, { timeoutMs: 60000 })]));
    if (this.isClosed) return;
    if (!found) { fill(this.content, this.#back(), h("h1", {}, "This recording could not be read"), button("Try again", { click: () => this.#load() })); return; }
    const [{ recordings }, { events }, telemetry] = found;
    this.about = recordings.find((it) => it.recording_id === this.id) ?? { task: "", fps: 5, has_video: true };
    this.replay = new Replay(events, telemetry, this.about.fps);
    this.#build(telemetry);
    this.#fetch();
    this.#show(0);
  }

  #back() { return h("a", { class: "back", href: "#/recordings" }, icon("back"), h("span", {}, "All recordings")); }

  #build(telemetry) {
    this.video = h("video", { class: "video", playsinline: true, muted: true, preload: "auto", "aria-label": "Video of the recording" });
    this.empty = h("p", { class: "video-empty" }, "Fetching the video…");
    [this.plan, this.memory] = [new PlanPanel(), new MemoryPanel()];
    this.log = new LogPanel({ time: (entry) => this.#stampOf(entry) });
    this.joints = new Joints(limitsOf(telemetry), (share) => this.seek(share * this.replay.durationS));
    fill(this.content, this.#head(), h("div", { class: "live-left" }, h("section", { class: "card video-card", "aria-label": "Video" }, h("div", { class: "video-frame" }, this.video, this.empty), this.#controls(), this.#track()),
      h("section", { class: "card motion" }, h("h2", {}, "Joints ", h("small", {}, "the whole recording; press to go there")), this.joints.element)),
    h("div", { class: "live-right" }, this.plan.element, this.memory.element, this.log.element));
    this.resized = new ResizeObserver(() => this.#draw());
    this.resized.observe(this.joints.element);
    ["play", "pause", "ended"].forEach((type) => this.video.addEventListener(type, () => this.#playing()));
    this.video.addEventListener("seeked", () => this.#show(this.video.currentTime));
  }

  #head() {
    const said = titleOf(this.about);
    this.download = button("Dataset", { glyph: "down", kind: "is-small", title: "dataset.zip, in the LeRobot v3 layout", click: () => this.#save("dataset.zip") });
    this.saveFilm = button("Video", { glyph: "down", kind: "is-small", title: "video.mp4", disabled: !this.about.has_video, click: () => this.#save("video.mp4") });
    const facts = [said && titled(this.about.task), this.about.created_unix_s && day(this.about.created_unix_s), `${this.replay.rows.length} samples`].filter(Boolean).join(" · ");
    return h("div", { class: "live-head" }, this.#back(), h("h1", {}, said || titled(this.about.task) || "Recording"), h("p", { class: "facts" }, facts, this.about.privileged && [" ", badge(this.about.planner)]), h("div", { class: "row" }, this.saveFilm, this.download));
  }

  #controls() {
    this.toggle = h("button", { type: "button", class: "button is-primary is-round", "aria-label": "Play", disabled: true, on: { click: () => this.#toggle() } }, icon("play"));
    this.slider = h("input", { type: "range", class: "seek", min: 0, max: this.replay.durationS, step: 0.01, value: 0, "aria-label": "Moment of the video", on: { input: () => this.seek(Number(this.slider.value)) } });
    this.moment = h("output", { class: "num moment" }, "0:00");
    this.rate = h("select", { class: "rate", "aria-label": "Pace of the video", on: { change: () => { this.video.playbackRate = Number(this.rate.value); } } },
      [["0.5", "½×"], ["1", "1×"], ["2", "2×"], ["4", "4×"]].map(([value, words]) => h("option", { value, selected: value === "1" }, words)));
    return h("div", { class: "controls" }, this.toggle, this.slider, this.moment, this.rate);
  }

  /** The steps beneath the video, each as long as it took. */
  #track() {
    const { steps, instructions } = this.replay.marks;
    const share = (s) => `${(100 * s / this.replay.durationS).toFixed(2)}%`;
    return h("div", { class: "track", role: "group", "aria-label": "Steps of the recording" },
      instructions.map((it) => h("span", { class: "track-instruction", css: { "--from": share(it.videoS) }, title: it.text, "aria-hidden": "true" })),
      steps.map((it) => h("button", { type: "button", class: `track-step is-${it.status}`, css: { "--from": share(it.from), "--long": share(Math.max(it.to - it.from, this.replay.durationS * 0.012)) },
        title: `${phrase(it.skill, it.things)}: ${it.status}`, "aria-label": `${phrase(it.skill, it.things)}, ${it.status}, at ${stamp(it.from)}`, on: { click: () => this.seek(it.from) } }, h("span", {}, phrase(it.skill, it.things)))));
  }

  async #fetch() {
    if (this.about.has_video === false) { this.empty.textContent = "This recording has no video."; return; }
    const blob = await trying(() => app.api.blob(`${this.#path}/video.mp4`));
    if (this.isClosed) return;
    if (!blob) { this.empty.textContent = "The video could not be fetched."; return; }
    this.url = URL.createObjectURL(blob);
    this.video.addEventListener("loadeddata", () => { this.empty.hidden = true; this.toggle.disabled = false; }, { once: true });
    this.video.addEventListener("error", () => { this.empty.hidden = false; this.empty.textContent = "This browser cannot play the video; the data set holds it."; }, { once: true });
    this.video.src = this.url;
  }

  /** Goes to a moment, seconds of the video. */
  seek(videoS) {
    const at = Math.min(this.replay.durationS, Math.max(0, videoS));
    if (Number.isFinite(this.video.duration)) this.video.currentTime = Math.min(at, this.video.duration);
    this.#show(at);
  }

  #toggle() {
    if (this.video.paused) this.video.play().catch(() => { /* a pause came before it began */ });
    else this.video.pause();
  }

  #playing() {
    const isPlaying = !this.video.paused && !this.video.ended;
    fill(this.toggle, icon(isPlaying ? "pause" : "play"));
    this.toggle.setAttribute("aria-label", isPlaying ? "Pause the video" : "Play");
    cancelAnimationFrame(this.asked);
    if (isPlaying) this.#follow();
  }

  #follow() {
    this.#show(this.video.currentTime);
    this.asked = requestAnimationFrame(() => this.#follow());
  }

  #show(videoS) {
    this.videoS = videoS;
    this.slider.value = videoS;
    this.moment.textContent = `${stamp(videoS)} / ${stamp(this.replay.durationS)}`;
    const known = this.replay.events.filter((it) => it.videoS <= videoS + 1e-6).length;
    if (known !== this.known) this.#tell(videoS, known);
    this.#draw();
  }

  #tell(videoS, known) {
    if (known < this.known) { this.log.shown.clear(); fill(this.log.list); }
    this.known = known;
    const state = this.replay.at(videoS);
    this.plan.draw(state);
    this.memory.draw(state.memory);
    this.log.draw(state.log);
  }

  #draw() { this.joints.draw(this.replay.rows, 0, this.replay.durationS, this.videoS); }

  #stampOf(entry) { return stamp(this.replay.events.find((it) => it.event.index === entry.index)?.videoS ?? 0); }

  async #save(name) {
    const blob = await trying(() => app.api.blob(`${this.#path}/${name}`));
    if (!blob) return;
    const url = URL.createObjectURL(blob);
    const link = h("a", { href: url, download: `${this.id}-${name}` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
}

/** The limits of the plots where the recording does not say them: as far as each joint went, with some room. */
function limitsOf({ joint_pos: rows = [], joint_names: names, joint_low: low, joint_high: high }) {
  const count = rows[0]?.length ?? 0;
  const place = Array.from({ length: count }, (_, i) => i);
  const edge = (pick, room) => place.map((i) => rows.reduce((far, row) => pick(far, row[i]), rows[0][i]) + room);
  return { joint_names: names ?? place.map((i) => `joint_${i + 1}`), joint_low: low ?? edge(Math.min, -0.1), joint_high: high ?? edge(Math.max, 0.1) };
}
