"""The phrasings: the judge lets no move pass that the words do not permit; in the real world with -m slow."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from embodied.planning.instruction import clean_instruction
from embodied.planning.language import ground, parse
from embodied.planning.looks import Scene
from embodied.planning.perception import Perception, order_slots
from embodied.planning.understanding import judge, refuse, turned_down
from embodied.planning.wording import read
from embodied.prompt import Slot
from envs.interface import Box
from envs.skills.signatures import TABLETOP
from envs.tasks.scene import COLORS, split_name
from tests.embodied.planning.wordings import corpus, play, ways_of

PHRASES = corpus()
SIZES = {"block": (0.04, 0.04, 0.04), "bowl": (0.13, 0.13, 0.04)}


def slots_of(names: list[str]) -> tuple[list[str], list[Slot]]:
    """A slot for each thing, side by side, in the order of the prompt, and their names in that order."""
    made = {}
    for place, name in enumerate(names):
        color, kind = split_name(name)
        crop = np.full((4, 4, 3), [int(255 * c) for c in COLORS[color]], np.uint8)
        made[name] = Slot(crop, Box((0.4, 0.2 * place, 0.02), SIZES[kind]))
    ordered = order_slots(made.values())
    return [next(n for n, slot in made.items() if slot is one) for one in ordered], list(ordered)


def test_there_are_enough_and_each_is_said_once():
    said = [phrase["say"] for phrase in PHRASES]
    assert len(said) >= 120 and len(set(said)) == len(said)


def test_the_page_has_what_became_of_each_and_nothing_was_wrong():
    docs = Path(__file__).parents[3] / "docs"
    rows = [line.split(" | ") for line in (docs / "wordings.md").read_text(encoding="utf-8").splitlines()]
    results = {row[0].removeprefix("| "): row for row in rows if len(row) > 5}
    assert [results[str(p["number"])][1] for p in PHRASES] == [p["family"] for p in PHRASES]
    assert not [row for row in results.values() if row[3].startswith("wrong")]
    assert f"what becomes of {len(PHRASES)} phrasings" in (docs / "architecture.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda p: f"{p['number']} {p['family']}")
def test_moves_that_pass_are_permitted_by_the_words(phrase: dict):
    others = [n for n in ("red block", "yellow block", "white block", "green bowl") if n not in phrase["absent"]]
    names, slots = slots_of(list(dict.fromkeys([*phrase["things"], *others])))
    parsed, scene = read(clean_instruction(phrase["say"])), Scene.of(slots)
    if turned_down(parsed, scene, refuse) is not None:
        return
    ways = ways_of([*phrase["may"], *phrase["via"]], tuple(names))
    permitted = {(s, p) for way in ways for subjects, _, places in way for s in subjects for p in places}
    for moved, thing in enumerate(names, start=1):
        for to, place in enumerate(names, start=1):
            for skill in ("place_in", "place_on"):
                text = f"pick(obj_{moved}); {skill}(obj_{to}); done()"
                plan = ground(parse(text, TABLETOP, objects=len(slots)), Perception(tuple(slots)))
                is_let = moved != to and judge(plan, parsed, scene, TABLETOP, is_whole=False) is None
                assert not is_let or ((thing, place) in permitted and skill == f"place_{_relation(place)}"), text


def _relation(place: str) -> str:
    return "in" if place.endswith("bowl") else "on"


@pytest.mark.slow
@pytest.mark.weights
def test_nothing_moves_that_the_words_do_not_ask_for():
    """The shipped weights in the real world, by its true state: some minutes."""
    from embodied.agents.shipped import load_agent

    agent, env = load_agent(), gymnasium.make("envs:embodied/PutInBowl-v0")
    results = [(phrase["say"], play(env, agent, phrase)) for phrase in PHRASES]
    env.close()
    assert not [(said, r) for said, r in results if r.kind == "wrong"]
    assert sum(r.kind == "understood" for _, r in results) >= len(PHRASES) // 4
