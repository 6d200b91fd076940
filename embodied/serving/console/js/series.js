/** The last seconds of a robot's joints, for the plots. */

const KEPT_S = 30;

export class Series {
  constructor() { this.rows = []; }

  /** row: {t, joint_pos, setpoint, gripper_width_m}; t in seconds. */
  push(row) {
    this.rows.push(row);
    const from = row.t - KEPT_S - 1;
    while (this.rows.length && this.rows[0].t < from) this.rows.shift();
  }

  clear() { this.rows = []; }

  /** The rows and, as nothing was told since, the last one once more at this moment. */
  upTo(now) { return this.rows.length ? [...this.rows, { ...this.rows.at(-1), t: now }] : []; }

  /** [from, to] of the plots. */
  span(now) { return [now - KEPT_S, now]; }
}
