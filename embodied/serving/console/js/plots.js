/** Sparklines on canvas: a joint's way between its limits, with a cursor for the player. */

/** Draws one line. plot: {rows [{t, value, target}], low, high, from, to, cursor}. */
export function sparkline(canvas, plot) {
  const { width, height } = fit(canvas);
  const pen = canvas.getContext("2d");
  const color = colors(canvas);
  const x = (t) => ((t - plot.from) / Math.max(1e-6, plot.to - plot.from)) * width;
  const y = (v) => height - 3 - ((v - plot.low) / Math.max(1e-9, plot.high - plot.low)) * (height - 6);
  pen.clearRect(0, 0, width, height);
  limits(pen, width, height, color.line);
  if (plot.rows.some((it) => it.target !== undefined)) trace(pen, plot.rows, x, (it) => y(it.target), color.faint, 1);
  trace(pen, plot.rows, x, (it) => y(it.value), color.accent, 1.6);
  const at = plot.cursor === undefined ? plot.rows.at(-1) : nearest(plot.rows, plot.cursor);
  if (plot.cursor !== undefined) upright(pen, x(plot.cursor), height, color.ink);
  if (at) dot(pen, x(at.t), y(at.value), color.accent);
}

/** Draws bars of the last values, as many as fit: for round trips. */
export function bars(canvas, values, { top }) {
  const { width, height } = fit(canvas);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = colors(canvas).accent;
  const step = 4;
  values.slice(-Math.floor(width / step)).reverse().forEach((value, back) => {
    const tall = Math.max(1.5, Math.min(1, value / top) * height);
    pen.fillRect(width - (back + 1) * step, height - tall, step - 1.5, tall);
  });
}

/** The row at a time, or right before it. */
export function nearest(rows, t) {
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (rows[middle].t <= t + 1e-6) low = middle; else high = middle - 1;
  }
  return rows[low];
}

function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  const [w, t] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width !== w || canvas.height !== t) [canvas.width, canvas.height] = [w, t];
  canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
  return { width, height };
}

function colors(canvas) {
  const style = getComputedStyle(canvas);
  const of = (name) => style.getPropertyValue(name).trim();
  return { accent: of("--accent"), faint: of("--faint"), line: of("--line"), ink: of("--muted") };
}

function limits(pen, width, height, color) {
  pen.strokeStyle = color;
  pen.lineWidth = 1;
  pen.setLineDash([2, 3]);
  [2.5, height - 2.5].forEach((at) => { pen.beginPath(); pen.moveTo(0, at); pen.lineTo(width, at); pen.stroke(); });
  pen.setLineDash([]);
}

function trace(pen, rows, x, y, color, width) {
  pen.beginPath();
  rows.forEach((row, i) => (i ? pen.lineTo(x(row.t), y(row)) : pen.moveTo(x(row.t), y(row))));
  Object.assign(pen, { strokeStyle: color, lineWidth: width, lineJoin: "round" });
  pen.stroke();
}

function upright(pen, x, height, color) {
  pen.fillStyle = color;
  pen.fillRect(Math.round(x), 0, 1, height);
}

function dot(pen, x, y, color) {
  pen.fillStyle = color;
  pen.beginPath();
  pen.arc(Math.max(2, x - 1), y, 2.4, 0, 7);
  pen.fill();
}
