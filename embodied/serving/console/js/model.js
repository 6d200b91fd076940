/** What a session's events add up to: one fold for the live page and for the player. No page, no network. */

export const MAX_LOG = 300;
const MAX_TURNS = 100;

export function newState() {
  return { last: -1, mode: "idle", reason: "", run: null, objects: [], seenAt: null, memory: null, areObjectsStale: false, log: [], logged: 0, turns: [], turned: 0 };
}

/** The same state, after one more event; false when it was known already. */
export function apply(state, event) {
  if (!Number.isInteger(event.index) || event.index <= state.last) return false;
  state.last = event.index;
  HANDLERS[event.type]?.(state, event);
  return true;
}

/** What is being asked about: name of an object -> the words that choose it. */
export function asked(state) {
  const choices = question(state) ? state.run.choices : [];
  return new Map(choices.filter((it) => it.object).map((it) => [it.object, it.reply]));
}

/** Names of the objects that the running step, or the question, is about. */
export function referred(state) {
  const candidates = asked(state);
  if (candidates.size) return new Set(candidates.keys());
  const step = state.run?.steps.find((it) => it.status === "running");
  return new Set((step?.arguments ?? []).filter((it) => typeof it === "string"));
}

/** Whether a run is going on. */
export const isUnderWay = (state) => state.run !== null && state.run.end === null;

/** What the planner wants to know, null when nothing. */
export const question = (state) => (isUnderWay(state) || state.run?.isAsking ? state.run.question : null);

const HANDLERS = {
  instruction(state, event) {
    state.run = { ...blank(event), instruction: event.instruction, client: event.client ?? "" };
    state.memory = null;  // it may be of another scene: the first plan brings it anew
    note(state, event, "instruction", event.instruction, event.client ? `from ${event.client}` : "");
    turn(state, "person", "said", event.instruction);
  },
  thinking(state, event) {
    const run = runOf(state, event);
    Object.assign(run, { isThinking: true, attempt: 0, tokens: [], question: null, choices: [], isAsking: false });
  },
  token(state, event) {
    const run = runOf(state, event);
    if (event.attempt !== run.attempt) Object.assign(run, { attempt: event.attempt, tokens: [] }); // the ones before were turned down
    run.tokens.push({ text: event.text, probability: event.probability });
  },
  plan(state, event) {
    const run = runOf(state, event);
    [state.objects, state.areObjectsStale, state.seenAt] = [event.objects ?? [], false, event.index];
    state.memory = event.memory ?? null;
    run.looks = looksOf(state.objects);
    run.steps = run.steps.filter((it) => it.status !== "waiting" && it.status !== "dropped");
    run.steps.push(...(event.calls ?? []).map((call) => ({ ...call, ...named(call, run.looks), status: "waiting", reason: "", duration_s: null })));
    Object.assign(run, { isThinking: false, plans: run.plans + 1, text: event.text ?? "", refusal: event.refusal ?? null, hint: event.hint ?? "",
      answer: event.answer ?? null, probability: event.probability ?? null, thinking_s: event.thinking_s ?? null });
    talkOf(state, run, event);
    if (event.calls?.length) note(state, event, "plan", `Plan of ${count(event.calls.length, "step")}`, event.calls.map((it) => phrase(it.skill, named(it, run.looks).things)).join(", "));
  },
  step(state, event) {
    const run = runOf(state, event);
    const args = event.arguments ?? [];
    let step = run.steps.find((it) => it.status === "waiting" && it.skill === event.skill);
    if (!step) run.steps.push(step = { skill: event.skill, ...named(event, looksOf(state.objects)), probability: null, reason: "", duration_s: null });
    Object.assign(step, { status: "running", from_s: event.time_s }, args.length ? named(event, run.looks ?? looksOf(state.objects)) : {});
  },
  outcome(state, event) {
    const run = runOf(state, event);
    let step = run.steps.find((it) => it.status === "running");
    if (!step) run.steps.push(step = { skill: event.skill, ...named(event, looksOf(state.objects)), probability: null });
    Object.assign(step, { status: event.status, reason: event.reason ?? "", duration_s: event.duration_s });
    state.areObjectsStale = true;
    note(state, event, event.status, `${phrase(event.skill, step.things)}: ${event.status}`, event.reason ?? "");
  },
  question(state, event) {
    Object.assign(runOf(state, event), { question: event.text, choices: event.choices ?? [], isAsking: true, isThinking: false });
    note(state, event, "question", event.text, "the planner asks");
    turn(state, "robot", "question", event.text);
  },
  correction(state, event) {
    const run = runOf(state, event);
    Object.assign(run, { question: null, choices: [], isAsking: false });
    turn(state, "person", "said", event.text);
    run.steps.filter((it) => it.status === "waiting").forEach((it) => { it.status = "dropped"; });
    note(state, event, "correction", event.text, "said by a person");
  },
  end(state, event) {
    const run = runOf(state, event);
    Object.assign(run, { end: event.end, is_success: event.is_success, report: event.self_report ?? null, isThinking: false });
    run.steps.forEach((it) => { if (it.status === "waiting") it.status = "dropped"; else if (it.status === "running") it.status = "stopped"; });
    const [title, tone] = verdict(run);
    note(state, event, tone, title, tone === "refused" ? run.hint : run.report?.words ?? "");
    if (run.report) turn(state, "robot", run.report.holds ? "seen" : "missed", run.report.words);
    else if (!run.isDirect && !["answer", "refusal"].includes(state.turns.at(-1)?.kind)) turn(state, "robot", "ended", title);
  },
  mode(state, event) {
    const isNew = state.mode !== event.mode;
    [state.mode, state.reason] = [event.mode, event.reason ?? ""];
    if (isNew && ["paused", "crashed"].includes(event.mode)) note(state, event, `mode-${event.mode}`, MODE_WORDS[event.mode], event.reason ?? "");
  },
  safety(state, event) {
    if (event.stop) state.stop = event.stop;
    note(state, event, `safety-${event.kind}`, SAFETY_WORDS[event.kind] ?? event.kind, event.reason ?? "");
  },
};

