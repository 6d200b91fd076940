/** The cameras: one large, the others small beside it, and the objects in sight drawn over the pictures they were seen in. */

import { fill, h, svg, titled } from "./dom.js";
import { asked, referred, slotNumber } from "./model.js";

const UNIT = 1000;

export class Stage {
  constructor(robot) {
    this.robot = robot;
    this.views = new Map(robot.session.cameras.map((camera) => [camera, new View(camera, () => { this.turned = null; this.choose(camera); })]));
    this.large = robot.session.cameras[0];
    this.main = h("div", { class: "stage-main" });
    this.side = h("div", { class: "stage-side" });
    this.element = h("section", { class: "stage", "aria-label": "Cameras" }, this.main, this.side);
    this.#arrange();
  }

  /** Makes a camera the large one. */
  choose(camera) {
    if (!this.views.has(camera) || camera === this.large) return;
    this.large = camera;
    this.#arrange();
    this.draw();
  }

  /** A camera that sees what is asked about is the large one until that is answered: from above, left is the robot's left. */
  #turn(asked, objects) {
    const seen = objects.find((it) => asked.has(it.name));
    const camera = seen && (seen.outlines?.top && this.views.has("top") ? "top" : seen.camera);
    if (camera && !this.isTurned) {
      [this.isTurned, this.turned] = [true, this.large];
      this.choose(camera);
    } else if (!asked.size && this.isTurned) {
      const back = this.turned;
      [this.isTurned, this.turned] = [false, null];
      if (back) this.choose(back);
    }
  }

  #arrange() {
    for (const [camera, view] of this.views) view.setLarge(camera === this.large);
    fill(this.main, this.views.get(this.large)?.element ?? h("p", { class: "quiet" }, "This robot has no camera."));
    fill(this.side, [...this.views].filter(([camera]) => camera !== this.large).map(([, view]) => view.element));
    this.side.hidden = this.views.size < 2;
  }

  show(camera, blob) { this.views.get(camera)?.show(blob); }

  /** Objects as they were seen last; those of the running step stand out. Where the robot has moved things since, the
   * others are left out: their outlines would lie over the gripper, or over nothing. */
  draw() {
    const { objects, areObjectsStale } = this.robot.state;
    const [marked, labels] = [referred(this.robot.state), asked(this.robot.state)];
    const shown = areObjectsStale ? objects.filter((it) => marked.has(it.name)) : objects;
    for (const view of this.views.values()) view.outline(shown, marked, areObjectsStale, labels, this.pointed);
    this.element.classList.toggle("is-old", this.robot.link !== "open");
    this.#turn(labels, objects);
  }

  /** Makes one of the marked objects stand out, or none. */
  point(name) {
    this.pointed = name;
    this.draw();
  }

  /** Small pictures of the objects of a plan, cut from what their camera showed: name -> canvas. */
  crops(objects) {
    const found = new Map();
    for (const object of objects) {
      const camera = object.outlines?.[object.camera] ? object.camera : Object.keys(object.outlines ?? {})[0];
      const cut = camera && this.views.get(camera)?.crop(object.outlines[camera]);
      if (cut) found.set(object.name, cut);
    }
    return found;
  }
}

class View {
  constructor(camera, onChoose) {
    this.camera = camera;
    this.canvas = h("canvas", { class: "view-picture", role: "img", "aria-label": `Live picture of the camera ${camera}`, width: 4, height: 3 });
    this.overlay = svg("svg", { class: "view-overlay", "aria-hidden": "true", preserveAspectRatio: "none" });
    this.wait = h("span", { class: "view-wait" }, "no picture yet");
    this.frame = h("div", { class: "view-frame" }, this.canvas, this.overlay, this.wait);
    this.swap = h("button", { type: "button", class: "view-swap", "aria-label": `Show the camera ${camera} large`, on: { click: onChoose } });
    this.element = h("figure", { class: "view" }, this.frame, h("figcaption", {}, titled(camera)), this.swap);
    this.#setRatio(camera === "spectator" ? 4 / 3 : 1);
  }

