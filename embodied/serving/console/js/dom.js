/** Elements made of plain text: whatever a server says becomes a text node or an attribute, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/** An element. props: attributes; `class`, `on` {event: listener}, `css` {--name: value}; true/false set or leave out. */
export function h(tag, props = {}, ...children) {
  return furnish(document.createElement(tag), props, children);
}

/** The same, of SVG. */
export function svg(tag, props = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), props, children);
}

function furnish(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "on") Object.entries(value).forEach(([type, listener]) => element.addEventListener(type, listener));
    else if (name === "css") Object.entries(value).forEach(([key, it]) => element.style.setProperty(key, it));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((it) => it !== null && it !== undefined && it !== false));
  return element;
}

/** Puts children in place of what an element held. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((it) => it !== null && it !== undefined && it !== false));
  return element;
}

const ICONS = {
  pause: "M8 5v14M16 5v14", play: "M7 4.5v15l12-7.5z", stop: "M6 6h12v12H6z", estop: "M8 2.8h8L21.2 8v8L16 21.2H8L2.8 16V8z",
  check: "M5 12.5l4.5 4.5L19 7.5", cross: "M6.5 6.5l11 11M17.5 6.5l-11 11", dot: "M12 12h.01", help: "M9.2 9.2a2.9 2.9 0 1 1 4.3 2.6c-.9.5-1.5 1.1-1.5 2.2M12 17.6h.01",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 12h16", robot: "M5 21h8M9 21v-7l7-8M16 6l4.5 3.5M9 14h.01M16 6h.01", eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 12h.01",
  hand: "M7 11.5V7a1.5 1.5 0 0 1 3 0v4-6a1.5 1.5 0 0 1 3 0v6-5a1.5 1.5 0 0 1 3 0v6.5-2a1.5 1.5 0 0 1 3 0V14c0 4-2.5 7-6.5 7S7.5 19 6 16l-1.600-3.200A1.5 1.5 0 0 1 7 11.5z",
  dice: "M5 5h14v14H5zM9 9h.01M15 9h.01M9 15h.01M15 15h.01M12 12h.01", more: "M5 12h.01M12 12h.01M19 12h.01", down: "M12 4v11M7 11l5 5 5-5M5 20h14",
  bolt: "M13 3L5 13.5h6L10.5 21 19 10.5h-6.5z", warn: "M12 4l9 16H3zM12 10v4M12 17h.01", back: "M14.5 5.5L8 12l6.5 6.5", send: "M5 12h13M12.5 6l6 6-6 6", link: "M4 14a8 8 0 0 1 16 0M8 16a4 4 0 0 1 8 0M12 18h.01",
};

/** A line icon, hidden from screen readers. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" }, svg("path", { d: ICONS[name] ?? ICONS.dot }));
}

/** A button with an icon. */
export function button(label, { glyph = null, kind = "", click, on = click ? { click } : {}, ...props } = {}) {
  return h("button", { type: "button", class: `button ${kind}`.trim(), ...props, on }, glyph && icon(glyph), h("span", {}, label));
}

/** What acts when a button goes down, or at its key; a hand that lifts elsewhere, or late, takes nothing back. */
export const atOnce = (act) => ({
  pointerdown: (event) => { if (event.button === 0) act(); },
  click: (event) => { if (event.detail === 0) act(); },  // a key, or a reader's; a hand's was heard above
});

/** What stands beside everything that a planner did which reads what no robot can sense. */
export const badge = (planner) => h("span", { class: "badge" }, icon("eye"), `${planner.toUpperCase()} (reads the simulator's true state)`);

/** Whether keys pressed there are text, or choose something. */
export const inField = (element) => element?.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]") ?? false;

/** Runs a function once in the next frame, however often it is asked to. */
export function soon(run) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; run(); });
  };
}

/** "put_in_bowl" as a person writes it. */
export const titled = (name) => (name ?? "").replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());

/** Seconds as 0.4 s, 12 s, 3 min 05 s. */
export function lasting(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
}

/** Time of day of a unix time. */
export const clock = (unixS) => new Date(unixS * 1000).toLocaleTimeString([], { hour12: false });

/** Day and time of a unix time. */
export const day = (unixS) => new Date(unixS * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

/** Seconds as m:ss. */
export const stamp = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;
