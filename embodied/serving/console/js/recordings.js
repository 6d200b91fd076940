/** The list of recordings. */

import { badge, button, day, fill, h, icon, lasting, titled } from "./dom.js";
import { count, verdict } from "./model.js";
import { app, show, trying } from "./page.js";

export class RecordingsPage {
  constructor() {
    this.list = h("div", { class: "recordings" }, h("p", { class: "quiet" }, "Looking…"));
    show(h("div", { class: "narrow" }, h("h1", {}, "Recordings"), this.list));
    this.#load();
  }

  close() { /* nothing runs */ }

  draw() { /* nothing here depends on a robot */ }

  async #load() {
    const found = await trying(() => app.api.get("v1/recordings"));
    if (!found) { fill(this.list, h("p", {}, "The recordings could not be read."), button("Try again", { click: () => this.#load() })); return; }
    const recordings = [...found.recordings].sort((a, b) => b.created_unix_s - a.created_unix_s);
    fill(this.list, recordings.length ? recordings.map(row) : h("p", { class: "quiet" }, "None yet. A session is recorded while its robot moves, and appears here once it has ended."));
  }
}

function row(it) {
  const said = titleOf(it);
  return h("a", { class: "recording", href: `#/recordings/${encodeURIComponent(it.recording_id)}` }, icon("film"),
    h("span", { class: "recording-text" }, h("strong", {}, said || titled(it.task)), h("span", { class: "quiet" }, [said && titled(it.task), day(it.created_unix_s), lasting(it.duration_s), count(it.runs?.length ?? 0, "run")].filter(Boolean).join(" · ")), it.privileged && badge(it.planner)),
    h("span", { class: "recording-ends" }, (it.runs ?? []).filter((run) => run.end !== null).slice(-4).map(mark)));
}

/** The first instruction of a recording, and how many came after it; "" when nobody said anything. */
export function titleOf({ instructions: said = [] }) {
  return said.length > 1 ? `${said[0]}, and ${said.length - 1} more` : said[0] ?? "";
}

function mark(run) {
  const [words, tone, short] = verdict(run);
  return h("span", { class: `end is-${tone}`, title: words }, short);
}
