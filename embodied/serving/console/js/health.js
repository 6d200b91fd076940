/** How the link, the planner and the safety filter do. */

import { fill, h } from "./dom.js";
import { bars } from "./plots.js";

const COUNTERS = [["limited", "limited", "motions that were made slower or shorter"], ["refused", "refused", "motions that were not let through"], ["stops", "stops", "stops and emergency stops"],
  ["heartbeats_lost", "heartbeats lost", "times the commanding page was lost"], ["stale", "stale", "commands that came late or twice"], ["late", "late", "control periods that came late"]];

export class Health {
  constructor() {
    this.trip = h("output", { class: "num" }, "–");
    this.trips = h("canvas", { class: "trips", "aria-hidden": "true" });
    this.thought = h("output", { class: "num" }, "–");
    this.fps = h("output", { class: "num" }, "–");
    this.counts = h("dl", { class: "counts" });
    this.element = h("section", { class: "card health", "aria-labelledby": "health-title" }, h("h2", { id: "health-title" }, "Link and safety"),
      h("div", { class: "gauges" }, gauge("Round trip", this.trip, this.trips), gauge("Planner thought", this.thought), gauge("Pictures", this.fps)), this.counts);
  }

  draw({ roundTripMs, trips, thinkingS, fps, session, link }) {
    this.trip.textContent = roundTripMs === null || link !== "open" ? "–" : `${roundTripMs.toFixed(0)} ms`;
    bars(this.trips, trips, { top: Math.max(40, ...trips) });
    this.thought.textContent = thinkingS === null ? "–" : thinkingS < 1 ? `${(thinkingS * 1000).toFixed(0)} ms` : `${thinkingS.toFixed(1)} s`;
    this.fps.textContent = link === "open" ? `${(fps / Math.max(1, session.cameras.length)).toFixed(0)} / s` : "–";
    const counters = session.counters ?? {};
    const key = JSON.stringify(counters);
    if (this.counts.dataset.key === key) return;
    this.counts.dataset.key = key;
    fill(this.counts, COUNTERS.filter(([name]) => name in counters).map(([name, words, meaning]) =>
      h("div", { class: counters[name] ? "count is-some" : "count", title: meaning }, h("dt", {}, words), h("dd", { class: "num" }, String(counters[name])))));
  }
}

const gauge = (name, ...content) => h("div", { class: "gauge" }, h("span", { class: "gauge-name" }, name), ...content);
