/** The conversation: what people said in this scene, what it was taken for, and what the robot said. */

import { fill, h, icon } from "./dom.js";

const GLYPHS = { question: "help", answer: "robot", refusal: "warn", seen: "check", missed: "cross", ended: "dot" };

/** A list of turns, oldest first; it keeps the newest one in sight. */
export class Talk {
  constructor() {
    this.element = h("ol", { class: "talk", role: "log", "aria-label": "Conversation", tabindex: "0", hidden: true });
  }

  draw({ turns, run }) {
    const isAsking = Boolean(run?.isAsking && run.end === null);
    const shown = turns.filter((it, i) => !(isAsking && it.kind === "question" && i === turns.length - 1)); // it stands beside the field
    const key = shown.map((it) => it.key).join();
    if (key === this.key) return;
    this.key = key;
    this.element.hidden = !shown.length;
    fill(this.element, shown.map(bubble));
    this.element.scrollTop = this.element.scrollHeight;
  }
}

function bubble({ who, kind, text, detail }) {
  return h("li", { class: `turn is-${who} is-${kind}`, "data-kind": kind },
    h("span", { class: "unseen" }, who === "person" ? "You: " : "Robot: "), GLYPHS[kind] && icon(GLYPHS[kind]),
    h("div", { class: "turn-text" }, kind === "understood" && h("small", {}, "understood"), h("p", {}, text), detail && h("p", { class: "turn-detail" }, detail)));
}
