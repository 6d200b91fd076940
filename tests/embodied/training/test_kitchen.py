"""From the kitchen itself to a planner that plays it: collected, learned from for two steps, and asked at work."""

from __future__ import annotations

import gymnasium
import pytest

from embodied.agents.backends.local import LocalBackend
from embodied.agents.language_agent import LanguageAgent
from embodied.data.collect import CollectSpec, collect
from embodied.data.dataset import Dataset
from embodied.data.detections import detect_dataset
from embodied.data.examples import Examples
from embodied.models.building import Facts, build
from embodied.planning.closed_loop import run
from embodied.planning.declaration import declaration
from embodied.planning.language import parse
from embodied.planning.scene import FURNITURE
from embodied.prompt import Entity, Text
from embodied.training.perception import look_detector, make_look_detector
from envs.skills.signatures import KITCHEN

EYES = {"eyes": "furniture"}
KITCHEN_ID = "envs:embodied/Kitchen-v0"


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kitchen")
    collect(CollectSpec(KITCHEN_ID, labels=4, env_kwargs={"perturbations": 0.3}), folder, episodes=3,
            executed_fraction=1.0, workers=0)
    dataset = Dataset(folder)
    looked = detect_dataset(dataset, look_detector("furniture"), make_look_detector, EYES, workers=0)
    again = detect_dataset(dataset, look_detector("furniture"), make_look_detector, EYES, workers=0)  # as it is kept
    for key, detected in looked.items():
        kept = again[key]
        assert (kept.look.place, kept.look.is_open, kept.names) == (detected.look.place, detected.look.is_open,
                                                                    detected.names)
        assert [slot.place for slot in kept.slots] == [slot.place for slot in detected.slots]
    return Examples(dataset, again, scene=FURNITURE)


def said(example) -> str:
    return "".join(s.text if isinstance(s, Text) else "<>" for s in example.prompt.segments)


def test_sentences_grow_with_what_was_seen_and_every_answer_is_a_plan(examples):
    assert examples.card["kept"] > 30
    for place, item in enumerate(examples.items):
        example = examples[place]
        shown = [segment for segment in example.prompt.segments if isinstance(segment, Entity)]
        assert len(shown) == len(example.names) == len(item.memory.things)
        assert [s.slot.place for s in shown] == [slot.place for slot in item.memory.things]
        assert ("Steps: " in said(example)) == (item.view > 0)
        parse(example.answer[1:], KITCHEN, objects=0)


def test_a_planner_that_learned_a_little_acts_in_the_kitchen(examples):
    """Its words are drawn by chance, so that nothing is asked but that it plans in its language, to the end."""
    corpus = [text for e in (examples[i] for i in range(len(examples))) for text in (said(e), e.answer)]
    facts = Facts(plan_language=declaration(KITCHEN), cameras={})
    model, processor = build({"model_type": "llama", "hidden_size": 32, "num_hidden_layers": 1,
                              "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 48,
                              "max_position_embeddings": 512},
                             {"name": "vit_tiny_patch16_224", "image_size": 32,
                              "options": {"embed_dim": 24, "depth": 1, "num_heads": 2, "patch_size": 16}},
                             corpus=corpus, vocab_size=420, facts=facts, scene_encoder="furniture", projector_width=24)
    batch = processor([examples[0].prompt, examples[20].prompt], [examples[0].answer, examples[20].answer])
    model(**batch).loss.backward()
    agent = LanguageAgent(LocalBackend(model.eval(), processor), max_new_tokens=24)
    env = gymnasium.make(KITCHEN_ID)
    steps = list(run(env, agent, seed=5, max_calls=3, max_failures=3))
    env.close()
    assert steps[-1].end is not None and steps[0].plan.perception.memory.here is None
    prompts = [step.samples[0].prompt for step in steps if step.samples]
    assert all("Plan:" in prompt.segments[-1].text for prompt in prompts)
