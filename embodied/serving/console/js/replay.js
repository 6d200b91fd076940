/** A recording as the player needs it: events by their place in the video, and what was known at each moment. No page. */

import { apply, looksOf, named, newState } from "./model.js";

export class Replay {
  /** events: with `video_s`, their place in the video. telemetry: a row for each frame of the video. */
  constructor(events, telemetry, fps) {
    this.fps = fps || 5;
    const { joint_pos: joints = [], setpoint = [], gripper_width_m: grip = [] } = telemetry ?? {};
    this.rows = joints.map((_, i) => ({ t: i / this.fps, joint_pos: joints[i], setpoint: setpoint[i], gripper_width_m: grip[i] }));
    this.durationS = Math.max(0.1, joints.length / this.fps);
    this.events = events.map((event) => ({ event, videoS: Math.min(event.video_s ?? 0, this.durationS) }));
    this.marks = marks(this.events, this.durationS);
  }

  /** The state at a moment of the video. */
  at(videoS) {
    const state = newState();
    for (const { event, videoS: when } of this.events) {
      if (when > videoS + 1e-6) break;
      apply(state, event);
    }
    return state;
  }
}

/** Steps as stretches of the video, and where instructions begin. */
function marks(events, durationS) {
  const [steps, instructions] = [[], []];
  let [open, looks] = [null, {}];
  for (const { event, videoS } of events) {
    if (event.type === "instruction") instructions.push({ videoS, text: event.instruction });
    if (event.type === "plan") looks = looksOf(event.objects ?? []);
    if (event.type === "step") open = { from: videoS, skill: event.skill, ...named(event, looks) };
    if (open && ["outcome", "end"].includes(event.type)) {
      steps.push({ ...open, to: videoS, status: event.status ?? "stopped" });
      open = null;
    }
  }
  if (open) steps.push({ ...open, to: durationS, status: "stopped" });
  return { steps, instructions };
}
