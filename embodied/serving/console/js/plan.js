/** The plan as it forms, its steps as they are carried out, and how it ended. */

import { fill, h, icon, lasting } from "./dom.js";
import { judgement, slotNumber, verdict } from "./model.js";

const STATE_WORDS = { waiting: "waiting", running: "running", done: "done", failed: "failed", timeout: "timed out", refused: "refused", dropped: "dropped", stopped: "stopped" };
const LONG_HINT = 120;
const NONE = new Map();
const GLYPHS = { done: "check", failed: "cross", timeout: "cross", refused: "cross", stopped: "stop" };
const VERDICT_GLYPHS = { done: "check", failed: "cross", refused: "warn", stopped: "stop", unjudged: "help", answered: "robot" };

/** A panel; `draw(state, crops)` shows the run of a state. crops: object name -> small canvas. */
export class PlanPanel {
  constructor() {
    this.body = h("div", { class: "plan-body" });
    this.element = h("section", { class: "card plan", "aria-labelledby": "plan-title" }, h("h2", { id: "plan-title" }, "Plan"), this.body);
  }

  draw({ run }, crops = NONE) {
    const key = JSON.stringify(run);
    if (key === this.key && crops === this.crops) return;  // what a person opened or marked stays
    [this.key, this.crops] = [key, crops];
    if (run === null || run.isDirect && !run.steps.length) {
      fill(this.body, h("p", { class: "quiet" }, "Tell the robot what to do; its plan appears here while it thinks."));
      return;
    }
    fill(this.body, run.instruction && h("blockquote", { class: "instruction" }, run.instruction), meant(run), thinking(run), ending(run), steps(run, crops), footnote(run));
  }
}

/** What the words were taken for. */
function meant(run) {
  return run.understood && h("p", { class: "meant" }, h("small", {}, "understood"), run.understood);
}

/** The tokens while they are decoded, the less likely ones tinted. */
function thinking(run) {
  if (run.isAsking && run.end === null) return h("p", { class: "thinking thinking-head" }, icon("help"), "It waits for your answer");
  if (!run.isThinking) return null;
  return h("div", { class: "thinking" },
    h("p", { class: "thinking-head" }, h("span", { class: "spinner", "aria-hidden": "true" }), run.plans ? "Looking again" : "Thinking"),
    run.tokens.length ? h("p", { class: "tokens", "aria-hidden": "true" }, run.tokens.map(token)) : null);
}

function token({ text, probability }) {
  const doubt = Math.min(1, (1 - (probability ?? 1)) * 1.6);
  return h("span", { class: "token", css: { "--doubt": `${Math.round(doubt * 60)}%` }, title: percent(probability) }, text);
}

function ending(run) {
  if (run.end === null) return null;
  const [words, tone] = verdict(run);
  const judged = judgement(run);
  return h("div", { class: `verdict is-${tone}` }, icon(VERDICT_GLYPHS[tone]), h("div", {}, h("strong", {}, words), run.answer && h("p", {}, run.answer), run.report && h("p", { class: "report" }, run.report.words), judged && h("p", {}, judged), tone !== "done" && hint(run.hint)));
}

/** What the planner adds; a long one opens on demand. */
function hint(text) {
  if (!text) return null;
  if (text.length <= LONG_HINT) return h("p", {}, text);
  const cut = text.slice(0, LONG_HINT).replace(/\s\S*$/, "");
  return h("details", { class: "hint" }, h("summary", {}, `${cut}…`), h("p", {}, text.slice(cut.length)));
}

function steps(run, crops) {
  if (!run.steps.length) return null;
  return h("ol", { class: "steps" }, run.steps.map((step) => one(step, crops)));
}

function one(step, crops) {
  const words = STATE_WORDS[step.status] ?? step.status;
  return h("li", { class: `step is-${step.status}`, "data-status": step.status },
    h("span", { class: "step-mark", "aria-hidden": "true" }, GLYPHS[step.status] && icon(GLYPHS[step.status])),
    h("div", { class: "step-text" },
      h("p", { class: "step-call" }, h("span", { class: "step-skill" }, step.skill.replaceAll("_", " ")), (step.arguments ?? []).map((it, i) => argument(String(it), String(step.things?.[i] ?? it), crops))),
      step.reason ? h("p", { class: "step-reason" }, step.reason) : null),
    h("div", { class: "step-side" }, h("span", { class: "step-state" }, words, step.duration_s ? ` ${lasting(step.duration_s)}` : ""), bar(step.probability)));
}

/** A thing by what it is, its number in the plan small beside it. */
function argument(name, thing, crops) {
  const crop = crops.get(name);
  return h("span", { class: "argument", "data-name": name, title: thing === name ? null : name }, crop && copied(crop), thing, thing !== name && h("small", {}, slotNumber(name)));
}

export function copied(canvas) {
  const copy = canvas.cloneNode();
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}

function bar(probability) {
  if (probability === null || probability === undefined) return null;
  return h("span", { class: "chance", title: "how sure the planner was", css: { "--chance": `${Math.round(probability * 100)}%` } },
    h("span", { class: "chance-bar", "aria-hidden": "true" }), h("span", { class: "num" }, percent(probability)));
}

function footnote(run) {
  const words = [run.plans > 1 && `looked ${run.plans} times`, run.thinking_s >= 0.05 && `thought ${lasting(run.thinking_s)}`].filter(Boolean).join(", ");
  const text = run.text.trim();
  if (!words && !text) return null;
  return h("p", { class: "footnote" }, text ? h("code", {}, text) : null, words && h("span", {}, words));
}

export function percent(probability) {
  if (probability === null || probability === undefined) return "";
  return probability > 0.995 && probability < 1 ? ">99 %" : `${Math.round(probability * 100)} %`;
}
