"""One planner for several worlds: trained on their datasets for two steps, saved, read back, and asked in each."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium
import pytest

from embodied.agents.shipped import load_agent
from embodied.cli.main import main
from embodied.cli.weights import worlds_of
from embodied.models.checkpoint_checks import InvalidValueError, check_processor
from embodied.planning.closed_loop import run
from envs.interface import domain_id
from envs.skills.signatures import LANGUAGES

WORLDS = ("board", "tabletop", "kitchen")
SMALL = ("size.language.width=32", "size.language.depth=1", "size.language.heads=2", "size.language.mlp=48",
         "size.vision.width=24", "size.vision.depth=1", "size.vision.heads=2", "size.vocab_size=700")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planner that learned a little of three worlds."""
    here = tmp_path_factory.mktemp("worlds")
    for world in WORLDS:
        assert main(["collect", f"data={world}", f"data.folder={here / world}", "data.episodes=3", "data.labels=3",
                     "workers=0", f"hydra.run.dir={here / 'collected' / world}"]) == 0
    mixture = ", ".join(f"{here / world}: 1" for world in WORLDS)
    assert main(["train", "experiment=smoke", "stage=[segmenter_smoke,sft_smoke]", "stage.segmenter.weights=shipped",
                 f"++data.mixture={{{mixture}}}",
                 "data.reworded=true", "validation_episodes=0", "workers=0", "threads=1", *SMALL,
                 f"hydra.run.dir={here / 'run'}"]) == 0
    return here / "run" / "model"


@pytest.mark.parametrize("world", WORLDS)
def test_it_plans_in_each_in_the_language_and_by_the_sentences_of_that_world(folder: Path, world: str):
    agent = load_agent(folder, world=world, max_new_tokens=24)
    assert agent.language.skills == LANGUAGES[world].taught.skills
    assert agent.scene.eyes == {"tabletop": "", "board": "pieces", "kitchen": "furniture"}[world]
    env = gymnasium.make(f"envs:{domain_id(world)}", image_size=96)
    steps = list(run(env, agent, seed=5, max_calls=1, max_failures=1))
    env.close()
    assert steps[-1].end == "success" or steps[-1].end.startswith(("done", "refused", "failed: out of", "failed: too"))


def test_each_world_knows_its_own_words(folder: Path):
    known = {world: load_agent(folder, world=world).backend.known_words() for world in WORLDS}
    assert "star" in known["board"] and "star" not in known["tabletop"] | known["kitchen"]
    assert "drawer" in known["kitchen"] and "drawer" not in known["board"]
    assert "shove" in known["board"], "and its other wordings"


def test_loaded_for_no_world_it_plans_in_the_first(folder: Path):
    agent = load_agent(folder)
    assert (agent.scene.eyes, agent.language.skills) == ("pieces", LANGUAGES["board"].skills)
    assert worlds_of(folder)[0] == "board" and {*worlds_of(folder)} == {*WORLDS}


def test_a_world_that_was_not_learned_is_refused(folder: Path):
    with pytest.raises(ValueError, match=r"world of the planner: expected one of .*'board'.* got 'tamp'"):
        load_agent(folder, world="tamp")


@pytest.mark.parametrize("worlds", [[], {"board": 3}, {"board": {"tokenizer": "x"}}, {"board": {"scene_encoder": "x"}},
                                    {f"{a}{b}": {} for a in "abcdefghi" for b in "abcdefgh"}, {"Board!": {}}])
def test_worlds_that_no_planner_has_are_refused(folder: Path, worlds: object):
    values = json.loads((folder / "processor_config.json").read_text())
    check_processor(values)
    with pytest.raises(InvalidValueError, match="worlds"):
        check_processor({**values, "worlds": worlds})
