/** What every page of the console shares: the api, the robot at hand, where to go, and words to the person. */

import { Api } from "./api.js";
import { askToken } from "./dialogs.js";
import { button, fill, h, icon } from "./dom.js";

const TOAST_MS = 6000;
let asking = null;

export const app = { api: new Api(tokenOnce), robot: null };

/** The robot at hand, null when there is none, or when its session has ended. */
export const atHand = () => (app.robot?.isGone ? null : app.robot);

/** One prompt, however many calls wait for it. */
function tokenOnce(wasRefused) {
  asking ??= askToken(wasRefused).finally(() => { asking = null; });
  return asking;
}

export const go = (hash) => { location.hash = hash; };

/** A short message that leaves by itself. */
export function toast(text, tone = "plain") {
  const note = h("div", { class: `toast is-${tone}` }, h("span", {}, text), h("button", { type: "button", class: "toast-close", "aria-label": "Dismiss", on: { click: () => note.remove() } }, icon("cross")));
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), TOAST_MS);
}

/** Does something that may fail; the failure is told to the person, and undefined given back. control: of which field
 * it was about, or (error) => field; the failure is then said right there. */
export async function trying(job, control = null) {
  try {
    return await job();
  } catch (error) {
    if (error.name !== "ApiError" && error.constructor.name !== "ApiError") console.error(error);
    const field = typeof control === "function" ? control(error) : control;
    if (field) complain(field, error.message); else toast(error.message, "bad");
    return undefined;
  }
}

/** Says under a field what was wrong with it, until something else is put there. */
export function complain(control, text) {
  const host = control.closest(".field, form");
  let at = control;
  while (at.parentElement !== host) at = at.parentElement;
  host.querySelector(":scope > .complaint")?.remove();
  at.after(h("p", { class: "complaint", role: "alert" }, text));
  control.setAttribute("aria-invalid", "true");
  for (let it = control.closest("details"); it; it = it.parentElement.closest("details")) it.open = true;
  control.focus({ preventScroll: false });
  const clear = () => { host.querySelector(":scope > .complaint")?.remove(); control.removeAttribute("aria-invalid"); };
  ["input", "change"].forEach((type) => control.addEventListener(type, clear, { once: true }));
}

/** Says something to screen readers alone. */
export function speak(text) { document.getElementById("spoken").textContent = text; }

const banners = new Map();

/** Shows a banner under a key, null takes it away. banner: {text, tone, action: [label, click]}. */
export function banner(key, it) {
  const said = it && JSON.stringify([it.text, it.tone, it.action?.[0]]);
  if (banners.get(key)?.said === said) return;
  banners.get(key)?.element.remove();
  if (!it) { banners.delete(key); return; }
  const element = h("div", { class: `banner is-${it.tone ?? "wary"}`, "data-key": key }, icon(it.glyph ?? "warn"), h("span", { class: "banner-text" }, it.text),
    it.action && button(it.action[0], { kind: "is-small", click: it.action[1] }));
  banners.set(key, { said, element });
  document.getElementById("banners").append(element);
}

/** Takes all banners away. */
export function clearBanners() { [...banners.keys()].forEach((key) => banner(key, null)); }

/** Shows a page. */
export function show(...content) { return fill(document.getElementById("main"), ...content); }
