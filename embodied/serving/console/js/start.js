/** The first page: open a robot in a world, or watch one that is there. */

import { badge, button, day, fill, h, icon, titled } from "./dom.js";
import { MODE_WORDS } from "./model.js";
import { app, go, show, trying } from "./page.js";
import { clientName, Robot } from "./robot.js";

const SPEEDS = [["1", "real time"], ["2", "twice as fast"], ["4", "four times as fast"], ["0", "as fast as it can"]];
const MAX_SEED = 2 ** 31 - 1;
const CHOSEN_KEY = "embodied.chosen";
const DOMAIN_WORDS = { tabletop: "Tabletop: blocks and bowls", tamp: "Stacks: questions, and instructions that need clearing", board: "Board: push toys about", kitchen: "Kitchen: fetch and put away" };
const ORACLE_WORDS = (name) => `${name.toUpperCase()} (reads the simulator's true state)`;

export class StartPage {
  constructor() {
    this.sessions = h("div", { class: "robots" }, h("p", { class: "quiet" }, "Looking…"));
    this.opening = h("div", { class: "card opening" }, h("h2", {}, "Open a robot"), h("p", { class: "quiet" }, "Looking for worlds…"));
    this.head = h("div", { class: "start-head" }, h("h1", {}, "Tell a robot what to do"),
      h("p", {}, "Pick a world, say what should happen, and watch how it is planned and done."));
    show(h("div", { class: "start" }, this.head, this.opening, h("section", { class: "card", "aria-labelledby": "robots-title" }, h("h2", { id: "robots-title" }, "Robots at work"), this.sessions)));
    this.#load();
    this.timer = setInterval(() => this.#refresh(), 3000);
  }

  close() { clearInterval(this.timer); }

  draw() { /* nothing here depends on a robot */ }

  async #load() {
    await this.#refresh();
    const { notice } = await app.api.get("healthz").catch(() => ({}));
    if (notice) this.head.append(h("p", { class: "quiet", id: "notice" }, notice));
    const found = await trying(() => app.api.get("v1/worlds"));
    if (found) this.#offer(app.worlds = found.worlds);
    else fill(this.opening, h("h2", {}, "Open a robot"), h("p", {}, "The server's worlds could not be read."), button("Try again", { click: () => this.#load() }));
  }

  #offer(worlds) {
    const chosen = JSON.parse(localStorage.getItem(CHOSEN_KEY) ?? "{}");
    this.world = h("select", { id: "world", on: { change: () => this.#worldChosen() } }, grouped(worlds));
    if (worlds.some((it) => it.task === chosen.task)) this.world.value = chosen.task;
    this.planner = h("select", { id: "planner", required: true, on: { change: () => this.#plannerChosen() } });
    this.note = h("p", { class: "planner-note", hidden: true });
    this.robot = h("select", { id: "robot" });
    this.seed = h("input", { id: "seed", type: "number", min: 0, max: MAX_SEED, placeholder: "any" });
    this.speed = h("select", { id: "speed" }, SPEEDS.map(([value, words]) => h("option", { value }, words)));
    this.require = h("input", { id: "require", type: "text", placeholder: "red block, blue bowl", autocomplete: "off" });
    this.about = h("div", { class: "about" });
    this.submit = h("button", { type: "submit", class: "button is-primary is-large", id: "open" }, icon("play"), h("span", {}, "Start"));
    fill(this.opening, h("h2", {}, "Open a robot"), h("form", { class: "form", on: { submit: (e) => { e.preventDefault(); this.#open(); } } },
      field("world", "World", this.world), this.about,
      h("div", { class: "pair" }, field("planner", "Planner", this.planner), field("robot", "Arm", this.robot)), this.note,
      h("details", { class: "more" }, h("summary", {}, "Seed, pace, objects"),
        h("div", { class: "pair" }, field("seed", "Seed of the scene", this.seed), field("speed", "Pace", this.speed)),
        field("require", "Objects that must be there", this.require, "separated by commas")),
      this.submit));
    this.#worldChosen();
  }

  get #chosen() { return app.worlds.find((it) => it.task === this.world.value) ?? app.worlds[0]; }

  #worldChosen() {
    const world = this.#chosen;
    if (!world) { this.submit.disabled = true; return; }
    fill(this.planner, !world.default_planner && h("option", { value: "", disabled: true, selected: true }, "choose who plans"),
      world.planners.map((it) => h("option", { value: it.name, selected: it.name === world.default_planner }, it.privileged ? ORACLE_WORDS(it.name) : it.name)));
    this.#plannerChosen();
    fill(this.robot, h("option", { value: "" }, "the world's own"), (world.robots ?? []).map((it) => h("option", { value: it }, it)));
    this.robot.closest(".field").hidden = !world.robots?.length;
    fill(this.about, world.examples.length > 0 && [h("p", { class: "about-say" }, "It understands, for example"), h("ul", {}, world.examples.slice(0, 3).map((it) => h("li", {}, it)))],
      h("p", { class: "about-skills" }, world.skills.map((it) => h("span", { class: "tag", title: it.meaning ?? "" }, it.name.replaceAll("_", " ")))));
  }

  /** Whoever picks a planner that reads true state is told so. */
  #plannerChosen() {
    const kind = this.#chosen.planners.find((it) => it.name === this.planner.value);
    const words = kind?.privileged ? [badge(kind.name), " Its plans say nothing of what a robot could do by its own senses."]
      : kind ? [] : ["Nobody plans this world from what a robot senses. Choose a planner that reads the simulator's true state, or another world."];
    fill(this.note, words);
    this.note.hidden = !words.length;
  }

  async #open() {
    this.submit.disabled = true;
    this.opening.querySelectorAll(".complaint").forEach((it) => it.remove());
    fill(this.submit, h("span", { class: "spinner", "aria-hidden": "true" }), h("span", {}, "Building the world…"));
    const opened = await trying(() => app.api.post("v1/sessions", this.#wanted(), { timeoutMs: 90000 }), (error) => this.#blamed(error));
    this.submit.disabled = false;
    fill(this.submit, icon("play"), h("span", {}, "Start"));
    if (!opened) return;
    localStorage.setItem(CHOSEN_KEY, JSON.stringify({ task: this.world.value }));
    app.robot?.close();
    app.robot = new Robot(app.api, opened.session, opened.lease);
    go(`#/s/${encodeURIComponent(app.robot.id)}`);
  }

  /** The field that a refusal is about. */
  #blamed({ status, message }) {
    const named = { require: this.require, seed: this.seed, planner: this.planner, robot: this.robot, speed: this.speed, task: this.world }[/^\w+/.exec(message)?.[0]];
    return named ?? (status === 422 && this.require.value ? this.require : this.submit);
  }

  #wanted() {
    const required = this.require.value.split(",").map((it) => it.trim()).filter(Boolean);
    return { task: this.#chosen.task, planner: this.planner.value, speed: Number(this.speed.value), client: clientName(),
      seed: this.seed.value === "" ? Math.floor(Math.random() * MAX_SEED) : Number(this.seed.value), ...(this.robot.value && { robot: this.robot.value }), ...(required.length && { require: required }) };
  }

  async #refresh() {
    const found = await app.api.get("v1/sessions").catch((error) => ({ error }));
    if (found.error) { fill(this.sessions, h("p", { class: "quiet" }, found.error.message)); return; }
    const key = JSON.stringify(found.sessions.map((it) => [it.session_id, it.mode, it.instruction, it.lease]), (name, value) => (name === "expires_in_s" ? undefined : value));
    if (this.key === key) return;
    this.key = key;
    fill(this.sessions, found.sessions.length ? found.sessions.map(row) : h("p", { class: "quiet" }, "None yet. Robots that others opened appear here, to watch."));
  }
}

function row(session) {
  const holder = session.lease?.is_held ? `${session.lease.holder} commands` : "nobody commands";
  return h("a", { class: "robot-row", href: `#/s/${encodeURIComponent(session.session_id)}` }, h("span", { class: "mode", "data-mode": session.mode }, h("span", { class: "mode-dot", "aria-hidden": "true" }), MODE_WORDS[session.mode] ?? session.mode),
    h("span", { class: "robot-text" }, h("strong", {}, titled(session.task)), h("span", { class: "quiet" }, [session.robot, holder, day(session.created_unix_s)].filter(Boolean).join(" · ")), session.privileged && badge(session.planner)), h("span", { class: "robot-go" }, "Open"));
}

function grouped(worlds) {
  const domains = [...new Set(worlds.map((it) => it.domain))];
  const short = (task, domain) => titled(task.replace(`${domain}_`, ""));
  return domains.map((domain) => h("optgroup", { label: DOMAIN_WORDS[domain] ?? titled(domain) }, worlds.filter((it) => it.domain === domain).map((it) => h("option", { value: it.task }, short(it.task, domain)))));
}

function field(id, label, control, hint = "") {
  return h("div", { class: "field" }, h("label", { for: id }, label, hint && h("small", {}, ` ${hint}`)), control);
}
