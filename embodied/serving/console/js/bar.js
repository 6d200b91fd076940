/** What is always in reach: where one is, how the robot is, who commands it; pause, stop and the emergency stop. */

import { atOnce, button, fill, h, icon, inField } from "./dom.js";
import { MODE_WORDS } from "./model.js";
import { app, atHand, banner, speak, toast, trying } from "./page.js";
import { askReset, showHelp } from "./dialogs.js";

const RETRY_MS = 700;

export class Bar {
  constructor() {
    this.mode = h("span", { class: "mode", hidden: true });
    this.lease = h("span", { class: "lease", hidden: true });
    this.pages = { robot: link("#/", "robot", "Robot"), recordings: link("#/recordings", "film", "Recordings") };
    this.pause = button("Pause", { glyph: "pause", kind: "halt", click: () => this.togglePause(), "aria-keyshortcuts": "P" });
    this.stop = button("Stop", { glyph: "stop", kind: "halt", on: atOnce(() => this.stopNow()), "aria-keyshortcuts": "S" });
    this.estop = h("button", { type: "button", class: "estop", "aria-keyshortcuts": "Escape", on: atOnce(() => this.estopNow()) });
    fill(document.getElementById("bar"),
      h("a", { class: "brand", href: "#/", "aria-label": "Embodied, to the start" }, h("img", { src: "console/icon.svg", alt: "", width: 28, height: 28 }), h("span", {}, "Embodied")),
      h("nav", { class: "pages", "aria-label": "Pages" }, this.pages.robot, this.pages.recordings), this.mode, h("span", { class: "push" }), this.lease,
      h("button", { type: "button", class: "button is-bare", "aria-label": "Help and keys", title: "Help and keys (?)", on: { click: showHelp } }, icon("help")));
    fill(document.getElementById("halts"), this.pause, this.stop, this.estop);
    this.draw();
  }

  /** Says which page is shown. */
  at(page) {
    for (const [name, it] of Object.entries(this.pages)) it.toggleAttribute("aria-current", name === page);
    this.pages.robot.href = atHand() ? `#/s/${encodeURIComponent(app.robot.id)}` : "#/";
    this.draw();
  }

  draw() {
    const robot = atHand();
    const mode = robot?.mode;
    this.#drawMode(mode);
    this.#drawLease(robot);
    const isTyping = inField(document.activeElement);
    const isPaused = mode === "paused";
    fill(this.pause, icon(isPaused ? "play" : "pause"), h("span", {}, isPaused ? "Resume" : "Pause"), !isTyping && h("kbd", {}, "P"));
    fill(this.stop, icon("stop"), h("span", {}, "Stop"), h("kbd", {}, isTyping ? "Ctrl ." : "S"));
    this.pause.disabled = !robot?.isCommanding || !["running", "paused"].includes(mode);
    this.stop.disabled = !robot || ["estopped", "crashed"].includes(mode);
    const isLatched = mode === "estopped";
    this.estop.classList.toggle("is-latched", isLatched);
    fill(this.estop, icon("estop"), h("span", {}, isLatched ? "E-stopped" : robot ? "E-STOP" : "E-STOP all"), robot && h("kbd", {}, "Esc"));
    this.estop.setAttribute("aria-label", robot ? "Emergency stop" : "Emergency stop of all robots");
    const isUnconfirmed = robot?.state.stop?.confirmed_s === null;
    const held = isUnconfirmed ? "Emergency stop: latched, not yet confirmed by the robot's world." : "Emergency stop: nothing moves until it is reset.";
    banner("estop", isLatched ? { text: held, tone: "bad", glyph: "estop", action: ["Reset…", () => this.resetEstop()] } : null);
  }

  #drawMode(mode) {
    this.mode.hidden = !mode;
    if (!mode || this.mode.dataset.mode === mode) return;
    this.mode.dataset.mode = mode;
    fill(this.mode, h("span", { class: "mode-dot", "aria-hidden": "true" }), h("span", {}, MODE_WORDS[mode] ?? mode));
    document.title = `${MODE_WORDS[mode] ?? mode} · Embodied console`;
    speak(`The robot is ${(MODE_WORDS[mode] ?? mode).toLowerCase()}.`);
  }

  #drawLease(robot) {
    this.lease.hidden = !robot;
    if (!robot) return;
    const { is_held: isHeld, holder } = robot.session.lease ?? {};
    const key = `${robot.id}/${robot.isCommanding}/${isHeld}/${holder}`;
    if (this.lease.dataset.key === key) return;
    this.lease.dataset.key = key;
    if (robot.isCommanding) fill(this.lease, icon("hand"), h("span", { class: "lease-text" }, "You command"), button("Release", { kind: "is-small is-bare", click: () => trying(() => app.robot.release()) }));
    else if (isHeld) fill(this.lease, icon("eye"), h("span", { class: "lease-text" }, `Watching; ${holder || "somebody"} commands`));
    else fill(this.lease, icon("eye"), h("span", { class: "lease-text" }, "Watching"), button("Take command", { kind: "is-small is-primary", click: () => trying(() => app.robot.take()) }));
  }

  async togglePause() {
    if (this.pause.disabled) return;
    await trying(() => (app.robot.mode === "paused" ? app.robot.resume() : app.robot.pause()));
  }

  async stopNow() {
    if (this.stop.disabled) return;
    await trying(() => app.robot.stop());
  }

  /** Sends the emergency stop until the server has heard it. */
  async estopNow() {
    const robot = atHand();
    this.estop.classList.add("is-sent");
    setTimeout(() => this.estop.classList.remove("is-sent"), 600);
    for (let tries = 1; ; tries += 1) {
      try {
        await (robot ? robot.estop() : app.api.post("v1/estop", {}, { timeoutMs: 4000 }));
        break;
      } catch (error) {
        if (error.status >= 400 && error.status < 429) { toast(`The emergency stop was not accepted: ${error.message}`, "bad"); return; }
        banner("estop-lost", { text: `The emergency stop has not been heard (tried ${tries} times). Use the stop at the robot itself. Trying on…`, tone: "bad", glyph: "estop" });
        await new Promise((wake) => setTimeout(wake, RETRY_MS));
      }
    }
    banner("estop-lost", null);
    if (robot) robot.beat(); else toast("All robots of this server are stopped.", "bad");
  }

  async resetEstop() {
    if (atHand()?.mode === "estopped" && await askReset()) await trying(() => app.robot.resetEstop());
  }
}

function link(href, glyph, words) {
  return h("a", { href, class: "page-link" }, icon(glyph), h("span", {}, words));
}
