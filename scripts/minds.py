"""How often a mind that is reached by prompt succeeds at the tabletop, beside the oracle and the shipped model.

    python scripts/minds.py --mind scripted --episodes 200            # starts scripts/scripted_mind.py by itself
    python scripts/minds.py --mind oracle model saycan --episodes 200
    python scripts/minds.py --mind chat --base-url http://127.0.0.1:8100/v1 --model NAME --episodes 40
    python scripts/minds.py --mind chat --base-url .. --model NAME --key-variable OPENAI_API_KEY --reply-format tools

One JSON line a mind: success with its Wilson 95 % interval, the same by task, how the failures ended, tokens, and
seconds of thinking. Tasks are dealt to the seeds in turn; every mind plays the same seeds. oracle reads the true state;
all others get observations alone. --out: a file that gets a JSON line an episode, from which the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
from scripted_mind import serve

from embodied.evaluation.success import Rate, rate
from embodied.planning.closed_loop import REPLANS, Planner, run
from embodied.planning.closed_loop import summarize as summary_of
from envs.interface import SEED_RANGES, TASK_IDS

MINDS = ("oracle", "scripted", "chat", "model", "saycan", "language", "affordance")


def main() -> None:
    """Print a JSON line for every mind asked for."""
    asked = arguments()
    tasks = asked.tasks or list(TASK_IDS)
    seeds = SEED_RANGES[asked.split][asked.first:asked.first + asked.episodes]
    for mind in asked.mind:
        kept = [] if asked.out is None or not asked.out.exists() else [
            json.loads(line) for line in asked.out.read_text().splitlines()]
        records = [r for r in kept if r["mind"] == mind and r["seed"] in seeds]
        left = [seed for seed in seeds if seed not in {r["seed"] for r in records}]
        for record in play(mind, asked, tasks, seeds[0], left):
            records.append(record)
            if asked.out is not None:
                with asked.out.open("a") as file:
                    file.write(json.dumps(record) + "\n")
        print(json.dumps(line(mind, asked, records)), flush=True)


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mind", nargs="+", choices=MINDS, required=True)
    parser.add_argument("--tasks", nargs="+", choices=list(TASK_IDS))
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--split", choices=list(SEED_RANGES), default="test")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--replan", choices=REPLANS, default="placing")
    parser.add_argument("--perturbations", type=float, default=0.0)
    parser.add_argument("--out", type=Path)
    chat = parser.add_argument_group("chat")
    chat.add_argument("--base-url")
    chat.add_argument("--model", default="scripted")
    chat.add_argument("--key-variable")
    chat.add_argument("--reply-format", choices=("schema", "tools", "text"), default="schema")
    chat.add_argument("--showing", choices=("text", "image", "both"), default="text")
    chat.add_argument("--examples", type=int, default=4)
    chat.add_argument("--retries", type=int, default=2)
    chat.add_argument("--most-calls", type=int, default=20, help="of one plan; the planner is asked again anyway")
    chat.add_argument("--max-tokens", type=int, default=800, help="of one answer")
    chat.add_argument("--timeout-s", type=float, default=120.0)
    chat.add_argument("--memory-file")
    asked = parser.parse_args()
    if "chat" in asked.mind and not asked.base_url:
        parser.error("--mind chat: expected --base-url of an endpoint, such as http://127.0.0.1:8100/v1")
    return asked


def play(mind: str, asked: argparse.Namespace, tasks: list[str], first: int, seeds: list[int]) -> Iterator[dict]:
    """A record of every episode."""
    if not seeds:
        return
    envs = {task: gymnasium.make(f"envs:{TASK_IDS[task]}", perturbations=asked.perturbations) for task in tasks}
    planner_of = maker(mind, asked)
    for seed in seeds:
        task = tasks[(seed - first) % len(tasks)]
        planner, start = planner_of(envs[task]), time.perf_counter()
        steps = list(run(envs[task], planner, seed=seed, replan=asked.replan))
        went = summary_of(steps)
        record = {"mind": mind, "task": task, "seed": seed, "success": went.is_success, "end": went.end,
                  "calls": went.calls, "failures": went.failures, "plans": went.replans + 1,
                  "thinking_s": round(went.thinking_s, 3), "tokens": getattr(planner, "tokens_spent", 0),
                  "hint": steps[-1].plan.hint, "text": steps[-1].plan.text[:600],
                  "wall_s": round(time.perf_counter() - start, 3)}
        if hasattr(planner, "finish"):
            planner.finish(went.end)
        yield record


def maker(mind: str, asked: argparse.Namespace) -> Callable[[gymnasium.Env], Planner]:
    """What makes the planner of an episode in an environment; only the oracle's looks at that."""
    import torch

    torch.set_num_threads(1)
    if mind == "oracle":
        from embodied.agents.oracle import OraclePlanner

        return OraclePlanner
    if mind in {"scripted", "chat"}:
        agent = chat_agent(asked.base_url if mind == "chat" else scripted_url(), asked)
        return lambda _: agent
    from embodied.agents.shipped import load_agent

    agent = load_agent()
    if mind != "model":
        from embodied.agents.saycan_agent import SayCanAgent

        agent = SayCanAgent(agent.backend, scoring=mind)
    return lambda _: agent


def chat_agent(base_url: str, asked: argparse.Namespace) -> Planner:
    from embodied.agents.chat_agent import load_chat_agent

    return load_chat_agent(base_url, asked.model, key_variable=asked.key_variable, timeout_s=asked.timeout_s,
                           memory_file=asked.memory_file, reply_format=asked.reply_format, showing=asked.showing,
                           examples=asked.examples, retries=asked.retries, most_calls=asked.most_calls,
                           max_tokens=asked.max_tokens,
                           budget={"plan_s": 4 * asked.timeout_s, "episode_s": 80 * asked.timeout_s})


def scripted_url() -> str:
    """The address of a scripted mind, started in a thread of this process."""
    server = serve()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"


def line(mind: str, asked: argparse.Namespace, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What is printed of a mind."""
    by_task = {task: [r for r in records if r["task"] == task] for task in dict.fromkeys(r["task"] for r in records)}
    failed = Counter(r["end"] for r in records if not r["success"])
    told = {"mind": mind} if mind != "chat" else {
        "mind": mind, "model": asked.model, "reply_format": asked.reply_format, "showing": asked.showing,
        "examples": asked.examples, "most_calls": asked.most_calls, "retries": asked.retries}
    plans = sum(r["plans"] for r in records)
    return {**told, "split": asked.split, "first": asked.first, "replan": asked.replan,
            "perturbations": asked.perturbations, **rate(records).as_json(),
            "per_task": {t: str(Rate(sum(r["success"] for r in rs), len(rs))) for t, rs in by_task.items()},
            "failed": dict(failed.most_common(6)), "calls": sum(r["calls"] for r in records), "plans": plans,
            "tokens_a_plan": round(sum(r["tokens"] for r in records) / plans),
            "thinking_s_a_plan": round(sum(r["thinking_s"] for r in records) / plans, 3)}


if __name__ == "__main__":
    main()
