/** The panel of joints: one sparkline each, between its limits, and the gripper. */

import { h } from "./dom.js";
import { nearest, sparkline } from "./plots.js";

const MAX_GRIPPER_M = 0.1;

/** A panel for a robot of these joints; `draw(rows, from, to, cursor)` shows rows {t, joint_pos, setpoint, gripper_width_m}. */
export class Joints {
  constructor({ joint_names: names = [], joint_low: low = [], joint_high: high = [] }, onSeek = null) {
    this.plots = names.map((name, i) => ({ name: shorten(name), low: low[i], high: high[i], read: (r) => r.joint_pos?.[i], aim: (r) => r.setpoint?.[i], isLength: high[i] - low[i] < 0.2 }));
    this.plots.push({ name: "grip", low: 0, high: MAX_GRIPPER_M, read: (r) => r.gripper_width_m, aim: () => undefined, isLength: true });
    this.element = h("div", { class: "joints" }, this.plots.map((plot) => this.#cell(plot, onSeek)));
  }

  #cell(plot, onSeek) {
    plot.canvas = h("canvas", { class: "spark", "aria-hidden": "true" });
    plot.value = h("output", { class: "num" }, "–");
    if (onSeek) plot.canvas.addEventListener("pointerdown", (e) => onSeek(e.offsetX / plot.canvas.clientWidth));
    const limits = plot.isLength ? `${(plot.low * 1000).toFixed(0)} to ${(plot.high * 1000).toFixed(0)} mm` : `${plot.low?.toFixed(2)} to ${plot.high?.toFixed(2)} rad`;
    return h("div", { class: "joint", title: `${plot.name}: limits ${limits}` }, h("div", { class: "joint-head" }, h("span", {}, plot.name), plot.value), plot.canvas);
  }

  draw(rows, from, to, cursor) {
    const at = cursor === undefined ? rows.at(-1) : rows.length ? nearest(rows, cursor) : undefined;
    for (const plot of this.plots) {
      const read = rows.map((row) => ({ t: row.t, value: plot.read(row), target: plot.aim(row) })).filter((it) => Number.isFinite(it.value));
      sparkline(plot.canvas, { rows: read, low: plot.low, high: plot.high, from, to, cursor });
      const value = at ? plot.read(at) : undefined;
      plot.value.textContent = Number.isFinite(value) ? shown(value, plot.isLength) : "–";
      const room = (plot.high - plot.low) * 0.03;
      plot.value.classList.toggle("is-near", plot.name !== "grip" && !plot.isLength && (value < plot.low + room || value > plot.high - room));
    }
  }
}

const shown = (value, isLength) => (isLength ? `${(value * 1000).toFixed(0)} mm` : `${value <= -0.005 ? "−" : ""}${Math.abs(value).toFixed(2)}`);

/** "panda_joint1" as J1: the place is what a person looks for. */
function shorten(name) {
  const joint = /joint_?(\d+)$/i.exec(name);
  if (joint && !/finger/i.test(name)) return `J${joint[1]}`;
  return name.replace(/^.*?finger/i, "finger").replaceAll("_", " ").replace("joint", "").trim();
}
