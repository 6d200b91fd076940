"""One planner for many worlds: what it is asked from elsewhere it answers as it would here, errors are of those who
asked, and what comes at once is one batch."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.backends.shared import Place, SharedBackend, shared
from embodied.distributed.rollouts import map_episodes
from embodied.planning.perception import Perception
from embodied.planning.scene import OBJECTS, write_prompt
from embodied.prompt import Prompt, PromptTooLongError, Sample
from embodied.serving.inference_server import InferenceServer
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.scenes import observation, slot


class Narrow(ReplayBackend):
    """Waits, where it is told to, until all have asked; "that" is too long for it."""

    def __init__(self, callers: int = 1) -> None:
        super().__init__(["pick(obj_1)"] * 9, lambda _: [slot(0.4)], vocabulary=("put", "it"))
        self.batches: list[int] = []
        self.first, self.all_asked, self.callers = threading.Event(), threading.Event(), callers

    def complete_batch(self, prompts, grammars, *, max_new_tokens, seed, on_token=None) -> list[Sample]:
        if not self.batches and self.callers > 1:
            self.first.set()
            assert self.all_asked.wait(20.0)
        self.batches.append(len(prompts))
        return [self.complete(prompt, grammars and grammars[row], max_new_tokens=max_new_tokens, seed=seed)
                for row, prompt in enumerate(prompts)]

    def complete(self, prompt: Prompt, grammar, **settings) -> Sample:
        if "that" in str(prompt):
            raise PromptTooLongError("the prompt has 9 tokens")
        return super().complete(prompt, grammar, **settings)


def prompt(text: str) -> Prompt:
    return write_prompt(text, Perception.of([slot(0.4)], observation(), TABLETOP))


def test_what_is_asked_from_elsewhere_is_answered_as_here():
    backend = Narrow()
    with shared(backend) as place:
        asked = SharedBackend(place)
        assert (type(asked.scene), asked.language, asked.names_by_number) == (type(OBJECTS), TABLETOP, False)
        assert asked.known_words() == {"put", "it"} and asked.unknown_words("put that") == ["that"]
        assert [one.box for one in asked.perceive(observation())] == [slot(0.4).box]
        answer = asked.complete(prompt("put it"), "grammar", max_new_tokens=9, seed=3)
        assert (answer.text, answer.grammar, answer.seed) == ("pick(obj_1)", "grammar", 3)
        with pytest.raises(PromptTooLongError, match="9 tokens"):
            asked.complete(prompt("put that"), None, max_new_tokens=9, seed=0)
        with pytest.raises(AttributeError, match="expected one of perceive, complete"):
            asked._ask("load_weights", b"")
        assert asked.complete(prompt("put it"), None, max_new_tokens=9, seed=0).text == "pick(obj_1)"
    with pytest.raises(ConnectionError, match="run the command again"):
        SharedBackend(place)


def test_who_has_no_key_is_told_nothing():
    with shared(Narrow()) as place:
        with pytest.raises(Exception, match="digest"):
            SharedBackend(Place(place.path, b"guessed"))
        assert SharedBackend(place).unknown_words("put") == []


def test_what_several_ask_at_once_is_one_batch():
    backend = Narrow(callers=3)
    inference = InferenceServer(backend, wait_s=0.0)

    def ask(text: str) -> str:
        return SharedBackend(place).complete(prompt(text), None, max_new_tokens=9, seed=0).text

    with shared(inference) as place, ThreadPoolExecutor(3) as pool:
        first = pool.submit(ask, "put it")
        assert backend.first.wait(20.0)
        rest = [pool.submit(ask, "put it") for _ in range(2)]
        while inference.waiting < 2:
            threading.Event().wait(0.001)
        backend.all_asked.set()
        assert [one.result() for one in (first, *rest)] == ["pick(obj_1)"] * 3
    inference.close()
    assert backend.batches == [1, 2]


@pytest.mark.slow
@pytest.mark.weights
def test_episodes_are_those_of_planners_of_their_own():
    from dataclasses import asdict

    from embodied.agents.shipped import weights_folder
    from embodied.evaluation.episode import EpisodeSpec
    from embodied.evaluation.jobs import make_runners
    from embodied.evaluation.policies import model_backend

    folder = str(weights_folder("tabletop-tiny"))
    spec = asdict(EpisodeSpec("model", ("put_in_bowl", "sort"), 1_000_000, folder, {"image_size": 192}))
    seeds = range(1_000_000, 1_000_006)

    def records(place: Place | None) -> dict[int, dict]:
        found = map_episodes(make_runners, {"specs": [spec], "place": place}, seeds, workers=3 if place else 0)
        return {one.seed: {**one.value, "timings": None} for one in found}

    server = InferenceServer(model_backend(folder))
    with shared(server) as place:
        together = records(place)
    server.close()
    assert together == records(None)
