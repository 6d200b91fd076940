/** The page of one robot: cameras, plan, words, timeline, joints. */

import { Composer } from "./composer.js";
import { askWhether } from "./dialogs.js";
import { badge, button, h, soon, titled } from "./dom.js";
import { Health } from "./health.js";
import { Joints } from "./joints.js";
import { LogPanel } from "./log.js";
import { MemoryPanel } from "./memory.js";
import { app, banner, go, show, speak, toast, trying } from "./page.js";
import { PlanPanel, copied } from "./plan.js";
import { Stage } from "./stage.js";
import { verdict } from "./model.js";

const TICK_MS = 120;

export class LivePage {
  constructor(robot, world, bar) {
    Object.assign(this, { robot, bar, crops: new Map(), unwatch: new AbortController() });
    const { session } = robot;
    this.stage = new Stage(robot);
    this.composer = new Composer(robot, world?.examples ?? [], { onPoint: (name) => this.stage.point(name), crop: (name) => this.#cropOf(name) });
    [this.plan, this.memory, this.log, this.health, this.joints] = [new PlanPanel(), new MemoryPanel(), new LogPanel(), new Health(), new Joints(session)];
    const motion = h("section", { class: "card motion", "aria-labelledby": "motion-title" },
      h("h2", { id: "motion-title" }, "Joints ", h("small", {}, "last 30 s, between their limits; fine line: commanded")), this.joints.element);
    show(h("div", { class: "live" }, this.#head(session, world),
      h("div", { class: "live-left" }, this.stage.element, this.composer.element, motion), h("div", { class: "live-right" }, this.plan.element, this.memory.element, this.log.element, this.health.element)));
    this.#listen();
    this.draw();
  }

  #head({ task, robot, seed, planner, privileged }, world) {
    const facts = [world?.domain && world.domain !== task ? titled(world.domain) : null, robot, `seed ${seed}`, !privileged && `planner: ${planner}`].filter(Boolean).join(" · ");
    this.scene = button("New scene", { glyph: "dice", kind: "is-small", click: () => this.newScene() });
    this.ending = button("End session", { kind: "is-small is-bare", click: () => this.end() });
    return h("div", { class: "live-head" }, h("h1", {}, titled(task)), h("p", { class: "facts" }, facts, privileged && [" ", badge(planner)]), h("div", { class: "row" }, this.scene, this.ending));
  }

  #listen() {
    const { signal } = this.unwatch;
    const on = (type, hear) => this.robot.addEventListener(type, ({ detail }) => hear(detail), { signal });
    on("change", soon(() => this.draw()));
    on("frame", ({ camera, blob }) => this.stage.show(camera, blob));
    on("plan", () => { this.crops = this.stage.crops(this.robot.state.objects); });
    on("event", (event) => this.#speak(event));
    on("gone", () => banner("gone", { text: "This robot's session has ended.", tone: "wary", action: ["To the start", () => { app.robot = null; go("#/"); }] }));
    on("trouble", ({ error }) => toast(error.message, "bad"));
    this.timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Leaves the page; the robot stays at hand. */
  close() {
    this.unwatch.abort();
    clearInterval(this.timer);
    ["link", "crash"].forEach((key) => banner(key, null));
  }

  draw() {
    const { robot } = this;
    this.stage.draw();
    this.plan.draw(robot.state, this.crops);
    this.memory.draw(robot.state.memory);
    this.log.draw(robot.state.log);
    this.composer.draw();
    this.health.draw(robot);
    this.scene.disabled = !robot.isCommanding || ["running", "paused", "estopped"].includes(robot.mode);
    this.ending.disabled = !robot.isCommanding;
    this.#warn();
  }

  /** A small picture of an object, its own copy; null where none was seen. */
  #cropOf(name) {
    const crop = this.crops.get(name);
    return crop ? copied(crop) : null;
  }

  #warn() {
    const { link, waitS, mode, isGone, isCommanding, isReached } = this.robot;
    const isBlind = link === "lost" && waitS > 0.5 && !isGone;
    const retry = ["Try now", () => this.robot.stream.retry()];
    banner("link", isBlind && isReached ? { text: "The live view is interrupted. Trying again by itself; commands still reach the robot.", tone: "wary", glyph: "link", action: retry }
      : isBlind ? { text: `The server does not answer. Trying again by itself${isCommanding ? "; without your heartbeat the robot stops" : ""}.`, tone: "bad", glyph: "link", action: retry }
      : link === "refused" ? { text: "The token holds characters that no connection can carry. Reload the page and type it again.", tone: "bad" } : null);
    banner("crash", mode === "crashed" ? { text: "The physics of this world crashed; the robot does not move. A new scene starts it anew.", tone: "bad", action: isCommanding ? ["New scene", () => this.newScene()] : undefined } : null);
  }

  #tick() {
    const { series } = this.robot;
    const now = performance.now() / 1000;
    this.joints.draw(series.upTo(now), ...series.span(now));
  }

  #speak(event) {
    if (event.type === "outcome") speak(`${event.skill.replaceAll("_", " ")}: ${event.status}. ${event.reason ?? ""}`);
    if (event.type === "end" && this.robot.state.run) speak([verdict(this.robot.state.run)[0], this.robot.state.run.answer ?? this.robot.state.run.report?.words ?? ""].filter(Boolean).join(". "));
  }

  async newScene() {
    const seed = Math.floor(Math.random() * 2 ** 31);
    this.scene.disabled = true;
    await trying(async () => { await this.robot.newScene(seed); this.crops = new Map(); });
    this.draw();
  }

  async end() {
    if (!await askWhether("End this session?", "The robot stops and its world is closed. The recording is kept.", "End session", "is-danger")) return;
    if (await trying(async () => { await this.robot.end(); return true; })) {
      app.robot = null;
      this.bar.draw();
      go("#/");
    }
  }
}
