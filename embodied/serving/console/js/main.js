/** The console: pages by the address's hash, keys, and the robot at hand. */

import { Bar } from "./bar.js";
import { showHelp } from "./dialogs.js";
import { button, h, inField } from "./dom.js";
import { LivePage } from "./live.js";
import { app, atHand, banner, clearBanners, go, show, trying } from "./page.js";
import { PlayerPage } from "./player.js";
import { RecordingsPage } from "./recordings.js";
import { Robot } from "./robot.js";
import { StartPage } from "./start.js";

const bar = new Bar();
let page = null;

async function route() {
  app.api.heedAddress();
  const [, room = "", id = ""] = location.hash.replace(/^#/, "").split("/").map(decodeURIComponent);
  page?.close();
  page = null;
  clearBanners();
  bar.at(room === "recordings" ? "recordings" : "robot");
  if (room === "s" && id) await openRobot(id);
  else if (room === "recordings" && id) page = new PlayerPage(id);
  else if (room === "recordings") page = new RecordingsPage();
  else page = new StartPage();
  bar.at(room === "recordings" ? "recordings" : "robot");
}

async function openRobot(id) {
  const hash = location.hash;
  if (app.robot?.id !== id) {
    app.robot?.close();
    app.robot = null;
    const session = await trying(() => app.api.get(`v1/sessions/${encodeURIComponent(id)}`));
    if (location.hash !== hash) return;
    if (!session) { show(h("div", { class: "narrow" }, h("h1", {}, "This robot is not here"), h("p", {}, "Its session has ended, or the server was started anew."), button("To the start", { kind: "is-primary", click: () => go("#/") }))); return; }
    app.robot = new Robot(app.api, session);
  }
  app.worlds ??= (await trying(() => app.api.get("v1/worlds")))?.worlds;
  if (location.hash !== hash) return;
  const signal = attended();
  ["change", "gone"].forEach((type) => app.robot.addEventListener(type, () => bar.draw(), { signal }));
  page = new LivePage(app.robot, app.worlds?.find((it) => it.task === app.robot.session.task), bar);
}

let attending = new AbortController();

/** A signal for the listeners of one robot; the former one's are dropped. */
function attended() {
  attending.abort();
  attending = new AbortController();
  return attending.signal;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.repeat) {
    if (atHand() && app.robot.mode !== "estopped") bar.estopNow();
    return;
  }
  if (event.key === "." && (event.ctrlKey || event.metaKey)) { event.preventDefault(); bar.stopNow(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || inField(event.target)) return;
  const halts = { s: () => bar.stopNow(), p: () => bar.togglePause() };
  const others = document.querySelector("dialog[open]") ? {} : { "?": showHelp, "/": () => page?.composer?.focus() };
  const act = { ...halts, ...others }[event.key.toLowerCase()];
  const cameras = app.robot?.session.cameras ?? [];
  if (act) { event.preventDefault(); act(); }
  else if (/^[1-9]$/.test(event.key) && page?.stage) page.stage.choose(cameras[event.key - 1]);
}, true);

["focusin", "focusout"].forEach((type) => document.addEventListener(type, () => setTimeout(() => bar.draw())));
window.addEventListener("hashchange", route);
window.addEventListener("unhandledrejection", ({ reason }) => banner("bug", { text: `Something in this page went wrong: ${reason?.message ?? reason}. Reloading may help.`, tone: "bad", action: ["Reload", () => location.reload()] }));
route();
