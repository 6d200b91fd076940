/** The one field to talk to the robot: an instruction, a correction while it works, or the answer to its question. */

import { fill, h, icon } from "./dom.js";
import { question } from "./model.js";
import { app, toast, trying } from "./page.js";
import { Talk } from "./talk.js";

const MAX_TEXT = 500;

const WAYS = {
  instruct: { label: "What should the robot do?", send: "Run", hint: "" },
  correct: { label: "Correct it while it works", send: "Correct", hint: "The rest of the plan is dropped; the planner is asked again with your words." },
  answer: { label: "Your answer, in any words", send: "Answer", hint: "" },
};

export class Composer {
  /** onPoint(name): a candidate's button is looked at, null: none is. crop(name): a small picture of an object, or null. */
  constructor(robot, examples, { onPoint = () => {}, crop = () => null } = {}) {
    Object.assign(this, { robot, examples, onPoint, crop, way: "", talk: new Talk() });
    this.field = h("input", { id: "say", class: "say", type: "text", maxlength: MAX_TEXT, autocomplete: "off", enterkeyhint: "send" });
    this.label = h("label", { for: "say", class: "say-label" });
    this.send = h("button", { type: "submit", class: "button is-primary say-send" });
    this.asked = h("p", { class: "asked", role: "alert", hidden: true });
    this.choices = h("div", { class: "choices", role: "group", "aria-label": "Which one?", hidden: true });
    this.why = h("p", { class: "say-why" });
    this.chips = h("div", { class: "chips", role: "group", "aria-label": "Examples" });
    this.form = h("form", { class: "card composer", "aria-label": "Talk to the robot", on: { submit: (e) => { e.preventDefault(); this.#submit(); } } },
      this.talk.element, this.asked, this.choices, this.label, h("div", { class: "say-row" }, this.field, this.send), this.why, this.chips);
    this.element = this.form;
    this.draw();
  }

  focus() { this.field.focus(); }

  draw() {
    const asked = question(this.robot.state);
    const way = asked ? "answer" : this.robot.isUnderWay ? "correct" : "instruct";
    if (way !== this.way) this.#turn(way);
    this.asked.hidden = !asked;
    if (asked && this.asked.dataset.text !== asked) {
      this.asked.dataset.text = asked;
      fill(this.asked, icon("help"), h("span", {}, asked));
    }
    this.talk.draw(this.robot.state);
    const why = this.#whyNot();
    this.#drawChoices(way === "answer" ? this.robot.state.run.choices ?? [] : [], why !== "");
    this.field.disabled = this.send.disabled = why !== "";
    this.why.textContent = why || WAYS[way].hint;
    if (this.wantsFocus && !why) { this.wantsFocus = false; this.field.focus({ preventScroll: true }); }
    this.#drawChips(way === "instruct" && !why);
  }

  /** What a question may be answered with: each a button, with a picture of what it means. */
  #drawChoices(choices, isOff) {
    const key = JSON.stringify([choices, isOff]);
    if (this.choices.dataset.key === key) return;
    this.choices.dataset.key = key;
    this.choices.hidden = !choices.length;
    if (!choices.length) this.onPoint(null);
    fill(this.choices, choices.map(({ reply, object }) => {
      const [look, leave] = [() => this.onPoint(object), () => this.onPoint(null)];
      return h("button", { type: "button", class: "choice", disabled: isOff, "data-object": object, on: { click: () => this.#say("answer", reply), mouseenter: look, focus: look, mouseleave: leave, blur: leave } },
        object && this.crop(object), h("span", {}, reply));
    }));
    if (choices.length) this.choices.scrollIntoView({ block: "nearest" });
  }

  /** Another kind of word is wanted: what was typed for the former kind stays only when it was an instruction. */
  #turn(way) {
    this.way = way;
    this.label.textContent = WAYS[way].label;
    fill(this.send, h("span", {}, WAYS[way].send), icon("send"));
    this.field.placeholder = { instruct: this.examples[0] ?? "", correct: "no, the other one", answer: "" }[way];
    this.field.value = "";
    this.form.dataset.way = way;
    if ([document.body, this.send, this.field].includes(document.activeElement) && !matchMedia("(pointer: coarse)").matches) this.wantsFocus = true;
  }

  #whyNot() {
    const { mode, isCommanding, isGone } = this.robot;
    if (isGone) return "This robot is gone.";
    if (mode === "crashed") return "The physics crashed. Start a new scene to go on.";
    if (mode === "estopped") return "The emergency stop is latched. Reset it to go on.";
    if (mode === "paused" && !this.robot.isUnderWay) return "The robot is paused. Resume it to go on.";
    if (!isCommanding) return "You are watching. Take command to talk to the robot.";
    return "";
  }

  /** The scene's own instruction first, then examples of the world. */
  #drawChips(isShown) {
    this.chips.hidden = !isShown;
    if (this.robot.state.run === null) this.sceneInstruction = this.robot.session.instruction;
    const own = this.sceneInstruction;
    const key = `${own}/${isShown}`;
    if (this.chips.dataset.key === key) return;
    this.chips.dataset.key = key;
    const instructions = [...new Set([own, ...this.examples])].filter(Boolean).slice(0, 5);
    fill(this.chips, instructions.map((text) => h("button", { type: "button", class: "chip", on: { click: () => { this.field.value = text; this.focus(); } } }, text)));
  }

  async #submit() {
    const text = this.field.value.trim();
    if (!text) { this.focus(); return; }
    await this.#say(this.way, text);
  }

  async #say(way, text) {
    this.send.disabled = true;
    this.form.querySelector(".complaint")?.remove();
    const sent = await trying(async () => { await (way === "instruct" ? this.robot.instruct(text) : this.robot.correct(text)); return true; }, () => (app.robot === this.robot && this.form.isConnected ? this.field : null));
    if (sent && this.way === way) this.field.value = "";
    if (sent && way === "correct") toast("The robot will look again with your words.");
    if (app.robot === this.robot) this.draw();
  }
}
