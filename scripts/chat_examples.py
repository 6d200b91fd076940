"""Writes the worked examples of chat prompts: moments of the expert's own episodes on training seeds.

    python scripts/chat_examples.py                       # writes embodied/agents/prompting/examples.json

Each example is a moment as a chat model is told it (the same words: `Moment`, over what the segmenter saw, not over the
truth), and the expert's (ORACLE) plan in that moment, its objects called by the names of the scene. The first moments
of one task each come first, then a later moment, then one in which nothing is left to do; `examples=k` of an agent
takes the first k. --seed: the first training seed. --out: another file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium

from embodied.agents.oracle import OraclePlanner
from embodied.agents.prompting.scene import describe_scene
from embodied.agents.prompting.turns import EXAMPLES_FILE, Moment, arguments_by_name
from embodied.agents.scene_state import Perceive, read_scene
from embodied.agents.shipped import load_agent
from embodied.data.files import write_json
from embodied.planning.closed_loop import run
from embodied.planning.language import Plan
from embodied.planning.looks import looks_of, without_parts
from embodied.planning.perception import Perception
from envs.interface import SEED_RANGES, TASK_IDS, Box, Observation, Referent, SkillCall, Transition
from envs.skills.signatures import TABLETOP

ORDER = ("put_in_bowl", "unblock", "tower", "sort", "stack")
"""Tasks whose first moments are shown, the most telling ones first."""
FIRST_SEED = 20


@dataclass
class Narrator:
    """A planner that does what the expert says, and keeps each moment as a chat model would have been told it."""

    expert: OraclePlanner
    perceive: Perceive
    examples: list[dict[str, Any]] = field(default_factory=list)
    looks: dict[Box, str] = field(default_factory=dict)

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()) -> Plan:
        plan = self.expert.plan(instruction, observation, history)
        return self.tell(instruction, observation, history, plan)

    def tell(self, instruction: str, observation: Observation, history: Sequence[Transition], plan: Plan) -> Plan:
        """The plan in the words of the scene; the moment is kept as an example."""
        state = read_scene(lambda seen: without_parts(self.perceive(seen)), observation, TABLETOP, history,
                           with_distractors=True)
        named = Plan(tuple(SkillCall(c.skill, tuple(_named(a, state.perception) for a in c.arguments))
                           for c in plan.calls))
        calls = [{"skill": s, "arguments": a} for s, a in arguments_by_name(named, TABLETOP)]
        self.examples.append({"told": str(Moment(instruction, describe_scene(state), history, dict(self.looks))),
                              "thought": _thought(plan, named), "calls": calls})
        for mine, theirs in zip(plan.calls, named.calls, strict=True):
            self.looks |= {a.box: b.words for a, b in zip(mine.arguments, theirs.arguments, strict=True)
                           if isinstance(a, Referent)} | {a.box: a.words for a in mine.arguments}
        return plan


def _named(referent: Referent, perception: Perception) -> Referent:
    """The referent under the name of the slot that shows it."""
    far = [sum((p - q) ** 2 for p, q in zip(s.box.center, referent.box.center, strict=True)) for s in perception.slots]
    slot = far.index(min(far))
    if far[slot] > 0.03**2 or looks_of(perception.slots[slot]) != referent.words:
        raise ValueError(f"the segmenter does not see the {referent.words}; choose another --seed")
    return Referent(f"obj_{slot + 1}")


def _thought(plan: Plan, named: Plan) -> str:
    """Why, in one sentence: which object is which."""
    pairs = [f"{n.arguments[0].words} is the {p.arguments[0].words}"
             for p, n in zip(plan.calls, named.calls, strict=True) if p.arguments]
    if not pairs:
        return "Everything that was asked for is already so."
    return f"{'; '.join(dict.fromkeys(pairs))}."


def moments(task: str, seed: int, perceive: Perceive) -> list[dict[str, Any]]:
    """The examples of one episode, the last one when nothing is left to do."""
    env = gymnasium.make(f"envs:{TASK_IDS[task]}")
    narrator, history, instruction = Narrator(OraclePlanner(env), perceive), [], ""
    for step in run(env, narrator, seed=seed):
        history += [step.transition]
        instruction = env.unwrapped.instruction
    narrator.tell(instruction, history[-1].after, history, Plan(()))
    env.close()
    return [{"task": task, "seed": seed, **example} for example in narrator.examples]


def examples(first: int, perceive: Perceive) -> Iterator[dict[str, Any]]:
    """First moments of each task, then one in the middle, then one at the end."""
    told = {task: moments(task, first + i, perceive) for i, task in enumerate(ORDER)}
    yield told["put_in_bowl"][0]
    yield told["unblock"][0]
    yield told["tower"][1]
    yield told["put_in_bowl"][-1]
    yield told["sort"][0]
    yield told["stack"][0]
    yield told["tower"][0]


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--out", type=Path, default=EXAMPLES_FILE)
    asked = parser.parse_args()
    if asked.seed not in SEED_RANGES["train"][:-len(ORDER)]:
        parser.error(f"--seed: expected a training seed, got {asked.seed}; others are never learned from")
    found = list(examples(asked.seed, load_agent().backend.perceive))
    write_json(asked.out, {"command": "python scripts/chat_examples.py", "examples": found})
    print(f"wrote {len(found)} examples to {asked.out}")


if __name__ == "__main__":
    main()
