/** What a robot that drives about remembers: its map of the furniture, with what it saw where. */

import { fill, h, svg, titled } from "./dom.js";

const PX = 100;  // of a metre
const LEAST_PX = 30;  // of a thing's picture
const RIM_PX = 34;  // around the room, for names of what stands at its walls
const STATE_WORDS = { seen: "", unseen: "not seen yet", open: "open", shut: "shut", hidden: "" };

/** A panel; `draw(memory)` shows the memory of a plan, and hides where a planner has none. */
export class MemoryPanel {
  constructor() {
    this.map = h("div", { class: "memory-map" });
    this.words = h("p", { class: "memory-words" });
    this.element = h("section", { class: "card memory", "aria-labelledby": "memory-title", hidden: true },
      h("h2", { id: "memory-title" }, "What it remembers ", h("small", {}, "as it knew when it planned last; from above")), this.map, this.words);
  }

  draw(memory) {
    if (memory === this.memory) return;
    this.memory = memory;
    this.element.hidden = !memory;
    if (!memory) return;
    fill(this.map, plan(memory));
    fill(this.words, said(memory));
  }
}

/** What the map shows, in words: for whoever sees none, too. */
export function said(memory) {
  const known = memory.places.filter((it) => !["unseen", "hidden"].includes(it.state)).map((it) => `${it.name}: ${contents(it)}`);
  const unseen = memory.places.filter((it) => it.state === "unseen").map((it) => it.name);
  const parts = [...known, unseen.length && `not seen yet: ${unseen.join(", ")}`, `in the hand: ${memory.held ?? "nothing"}`, memory.here ? `it stands at the ${memory.here}` : "it stands at none of them"];
  return `${titled(parts.filter(Boolean).join("; "))}.`;
}

function contents({ state, things }) {
  const seen = things.map(({ color }) => named(color)).join(", ");
  if (state === "seen") return seen || "nothing";
  return seen ? `${state}, with ${seen} in it` : state === "open" ? "open, nothing in it" : state;
}

const named = (color) => `${/^[aeiou]/.test(color) ? "an" : "a"} ${color} thing`;

/** From above: x of the room to the right, y up. */
const drawn = ([x, y]) => [x * PX, -y * PX];

function plan(memory) {
  const [width, height] = memory.room.map((it) => it * PX);
  return svg("svg", { viewBox: [-width / 2 - RIM_PX, -height / 2 - RIM_PX, width + 2 * RIM_PX, height + 2 * RIM_PX].join(" "), "aria-hidden": "true" },
    svg("rect", { class: "memory-room", x: -width / 2, y: -height / 2, width, height, rx: 8 }),
    ...memory.places.flatMap((it) => place(it, it.name === memory.here, width / 2)), robot(memory));
}

function place({ name, outline, state, things }, isHere, halfPx) {
  const points = outline.map(drawn);
  const [xs, ys] = [0, 1].map((axis) => points.map((it) => it[axis]));
  const [x, y] = [middle(xs), middle(ys)];
  const at = x > halfPx / 3 ? { x: Math.max(...xs), "text-anchor": "end" } : x < -halfPx / 3 ? { x: Math.min(...xs), "text-anchor": "start" } : { x, "text-anchor": "middle" };
  return [svg("polygon", { class: `memory-place is-${state}${isHere ? " is-here" : ""}`, points: points.map((it) => it.join(",")).join(" ") }),
    svg("text", { class: "memory-name", ...at, y: y > PX ? Math.max(...ys) + 24 : Math.min(...ys) - 9 }, `${name} `, svg("tspan", {}, STATE_WORDS[state] ?? "")),
    ...(things.length || !["seen", "open"].includes(state) ? [] : [svg("text", { class: "memory-empty", x, y: y + 5, "text-anchor": "middle" }, "nothing")]),
    ...things.map(thing)];
}

const middle = (values) => (Math.max(...values) + Math.min(...values)) / 2;

function thing({ at, size_m: sizeM, color, picture }) {
  const [x, y] = drawn(at);
  const side = Math.max(LEAST_PX, 1.6 * sizeM * PX);
  return svg("image", { class: "memory-thing", href: picture, x: x - side / 2, y: y - side / 2, width: side, height: side }, svg("title", {}, named(color)));
}

function robot({ robot: [x, y, yaw], held }) {
  const [left, top] = drawn([x, y]);
  const ahead = drawn([x + 0.3 * Math.cos(yaw), y + 0.3 * Math.sin(yaw)]);
  return svg("g", { class: "memory-robot" }, svg("circle", { cx: left, cy: top, r: 25 }), svg("line", { x1: left, y1: top, x2: ahead[0], y2: ahead[1] }),
    ...(held ? [svg("text", { x: left, y: top + 44, "text-anchor": "middle" }, held)] : []));
}
