/** A recording as the player needs it: where on the film each event lies, and what was known at each moment. No page. */

import { apply, newState } from "./model.js";

const JUMP_S = 0.5;

/** Simulated times as stretches that only rise: a new scene sets the clock back. Gives the first index of each. */
function stretches(times) {
  return times.reduce((starts, t, i) => (i && t < times[i - 1] - JUMP_S ? [...starts, i] : starts), times.length ? [0] : []);
}

export class Replay {
  constructor(events, telemetry, fps) {
    this.fps = fps || 5;
    const { time_s: times = [], joint_pos: joints = [], setpoint = [], gripper_width_m: grip = [] } = telemetry ?? {};
    this.rows = times.map((_, i) => ({ t: i / this.fps, joint_pos: joints[i], setpoint: setpoint[i], gripper_width_m: grip[i] }));
    this.durationS = Math.max(0.1, times.length / this.fps);
    this.events = placed(events.filter((it) => it.type !== "telemetry"), times, this.fps);
    this.marks = marks(this.events, this.durationS);
  }

  /** The state at a moment of the film. */
  at(filmS) {
    const state = newState();
    for (const { event, filmS: when } of this.events) {
      if (when > filmS + 1e-6) break;
      apply(state, event);
    }
    return state;
  }
}

/** Each event with its moment on the film: that of the first sample at or after it in the same stretch of time. */
function placed(events, times, fps) {
  const [ours, theirs] = [stretches(events.map((it) => it.time_s)), stretches(times)];
  return events.map((event, i) => {
    const stretch = Math.min(ours.filter((start) => start <= i).length, theirs.length) - 1;
    if (stretch < 0) return { event, filmS: 0 };
    const [from, to] = [theirs[stretch], theirs[stretch + 1] ?? times.length];
    let at = from;
    while (at < to - 1 && times[at] < event.time_s - 1e-6) at += 1;
    return { event, filmS: at / fps };
  });
}

/** Steps as stretches of the film, and where instructions begin. */
function marks(placedEvents, durationS) {
  const [steps, wishes] = [[], []];
  let open = null;
  for (const { event, filmS } of placedEvents) {
    if (event.type === "instruction") wishes.push({ filmS, text: event.instruction });
    if (event.type === "step") open = { from: filmS, skill: event.skill, arguments: event.arguments ?? [] };
    const isOver = event.type === "outcome" || event.type === "end";
    if (isOver && open) {
      steps.push({ ...open, to: filmS, status: event.status ?? "stopped" });
      open = null;
    }
  }
  if (open) steps.push({ ...open, to: durationS, status: "stopped" });
  return { steps, wishes };
}
