"""Whoever is decoded side by side with others gets the text that it gets alone, in its own room, and its own errors."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import gymnasium
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from embodied.agents.backends.local import LocalBackend
from embodied.models.building import Facts, build
from embodied.planning.declaration import declaration
from embodied.planning.grammar import plan_grammar
from embodied.planning.perception import Perception
from embodied.planning.scene import OBJECTS, write_prompt
from embodied.prompt import Prompt, PromptTooLongError, Sample
from embodied.serving.app import PlannerFacts, RayBackend, answers_to
from embodied.serving.inference_server import CancelledError, InferenceClient, InferenceServer
from envs.interface import Observation
from envs.skills.signatures import TABLETOP, TAMP
from tests.embodied.planning.scenes import observation, slot

CONTEXT, MOST = 128, 24
NEAR_TIE = 1e-3
"""Log-probability by which two words may differ for the likelier one to change with the width of a batch: sums of
float32 are rounded in another order there, by some 1e-6."""
LANGUAGE = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": CONTEXT}
VISION = {"name": "vit_tiny_patch16_224", "image_size": 16,
          "options": {"img_size": 16, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2}}
CORPUS = ["pick(obj_1); place_in(obj_2); done() put the red block in the blue bowl"] * 3


def wide_backend() -> LocalBackend:
    """A small model whose words are spread widely enough that few of them are nearly as likely as others."""
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, processor = build(LANGUAGE, VISION, corpus=CORPUS, projector_width=32,
                                 facts=Facts(plan_language=declaration(TABLETOP)))
        with torch.no_grad():
            model.get_output_embeddings().weight.mul_(40.0)
    return LocalBackend(model, processor)


@pytest.fixture(scope="module")
def backend() -> LocalBackend:
    return wide_backend()


def prompt(words: int, objects: int) -> Prompt:
    seen = Perception.of([slot(0.4 + 0.05 * j) for j in range(objects)], observation(), TABLETOP)
    return write_prompt("put the red block in" + " the" * words, seen)


def size_of(backend: LocalBackend, asked: Prompt) -> int:
    return backend.processor([asked])["input_ids"].shape[1]


def longest(backend: LocalBackend, objects: int) -> int:
    """The most words that leave room for an answer, if a short one."""
    base, more = (size_of(backend, prompt(words, objects)) for words in (1, 2))
    return 1 + (CONTEXT - 1 - base) // (more - base)


def is_as_alone(alone: Sample, beside: Sample) -> bool:
    """Whether it is the same answer. Raises AssertionError where it is another one for no near-tie."""
    if (alone.text, alone.token_ids, alone.is_cut) == (beside.text, beside.token_ids, beside.is_cut):
        return True
    place = next(i for i, (a, b) in enumerate(zip(alone.token_ids, beside.token_ids, strict=False)) if a != b)
    assert abs(alone.masked_log_probs[place] - beside.masked_log_probs[place]) < NEAR_TIE, (alone, beside)
    return False


ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), min_size=2, max_size=5)


@pytest.mark.parametrize("is_masked", [True, False], ids=["plans", "anything"])
def test_any_batch_gives_each_row_the_text_it_gets_alone(backend: LocalBackend, is_masked: bool):
    same = {True: 0, False: 0}
    fill = [longest(backend, objects) for objects in range(7)]

    @settings(max_examples=8, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(ROWS, st.integers(0, 6))
    def check(rows: list[tuple[int, int]], short_of_full: int) -> None:
        asked = [prompt(words, objects) for words, objects in rows]
        crowd = rows[0][1]
        asked[0] = prompt(fill[crowd] - short_of_full, crowd)  # one that fills the context nearly
        masks = [plan_grammar(TABLETOP, objects) for _, objects in rows]
        beside = backend.complete_batch(asked, masks if is_masked else None, max_new_tokens=MOST, seed=0)
        for row, answer in enumerate(beside):
            alone = backend.complete(asked[row], masks[row] if is_masked else None, max_new_tokens=MOST, seed=0)
            same[is_as_alone(alone, answer)] += 1
            assert alone.prompt_tokens == answer.prompt_tokens == size_of(backend, asked[row])

    check()
    assert same[False] <= 0.05 * same[True], same


def test_a_long_neighbour_takes_no_room(backend: LocalBackend):
    full = prompt(longest(backend, 2), 2)
    masks = [plan_grammar(TABLETOP, 2)] * 2
    beside, cut = backend.complete_batch([prompt(0, 2), full], masks, max_new_tokens=MOST, seed=0)
    assert len(cut.token_ids) == CONTEXT - size_of(backend, full) < MOST and cut.is_cut
    assert len(beside.token_ids) > 1 and beside.is_cut == (len(beside.token_ids) == MOST)


def test_sampled_rows_are_drawn_as_they_are_alone(backend: LocalBackend):
    hot = LocalBackend(backend.model, backend.processor, temperature=2.0)
    asked = [prompt(words, 2) for words in (1, 3, 1)]
    beside = hot.complete_batch(asked, None, max_new_tokens=8, seed=3)
    alone = [hot.complete(one, None, max_new_tokens=8, seed=3) for one in asked]
    assert [a.token_ids for a in beside] == [a.token_ids for a in alone]


def test_answers_to_one_prompt_are_drawn_apart_and_again_from_their_seed(backend: LocalBackend):
    hot = LocalBackend(backend.model, backend.processor, temperature=2.0)
    first, again, other = (hot.draw(prompt(1, 2), plan_grammar(TABLETOP, 2), 6, max_new_tokens=8, seed=seed)
                           for seed in (3, 3, 4))
    assert [one.token_ids for one in first] == [one.token_ids for one in again]
    assert [one.token_ids for one in first] != [one.token_ids for one in other]
    assert len({one.token_ids for one in first}) > 1 and len({one.seed for one in first}) == 6
    alone = hot.complete(prompt(1, 2), plan_grammar(TABLETOP, 2), max_new_tokens=8, seed=first[5].seed)
    assert alone.token_ids == first[5].token_ids


@pytest.mark.parametrize("is_masked", [True, False], ids=["plans", "anything"])
def test_a_listener_that_has_heard_enough_ends_its_row_alone(backend: LocalBackend, is_masked: bool):
    asked = [prompt(0, 2), prompt(2, 3)]
    masks = [plan_grammar(TABLETOP, 2), plan_grammar(TABLETOP, 3)] if is_masked else None
    told: dict[int, list[str]] = {0: [], 1: []}

    def on_piece(row: int, text: str, probability: float) -> bool:
        told[row].append(text)
        return row == 1 or len(told[0]) < 3

    stopped, other = backend.complete_batch(asked, masks, max_new_tokens=MOST, seed=0, on_token=on_piece)
    assert (len(stopped.token_ids), stopped.is_cut) == (3, True) and stopped.text.startswith("".join(told[0]))
    assert is_as_alone(backend.complete(asked[1], masks and masks[1], max_new_tokens=MOST, seed=0), other)
    assert "".join(told[1]) == other.text and told[1] == list(other.pieces)


class Frail:
    """A backend of two rows at once: prompts that are texts, one of which it cannot read; the first try breaks off
    after two tokens."""

    scene, language, names_by_number = OBJECTS, TABLETOP, False

    def __init__(self) -> None:
        self.batches: list[tuple[str, ...]] = []
        self.is_broken = True
        self.gate = threading.Event()

    def complete_batch(self, prompts, grammars, *, max_new_tokens, seed, on_token=None):
        if "wait" in prompts:
            self.gate.wait(10.0)
        self.batches.append(tuple(prompts))
        if "bad" in prompts:
            raise PromptTooLongError("too long")
        answers = []
        for row, text in enumerate(prompts):
            for place, piece in enumerate(text):
                if on_token is not None and not on_token(row, piece, 1.0):
                    break
                if self.is_broken and len(prompts) > 1 and place == 1:
                    raise RuntimeError("broken")
            answers.append(Sample(text, Prompt(())))
        return answers


def asked_together(inference: InferenceServer, *asked: tuple[str, object]) -> list[object]:
    """The answers, or errors, of callers whose jobs one batch holds. asked: (prompt, listener)."""
    def ask(prompt: str, on_piece: object) -> object:
        try:
            return inference.complete(prompt, None, max_new_tokens=9, seed=0, on_piece=on_piece)
        except Exception as error:
            return error

    gate = inference.backend.gate
    gate.clear()
    with ThreadPoolExecutor(1 + len(asked)) as pool:
        first = pool.submit(ask, "wait", lambda *_: True)
        while inference.waiting or not inference._callers:
            time.sleep(0.001)
        rest = [pool.submit(ask, *one) for one in asked]
        while inference.waiting < len(asked):
            time.sleep(0.001)
        gate.set()
        assert first.result().text == "wait"
        return [one.result() for one in rest]


def test_an_error_is_of_the_row_that_has_it_and_no_token_is_heard_twice():
    frail, told = Frail(), []
    inference = InferenceServer(frail, wait_s=0.0)
    good, bad = asked_together(inference, ("abc", lambda piece, _: told.append(piece) or True),
                               ("bad", lambda piece, _: True))
    assert good.text == "abc" and isinstance(bad, PromptTooLongError)
    told.clear()
    first, second = asked_together(inference, ("abc", lambda piece, _: told.append(piece) or True),
                                   ("xyz", lambda piece, _: True))
    inference.close()
    assert (first.text, second.text) == ("abc", "xyz") and told == ["a", "b", "c"]
    assert max(map(len, frail.batches)) == 2


def test_a_listener_that_breaks_is_its_own_trouble():
    frail = Frail()
    frail.is_broken, inference = False, InferenceServer(frail, wait_s=0.0)

    def breaks(piece: str, _: float) -> bool:
        raise KeyError("gone")

    mine, other = asked_together(inference, ("abc", breaks), ("xyz", lambda piece, _: True))
    assert isinstance(mine, KeyError) and other.text == "xyz"
    frail.gate.set()
    with pytest.raises(CancelledError):
        InferenceClient(inference, lambda *_: False).complete("abc", None, max_new_tokens=9, seed=0)
    inference.close()


def test_questions_of_others_that_share_a_replica_have_their_own_answers():
    frail = Frail()
    frail.is_broken = False
    got = answers_to(frail, [("abc", None, 9, 0), ("bad", None, 9, 0), ("xyz", None, 9, 0)])
    assert [getattr(a, "text", type(a).__name__) for a in got] == ["abc", "PromptTooLongError", "xyz"]


@pytest.mark.weights
def test_four_clients_keep_their_plans_beside_one_who_says_a_thousand_characters():
    from embodied.agents.shipped import load_agent

    backend = load_agent("tabletop-tiny").backend
    env = gymnasium.make("envs:embodied/PutInBowl-v0")
    seen = Observation.from_dict(env.reset(seed=2_000_001, options={"require": ["red block", "blue bowl"]})[0])
    env.close()
    instruction = "put the red block in the blue bowl"
    perception = Perception.of(backend.perceive(seen), seen, TABLETOP)
    asked = [write_prompt(text, perception)
             for text in (*[instruction] * 4, instruction + " a" * ((1000 - len(instruction)) // 2))]
    masks = [plan_grammar(TABLETOP, len(perception.slots))] * 5
    alone = backend.complete(asked[0], masks[0], max_new_tokens=192, seed=0)
    beside = backend.complete_batch(asked, masks, max_new_tokens=192, seed=0)
    assert [a.text for a in beside[:4]] == [alone.text] * 4 and not alone.is_cut


class Handle:
    """A deployment that stands still: what is asked of it once is there."""

    def __init__(self, facts: PlannerFacts) -> None:
        self.facts = SimpleNamespace(remote=lambda: SimpleNamespace(result=lambda timeout_s: facts))


def test_a_deployment_tells_all_that_an_agent_asks_of_its_backend():
    deployed = RayBackend(Handle(PlannerFacts(OBJECTS, TAMP, True, frozenset(("grasp",)))))
    client = InferenceClient(InferenceServer(deployed), lambda *_: True)
    assert (client.scene, client.language, client.names_by_number) == (OBJECTS, TAMP, True)
    assert client.known_words() == {"grasp"}
