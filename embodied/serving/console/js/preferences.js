/** Two films of one moment, and which of them a person prefers: each choice is recorded at once. */

import { Api } from "./api.js";
import { ask, askToken } from "./dialogs.js";
import { button, fill, h } from "./dom.js";

const CHOICES = [
  { choice: "first", label: "First", keys: ["1", "ArrowLeft"] },
  { choice: "second", label: "Second", keys: ["2", "ArrowRight"] },
  { choice: "tie", label: "Equally good", keys: ["3", "ArrowDown"] },
  { choice: "unsure", label: "Can't tell", keys: ["4", "ArrowUp"] },
];
const GUIDE = [
  "Prefer the film after which more of what the sentence asks for is done.",
  "Where that is equal: the one that moved less of what nobody asked for, then the one with fewer failed grasps.",
  "Equally good, or equally bad, is an answer of its own. Don't look for a difference that is none.",
  "Can't tell is for films in which you cannot see what happened. Nothing is learned from it.",
];

const main = document.getElementById("main");
const api = new Api(askToken);
const judgedHere = [];  // places of the pairs that were judged here, the last one at the end
let [pairs, at, isBusy, urls] = [[], -1, false, []];

/** The pair that comes next: the first one without a choice after this one, else the first one at all. */
function next() {
  const open = (pair) => pair.choice === null;
  const later = pairs.findIndex((pair, place) => place > at && open(pair));
  return later >= 0 ? later : pairs.findIndex(open);
}

/** Records a choice, and goes on. */
async function choose(choice) {
  if (isBusy || at < 0) return;
  isBusy = true;
  const pair = pairs[at];
  let whatNow = "Nothing was recorded; choose again.";
  try {
    await api.post("v1/choices", { pair_id: pair.id, choice });
    pair.choice = choice;
    whatNow = "Your choice is recorded; reload the page to go on.";
    document.getElementById("spoken").textContent = `Recorded: ${CHOICES.find((it) => it.choice === choice).label}`;
    judgedHere.push(at);
    await show(next());
  } catch (error) {
    complain(error, whatNow);
  } finally {
    isBusy = false;
  }
}

/** Back to the pair that was judged last; another choice takes the place of the one before. */
async function undo() {
  if (isBusy || !judgedHere.length) return;
  isBusy = true;
  try {
    await show(judgedHere.pop());
  } catch (error) {
    complain(error, "Reload the page to go on.");
  } finally {
    isBusy = false;
  }
}

function complain(error, whatNow) {
  main.querySelector(".complaint")?.remove();
  main.prepend(h("p", { class: "complaint", role: "alert" }, `${error.message} ${whatNow}`));
}

/** Both films from their beginning. */
function replay() {
  for (const film of main.querySelectorAll("video")) {
    film.currentTime = 0;
    film.play();
  }
}

/** Draws a pair; -1: all are judged. */
async function show(place) {
  const films = place < 0 ? [] : await Promise.all([1, 2].map((number) => api.blob(`v1/films/${encodeURIComponent(pairs[place].id)}/${number}`)));
  urls.forEach(URL.revokeObjectURL);
  urls = films.map((film) => URL.createObjectURL(film));
  at = place;
  const judged = pairs.filter((pair) => pair.choice !== null).length;
  fill(main, head(judged), place < 0 ? over(judged) : [filmsOf(pairs[place]), choices(pairs[place])]);
}

function head(judged) {
  const pair = pairs[at];
  return h("header", {},
    h("h1", {}, pair ? `“${pair.instruction}”` : "All done"),
    button("Guide", { glyph: "help", kind: "is-small", click: guide, "aria-keyshortcuts": "?" }),
    h("p", { class: "count num" }, `${judged} of ${pairs.length} judged`),
    h("progress", { max: pairs.length, value: judged, "aria-label": "Pairs that are judged" }));
}

function over(judged) {
  return [h("p", {}, `Thank you: ${judged} pairs are judged, and every choice is recorded. You can close the page.`), h("div", { class: "choices" }, undoButton())];
}

function filmsOf(pair) {
  const figure = (number) => h("figure", { class: `card${pair.choice === ["first", "second"][number] ? " is-chosen" : ""}` },
    h("video", { src: urls[number], autoplay: true, loop: true, playsinline: true, "aria-label": `Film ${number + 1}` }),
    h("figcaption", {}, ["First", "Second"][number]));
  return h("div", { class: "films" }, figure(0), figure(1));
}

function choices(pair) {
  const each = CHOICES.map(({ choice, label, keys }) => h("button", { type: "button", class: "button is-large", "data-choice": choice, "aria-pressed": String(pair.choice === choice), on: { click: () => choose(choice) } }, h("span", {}, label), h("kbd", {}, keys[0])));
  return h("div", { class: "choices", role: "group", "aria-label": "Which film is better?" }, each, undoButton(),
    button("Replay", { glyph: "play", kind: "is-large is-bare", click: replay }));
}

function undoButton() {
  return button("Undo", { glyph: "back", kind: "is-large is-bare", click: undo, disabled: judgedHere.length === 0, "data-act": "undo" });
}

/** What makes a film better, and the keys. */
function guide() {
  const keys = [...CHOICES.map(({ label, keys: [number, arrow] }) => [[number, arrow.replace("Arrow", "")], label]), [["U"], "Undo: choose again for the pair before"], [["R"], "Both films from their beginning"]];
  return ask("Which film is better?", (close) => h("div", { class: "guide" },
    h("ol", {}, GUIDE.map((line) => h("li", {}, line))),
    h("dl", { class: "keys" }, keys.map(([names, what]) => [h("dt", {}, names.map((name) => h("kbd", {}, name))), h("dd", {}, what)])),
    h("div", { class: "row is-end" }, button("Go on", { kind: "is-primary", click: () => close(null) }))));
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector(".scrim")) return;
  const found = CHOICES.find(({ keys }) => keys.includes(event.key));
  const act = found ? () => choose(found.choice) : { u: undo, U: undo, Backspace: undo, r: replay, R: replay, "?": guide }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

try {
  ({ pairs } = await api.get("v1/pairs"));
  await show(next());
} catch (error) {
  fill(main, h("p", { class: "complaint", role: "alert" }, error.message));
}
