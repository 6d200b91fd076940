"""scripts/paraphrase.py: other words are written, read back, kept or left out, and counted."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import httpx
import pytest

from embodied.agents.backends.chat_api import ChatEndpoint
from embodied.agents.shipped import weights_path
from embodied.data.sayings import Saying
from embodied.planning.dialogue import Reading
from envs.goals.spelling import read
from scripts import paraphrase

SAYINGS = [Saying("Lift the red block.", "held(the red block)", "plain"),
           Saying("lift the blue block", "held(the blue block)", "case")]

WRITER_OF = paraphrase.writer_of


class Listener:
    """Takes every text that names red for the first saying's goal, and understands no other one."""

    def understand(self, text: str) -> Reading:
        goal = SAYINGS[0].goal
        return Reading(read(goal), 0.2 if "perhaps" in text else 0.9, goal) if "red" in text else Reading(None)


def asked(**other: object) -> Namespace:
    return Namespace(**{"sayings": Path(__file__), "writer": "small", "model": "", "reader": "mind-tiny", "each": 2,
                        "seed": 3, **other})


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []

    def write(text: str, seed: int) -> list[str]:
        texts.append(text)
        return [f"up with the red block {seed}", text.upper(), f"red perhaps {seed}"]

    monkeypatch.setattr(paraphrase, "writer_of", lambda _: write)
    monkeypatch.setattr(paraphrase, "load_with_second", lambda _: Listener())
    return texts


def test_kept_is_what_is_new_and_read_as_the_same_goal(tmp_path, written):
    rows = paraphrase.proposals(SAYINGS, asked(), tmp_path / "more.proposals.jsonl")
    kept, counts = paraphrase.filtered(SAYINGS, rows)
    assert kept == [("up with the red block 3", SAYINGS[0])]
    assert counts == {"kept": 1, "repeat": 2, "another goal": 1, "not understood": 2}


def test_what_was_written_is_not_written_again_and_that_of_others_is_refused(tmp_path, written):
    file = tmp_path / "more.proposals.jsonl"
    first = paraphrase.proposals(SAYINGS[:1], asked(), file)
    assert paraphrase.proposals(SAYINGS, asked(), file)[:1] == first and written == [one.text for one in SAYINGS]
    with pytest.raises(ValueError, match=r"another run \(different: seed\)"):
        paraphrase.proposals(SAYINGS, asked(seed=4), file)
    with pytest.raises(SystemExit, match="--model"):
        WRITER_OF(asked(writer="http://127.0.0.1:9/v1"))


def test_a_model_of_this_machine_writes_the_same_by_the_same_seed(tmp_path):
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(weights_path("mind-tiny"))
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                         num_attention_heads=2, max_position_embeddings=512)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    write = paraphrase.local(tmp_path, 3)
    assert write("lift it", 1) == write("lift it", 1) != write("lift it", 2)
    assert all("\n" not in text for text in write("lift it", 1))


def test_an_endpoint_is_asked_as_often_as_there_shall_be_proposals():
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        finish = "length" if len(bodies) == 2 else "stop"
        return httpx.Response(200, json={"choices": [{"finish_reason": finish, "message": {
            "role": "assistant", "content": '"Up with it."\nI hope that helps!'}}]})

    endpoint = ChatEndpoint("http://127.0.0.1:1/v1", "m", http=httpx.Client(transport=httpx.MockTransport(answer)))
    assert paraphrase.prompted(endpoint, 3)("lift it", 5) == ["Up with it."] * 2
    assert [body["seed"] for body in bodies] == [15, 16, 17]
    assert bodies[0]["messages"][-1] == {"role": "user", "content": "lift it"}