  setLarge(isLarge) {
    this.isLarge = isLarge;
    this.element.classList.toggle("is-large", isLarge);
    this.swap.hidden = isLarge;
  }

  /** The newest picture; one that comes while another is read takes the place of those that wait. */
  async show(blob) {
    this.next = blob;
    if (this.isReading) return;
    this.isReading = true;
    while (this.next) {
      const bitmap = await createImageBitmap(this.#taken()).catch(() => null);
      if (bitmap) this.#paint(bitmap);
    }
    this.isReading = false;
  }

  #taken() {
    const blob = this.next;
    this.next = null;
    return blob;
  }

  #paint(bitmap) {
    if (this.canvas.width !== bitmap.width || this.canvas.height !== bitmap.height) {
      [this.canvas.width, this.canvas.height] = [bitmap.width, bitmap.height];
      this.#setRatio(bitmap.width / bitmap.height);
    }
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    this.hasPicture = true;
    this.wait.hidden = true;
  }

  #setRatio(ratio) {
    this.tall = UNIT / ratio;
    this.element.style.setProperty("--ratio", ratio);
    this.overlay.setAttribute("viewBox", `0 0 ${UNIT} ${this.tall}`);
  }

  /** labels: what marked objects are called while they are asked about. pointed: the one that stands out among them. */
  outline(objects, marked, isStale, labels = new Map(), pointed = null) {
    const key = JSON.stringify([objects.map((it) => [it.name, it.looks, it.outlines?.[this.camera]]), [...marked], [...labels], pointed, this.isLarge]);
    this.overlay.classList.toggle("is-stale", isStale);
    if (key === this.key) return;
    this.key = key;
    const seen = objects.filter((it) => Array.isArray(it.outlines?.[this.camera]) && it.outlines[this.camera].length > 2);
    this.overlay.replaceChildren(...seen.map((it) => this.#mark(it, marked.has(it.name), labels.size ? labels.get(it.name) ?? "" : null, it.name === pointed)));
  }

  #mark(object, isMarked, label, isPointed) {
    const points = object.outlines[this.camera].map(([u, v]) => [u * UNIT, v * this.tall]);
    const top = points.reduce((best, it) => (it[1] < best[1] ? it : best));
    const at = { x: Math.min(UNIT - 60, Math.max(60, middle(points))), y: Math.max(44, top[1] - 16) };
    return svg("g", { class: `object${isMarked ? " is-marked" : ""}${isPointed ? " is-pointed" : ""}`, "data-name": object.name },
      svg("polygon", { points: points.map((it) => it.map((n) => n.toFixed(1)).join(",")).join(" ") }),
      svg("text", { ...at, "text-anchor": "middle" }, ...(label === null ? this.#label(object, isMarked) : [this.isLarge ? label : ""])));
  }

  /** What it is, its number small after it; in a small picture the number alone, but for what the step is about. */
  #label({ name, looks }, isMarked) {
    const number = slotNumber(name);
    if (!looks || !number) return [short(name)];
    return this.isLarge || isMarked ? [looks, svg("tspan", { class: "slot", dx: 14 }, number)] : [svg("tspan", { class: "slot is-alone" }, number)];
  }

  /** The part of the picture around an outline, 40 pixels wide. */
  crop(outline) {
    if (!this.hasPicture) return null;
    const [us, vs] = [outline.map((it) => it[0] * this.canvas.width), outline.map((it) => it[1] * this.canvas.height)];
    const side = Math.max(8, Math.max(Math.max(...us) - Math.min(...us), Math.max(...vs) - Math.min(...vs)) * 1.35);
    const cut = h("canvas", { width: 40, height: 40, class: "crop", "aria-hidden": "true" });
    cut.getContext("2d").drawImage(this.canvas, middleOf(us) - side / 2, middleOf(vs) - side / 2, side, side, 0, 0, 40, 40);
    return cut;
  }
}

const MAX_LABEL = 14;
const short = (name) => (name.length > MAX_LABEL ? `${name.slice(0, MAX_LABEL - 1)}…` : name);
const middleOf = (values) => (Math.max(...values) + Math.min(...values)) / 2;
const middle = (points) => middleOf(points.map((it) => it[0]));
