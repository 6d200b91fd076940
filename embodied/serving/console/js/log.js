/** The timeline: what happened, newest first. */

import { clock, fill, h, icon } from "./dom.js";

const GLYPHS = { instruction: "send", plan: "robot", done: "check", failed: "cross", timeout: "cross", refused: "warn", question: "help", correction: "hand", stopped: "stop", unjudged: "help", answered: "robot",
  "mode-paused": "pause", "mode-crashed": "warn", "safety-stop": "stop", "safety-estop": "estop", "safety-heartbeat": "link" };
const TONES = { done: "good", failed: "bad", timeout: "bad", refused: "wary", question: "wary", unjudged: "wary", correction: "calm", answered: "calm", "mode-crashed": "bad", "safety-estop": "bad",
  "safety-heartbeat": "bad", "safety-refused": "wary", "safety-limited": "wary", "safety-plan": "wary", instruction: "calm" };

/** A list; `draw(log)` brings it up to a state's log. time(entry): how an entry's moment is written. */
export class LogPanel {
  constructor({ time = (entry) => clock(entry.unix_s), onPick = null } = {}) {
    Object.assign(this, { time, onPick, shown: new Map() });
    this.list = h("ol", { class: "log", tabindex: "0", "aria-label": "Events, newest first" });
    this.element = h("section", { class: "card log-card", "aria-labelledby": "log-title" }, h("h2", { id: "log-title" }, "Timeline"), this.list);
  }

  draw(log) {
    if (!log.length) {
      fill(this.list, h("li", { class: "quiet" }, "Nothing happened yet."));
      this.shown.clear();
      return;
    }
    if (!this.shown.size) fill(this.list);
    for (const entry of log) this.#show(entry);
    this.#forget(log[0].key);
  }

  #show(entry) {
    const known = this.shown.get(entry.key);
    if (known?.times === entry.times) return;
    const item = this.#item(entry);
    if (known) known.item.replaceWith(item); else this.list.prepend(item);
    this.shown.set(entry.key, { times: entry.times, item });
  }

  #item(entry) {
    return h("li", { class: `entry is-${TONES[entry.kind] ?? "plain"}` }, icon(GLYPHS[entry.kind] ?? (entry.kind.startsWith("safety") ? "bolt" : "dot")),
      h("div", { class: "entry-text" }, h("span", { class: "entry-title" }, entry.title, entry.times > 1 && h("span", { class: "times" }, ` ×${entry.times}`)),
        entry.detail && h("span", { class: "entry-detail" }, entry.detail)), h("time", { class: "num" }, this.time(entry)));
  }

  #forget(firstKey) {
    for (const [key, { item }] of this.shown) {
      if (key >= firstKey) return;
      item.remove();
      this.shown.delete(key);
    }
  }
}
