/** The page's dialogs: token, help, the reset of an emergency stop, and a yes-or-no. */

import { button, fill, h } from "./dom.js";

/** A promise of what a dialog was closed with. build(close) gives its content; one that must be answered stays on Escape.
 *  The page beneath rests, but for the bar: the emergency stop is in reach whatever is open. */
export function ask(title, build, { must = false } = {}) {
  const [main, before] = [document.getElementById("main"), document.activeElement];
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" });
    const scrim = h("div", { class: "scrim" }, dialog);
    const onKey = (event) => { if (event.key === "Escape" && !must) close(null); };
    const close = (value) => {
      document.removeEventListener("keydown", onKey);
      scrim.remove();
      main.inert = document.querySelector(".scrim") !== null;
      if (before?.isConnected) before.focus({ preventScroll: true });
      resolve(value);
    };
    fill(dialog, h("h2", { id: "dialog-title" }, title), build(close));
    document.addEventListener("keydown", onKey);
    document.body.append(scrim);
    main.inert = true;
    dialog.show();
  });
}

/** A promise of the token that a person types. */
export function askToken(wasRefused) {
  return ask("Access token", (close) => {
    const field = h("input", { type: "password", id: "token", autocomplete: "off", required: true, spellcheck: "false" });
    return h("form", { class: "form", on: { submit: (e) => { e.preventDefault(); close(field.value.trim()); } } },
      h("p", {}, wasRefused ? "The server did not accept this token. It is printed where the server was started." : "The server asks who you are. Its token is printed where it was started, with a link that carries it."),
      h("label", { for: "token" }, "Token"), field, h("div", { class: "row is-end" }, h("button", { type: "submit", class: "button is-primary" }, "Connect")));
  }, { must: true });
}

/** A promise of true once a person says that the robot is clear. */
export function askReset() {
  return ask("Reset the emergency stop", (close) => {
    const go = button("Reset", { kind: "is-danger", disabled: true, click: () => close(true) });
    const check = h("input", { type: "checkbox", id: "clear", on: { change: () => { go.disabled = !check.checked; } } });
    return h("div", { class: "form" }, h("p", {}, "The robot stays where it is; it moves again with the next instruction only."),
      h("label", { class: "check", for: "clear" }, check, "I have looked: the robot is clear."),
      h("div", { class: "row is-end" }, button("Cancel", { click: () => close(false) }), go));
  });
}

/** A promise of whether a person wants it. */
export function askWhether(title, text, yes, kind = "is-primary") {
  return ask(title, (close) => h("div", { class: "form" }, h("p", {}, text),
    h("div", { class: "row is-end" }, button("Cancel", { click: () => close(false) }), button(yes, { kind, click: () => close(true) }))));
}

const KEYS = [["Esc", "Emergency stop, whatever has the focus, here too"], ["S", "Stop (Ctrl + . while you type)"], ["P", "Pause, and go on"],
  ["/", "To the instruction"], ["1 2 3", "Which camera is large"], ["?", "This help"]];

export function showHelp() {
  return ask("Help", (close) => h("div", { class: "form help" },
    h("dl", { class: "keys" }, KEYS.map(([keys, what]) => [h("dt", {}, keys.split(" ").map((key) => h("kbd", {}, key))), h("dd", {}, what)])),
    h("p", {}, h("strong", {}, "Pause"), " holds the motion and goes on with it. ", h("strong", {}, "Stop"), " ends the run; the next instruction moves the robot again. ",
      h("strong", {}, "E-STOP"), " latches: nothing moves until a person has reset it. Stop and E-STOP work for whoever watches, too."),
    h("p", {}, "One person commands a robot at a time, any number watch. If the page that commands is closed or loses its network, the robot stops."),
    h("div", { class: "row is-end" }, button("Close", { kind: "is-primary", click: () => close(null), autofocus: true }))));
}