export const MODE_WORDS = { idle: "Ready", running: "Running", paused: "Paused", stopped: "Stopped", estopped: "E-stopped", crashed: "Crashed" };
const SAFETY_WORDS = { limited: "A motion was limited", refused: "A motion was refused", stop: "Stop", estop: "Emergency stop", confirmed: "The stop is confirmed", heartbeat: "Heartbeat lost", plan: "A plan was refused as unsafe" };

/** How a run ended: in a sentence, its tone, and in a word or two. That a planner says "done" is no success. */
export function verdict(run) {
  if (run.is_success || run.end === "success") return ["Success", "done", "Success"];
  if (run.end === "stopped") return ["Stopped", "stopped", "Stopped"];
  if (run.answer || run.end?.startsWith("answered")) return ["Answered", "answered", "Answered"];
  if (run.end === "done") return run.is_success === false ? ["Done, but the goal is not reached", "failed", "Goal not reached"] : ["Done, but not judged", "unjudged", "Not judged"];
  const [kind, ...rest] = (run.end ?? "").split(": ");
  const short = `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`;
  return [[short, ...rest].join(": "), kind === "refused" ? "refused" : "failed", short];
}

/** What the judge of a run's goal says, "" where there is nothing to say. */
export function judgement({ end, is_success: isSuccess }) {
  if (isSuccess === null || isSuccess === undefined) return end === "done" ? "The planner says that it is done. The simulator does not know what goal the whole sentence asks for, so nobody judges it." : "";
  return isSuccess ? "The simulator sees the goal reached." : "The simulator does not see the goal reached.";
}

/** Object name -> what it looks like, of those that say so. */
export const looksOf = (objects) => Object.fromEntries(objects.filter((it) => it.looks).map((it) => [it.name, it.looks]));

/** A call's arguments, and as `things` what they look like: names of objects count anew in each plan, looks stay. */
export function named({ arguments: args = [] }, looks) {
  return { arguments: args, things: args.map((it) => (typeof it === "string" && looks[it]) || it) };
}

/** The number of "obj_6"; "" of other words. */
export const slotNumber = (name) => /^obj_(\d+)$/.exec(name)?.[1] ?? "";

export const phrase = (skill, args) => [skill.replaceAll("_", " "), ...args].join(" ");

export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** The run of an event; one without a name for a skill that was sent by itself. */
function runOf(state, event) {
  if (state.run && (state.run.run_id === event.run_id || !event.run_id && state.run.isDirect)) return state.run;
  state.run = { ...blank(event), isDirect: !event.run_id };
  return state.run;
}

function blank(event) {
  return { run_id: event.run_id ?? null, instruction: "", client: "", end: null, is_success: null, isThinking: false, isAsking: false, tokens: [], text: "", plans: 0,
    refusal: null, hint: "", answer: null, understood: null, report: null, probability: null, thinking_s: null, question: null, choices: [], steps: [], from_s: event.time_s };
}

/** What a plan says to people: what the words were taken for, where that is new, an answer, or why not. */
function talkOf(state, run, event) {
  const words = event.understood?.words ?? null;
  if (words && words !== run.understood) turn(state, "robot", "understood", words);
  run.understood = words ?? run.understood;
  if (event.answer) turn(state, "robot", "answer", event.answer);
  if (event.refusal) turn(state, "robot", "refusal", `${event.refusal}.`, event.hint);
}

function turn(state, who, kind, text, detail = "") {
  state.turns = [...state.turns, { key: state.turned, who, kind, text, detail }].slice(-MAX_TURNS);
  state.turned += 1;
}

function note(state, event, kind, title, detail) {
  const before = state.log.at(-1);
  if (before && before.kind === kind && before.title === title && before.detail === detail && kind.startsWith("safety-")) {
    before.times += 1;
    before.unix_s = event.unix_s;
  } else {
    state.log.push({ key: state.logged, kind, title, detail, times: 1, unix_s: event.unix_s, time_s: event.time_s, index: event.index });
    state.logged += 1;
    if (state.log.length > MAX_LOG) state.log.shift();
  }
}
