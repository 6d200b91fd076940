"""From the board itself to a planner that plays it: collected, learned from for a step, and asked at work."""

from __future__ import annotations

import gymnasium
import pytest

from embodied.agents.backends.local import LocalBackend
from embodied.agents.baselines import ShuffledBackend, lent_look
from embodied.agents.language_agent import LanguageAgent
from embodied.data.collect import CollectSpec, collect
from embodied.data.dataset import Dataset
from embodied.data.detections import detect_dataset
from embodied.data.examples import Examples
from embodied.models.building import Facts, build
from embodied.models.looking import EYES
from embodied.planning.closed_loop import run
from embodied.planning.declaration import declaration
from embodied.planning.language import parse
from embodied.planning.scene import BOARD as SCENE
from embodied.prompt import Entity, Text
from embodied.training.perception import look_detector, make_look_detector
from envs.interface import Observation
from envs.skills.signatures import BOARD

BOARD_ID = "envs:embodied/Board-v0"


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board")
    collect(CollectSpec(BOARD_ID, labels=4, env_kwargs={"perturbations": 0.3}), folder, episodes=4,
            executed_fraction=1.0, workers=0)
    dataset = Dataset(folder)
    looked = detect_dataset(dataset, look_detector("pieces"), make_look_detector, {"eyes": "pieces"}, workers=0)
    return Examples(dataset, looked, scene=SCENE)


def said(example) -> str:
    return "".join(s.text if isinstance(s, Text) else "<>" for s in example.prompt.segments)


def test_steps_are_told_of_the_instruction_that_they_were_done_for_alone(examples):
    own, others = 0, 0
    for place, item in enumerate(examples.items):
        example = examples[place]
        shown = [segment for segment in example.prompt.segments if isinstance(segment, Entity)]
        assert len(shown) == len(example.names) == len(item.memory.things)
        is_own = item.query == examples.dataset.view(item.file, item.view).queries[0]
        tells_steps = "Steps: " in said(example)
        own, others = own + tells_steps, others + (not is_own and item.view > 0)
        assert is_own and item.view > 0 if tells_steps else "Last: " not in said(example)
        parse(example.answer[1:], BOARD, objects=0)
        assert example.answer.count("push(") <= 1
    assert own and others


def test_every_family_is_taught_to_act(examples):
    """What was before is told in steps, so that nothing has to be left out for that."""
    taught = {item.query.family for item in examples.items if item.query.calls}
    assert {"point_to_block", "block_to_relative", "block_to_block", "sort_corners"} <= taught
    assert examples.card["kept"] > 0.9 * examples.card["queries"]


def test_a_planner_that_learned_a_little_acts_on_the_board(examples):
    """Its words are drawn by chance, so that nothing is asked but that it plans in its language, to the end."""
    corpus = [text for e in (examples[i] for i in range(len(examples))) for text in (said(e), e.answer)]
    facts = Facts(plan_language=declaration(BOARD), cameras={})
    model, processor = build({"model_type": "llama", "hidden_size": 32, "num_hidden_layers": 1,
                              "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 48,
                              "max_position_embeddings": 512},
                             {"name": "vit_tiny_patch16_224", "image_size": 32,
                              "options": {"embed_dim": 24, "depth": 1, "num_heads": 2, "patch_size": 16}},
                             corpus=corpus, vocab_size=420, facts=facts, scene_encoder="pieces", projector_width=24)
    batch = processor([examples[0].prompt, examples[9].prompt], [examples[0].answer, examples[9].answer])
    model(**batch).loss.backward()
    backend = LocalBackend(model.eval(), processor)
    agent = LanguageAgent(backend, max_new_tokens=24)
    env = gymnasium.make(BOARD_ID)
    steps = list(run(env, agent, seed=5, max_calls=2, max_failures=2))
    assert steps[-1].end is not None and steps[0].plan.perception.memory.here == "board"
    others = [Observation.from_dict(env.reset(seed=seed)[0]) for seed in (1, 2)]
    raw, _ = env.reset(seed=5)
    env.close()
    lent = lent_look("pieces", others)
    seen = LanguageAgent(backend, look=lent).read_scene(Observation.from_dict(raw)).perception.slots
    own = agent.read_scene(Observation.from_dict(raw)).perception.slots
    assert seen and [s.box for s in seen] != [s.box for s in own]
    assert [s.box for s in seen] in [[s.box for s in EYES["pieces"].look(other).slots] for other in others]
    with pytest.raises(ValueError, match="looks of its own"):
        ShuffledBackend(backend, others)
