"""A real, untrained model behind the agent: constrained answers parse, and the same question has the same answer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from embodied.agents import shipped
from embodied.agents.backends.local import LocalBackend
from embodied.agents.language_agent import LanguageAgent
from embodied.models.checkpoint_checks import CheckpointError
from embodied.models.folder import check_folder
from embodied.planning.declaration import LanguageError, declaration
from embodied.planning.grammar import plan_grammar
from embodied.planning.language import PlanError, parse
from embodied.planning.perception import Perception
from embodied.planning.scene import OBJECTS, write_prompt
from embodied.prompt import PromptTooLongError
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.scenes import observation, slot

torch.set_num_threads(1)
LANGUAGE = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 256}
VISION = {"name": "vit_tiny_patch16_224", "image_size": 16,
          "options": {"img_size": 16, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2}}


@pytest.fixture(scope="module")
def loaded():
    from embodied.models.building import Facts, build

    facts = Facts(vocabulary=["put", "the", "red", "block"], plan_language=declaration(TABLETOP))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(LANGUAGE, VISION, corpus=["pick(obj_1); done() put the red block"] * 3, projector_width=32,
                     facts=facts)


@pytest.fixture(scope="module")
def backend(loaded) -> LocalBackend:
    return LocalBackend(*loaded)


def prompt(count: int = 3, instruction: str = "put the red block"):
    return write_prompt(instruction, Perception.of([slot(0.4 + 0.05 * j) for j in range(count)], observation(),
                                                   TABLETOP))


def test_constrained_answers_of_an_untrained_model_parse(loaded):
    backend = LocalBackend(*loaded, temperature=1.5)
    mask = plan_grammar(TABLETOP, 3)
    answers = [backend.complete(prompt(), mask, max_new_tokens=120, seed=seed) for seed in range(4)]
    whole = [a for a in answers if a.token_ids[-1] == loaded[1].tokenizer.eos_token_id]
    assert whole and all(a.is_constrained for a in answers)
    for answer in whole:
        parse(answer.text, TABLETOP, objects=3)


def test_a_mask_makes_what_it_allows_likelier(backend):
    answer = backend.complete(prompt(), plan_grammar(TABLETOP, 3), max_new_tokens=8, seed=0)
    own, masked = np.array(answer.log_probs), np.array(answer.masked_log_probs)
    assert len(own) == len(masked) == len(answer.token_ids)
    assert np.isfinite(own).all() and (own < masked).any() and (own <= masked).all() and masked.max() <= 0
    free = backend.complete(prompt(), None, max_new_tokens=8, seed=0)
    assert not free.is_constrained and free.token_ids != answer.token_ids


def test_sampling_is_repeatable_and_leaves_the_global_generator_alone(loaded):
    backend, state = LocalBackend(*loaded, temperature=1.0), torch.random.get_rng_state()
    first, again, other = (backend.complete(prompt(), None, max_new_tokens=6, seed=s).token_ids for s in (1, 1, 2))
    assert first == again != other
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_batch_answers_as_its_rows_would(backend):
    prompts, grammars = [prompt(1), prompt(4)], [plan_grammar(TABLETOP, 1), plan_grammar(TABLETOP, 4)]
    batch = backend.complete_batch(prompts, grammars, max_new_tokens=10, seed=0)
    alone = [backend.complete(p, g, max_new_tokens=10, seed=0) for p, g in zip(prompts, grammars, strict=True)]
    assert [a.text for a in batch] == [a.text for a in alone]


def test_an_answer_cut_off_by_the_budget_is_no_plan(backend):
    answer = backend.complete(prompt(), plan_grammar(TABLETOP, 3), max_new_tokens=2, seed=0)
    with pytest.raises(PlanError):
        parse(answer.text, TABLETOP, objects=3)


def test_a_prompt_that_fills_the_context_is_refused(backend):
    with pytest.raises(PromptTooLongError):
        backend.complete(prompt(instruction="b " * 400), plan_grammar(TABLETOP, 3), max_new_tokens=5, seed=0)


def test_the_agent_refuses_words_its_model_never_learned(backend):
    plan = LanguageAgent(backend).plan("put the banana", observation())
    assert plan.refusal == "I do not know the word 'banana'" and "I know: block, put, red, the" in plan.hint


def test_a_model_without_eyes_says_so(backend):
    with pytest.raises(ValueError, match="no segmenter"):
        backend.perceive(observation())


def test_a_model_plans_in_the_language_that_it_learned(loaded):
    model, processor = loaded
    assert LocalBackend(model, processor).language == TABLETOP
    declared = declaration(replace(TABLETOP, signatures=TABLETOP.signatures[:2]))
    assert list(LocalBackend(model, Learned(declared)).language.skills) == ["pick", "place_in"]


@pytest.mark.parametrize(("learned", "said"), [
    ("0" * 64, "sha256 000000000000 of one that is not known here; run `embodied convert PATH`"),
    (declaration(replace(TABLETOP, signatures=(replace(TABLETOP.signatures[0], effect="none"),))),
     r"the checkpoint plans with the skill pick\(object: object\), got pick\(object: object\), grasp; use the")])
def test_a_model_whose_skills_are_no_longer_what_they_were_is_refused(loaded, learned, said: str):
    with pytest.raises(LanguageError, match=said):
        LocalBackend(loaded[0], Learned(learned))


class Learned:
    """A processor that declares a language, and sees slots."""

    scene, names_by_number = OBJECTS, False

    def __init__(self, plan_language) -> None:
        self.plan_language = plan_language


def test_unknown_weights_are_refused_with_a_list():
    with pytest.raises(ValueError, match="got 'tabletop-giant'"):
        shipped.load_agent("tabletop-giant")


@pytest.mark.weights
def test_one_rule_names_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny = shipped.weights_path(shipped.SHIPPED)
    assert shipped.weights_folder("shipped") == shipped.weights_folder(shipped.SHIPPED) == tiny
    (tmp_path / shipped.SHIPPED).mkdir()
    (tmp_path / "mine").mkdir()
    assert shipped.weights_folder(shipped.SHIPPED) == tiny, "an empty folder hides no weights"
    for load in (shipped.load_agent, lambda name: check_folder(shipped.weights_folder(name))):
        with pytest.raises(CheckpointError, match=r"checkpoint mine: config\.json.* missing"):
            load("mine")
    shutil.copytree(tiny, tmp_path / "shipped")
    assert shipped.weights_folder("shipped") == Path("shipped")
    assert shipped.load_agent("shipped").language == shipped.load_agent().language


def test_an_agent_is_loaded_from_a_folder(loaded, tmp_path):
    from embodied.models.loading import save

    model, processor = loaded
    save(model, processor, tmp_path / "mine")
    import embodied

    agent = embodied.load_agent(tmp_path / "mine", max_new_tokens=7)
    assert (agent.scene, agent.max_new_tokens) == (OBJECTS, 7)


def test_naming_the_package_loads_no_torch():
    code = "import sys, embodied, embodied.planning.closed_loop; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
