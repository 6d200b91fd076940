"""Other words for sayings, written by a language model, of which those are kept that a mind reads as the same goal.

    python -m scripts.paraphrase sayings.jsonl more.jsonl --writer small --reader mind-small --count 100
    python -m scripts.paraphrase sayings.jsonl more.jsonl --writer http://127.0.0.1:8101/v1 --model smollm2

Self-instruction (Wang et al. 2023, arXiv:2212.10560), filtered as there by what is new and readable and, since goals
can be read back, by what a text means. Sayings that answer an earlier one are left out. Lines of the result are sayings
to learn from (docs/training.md). --writer: a base (`embodied bases list`), the folder of a language model, or the
address of an OpenAI-compatible endpoint. Prints how many were kept, and why the others were not. What was written and
read is kept beside the result (`more.proposals.jsonl`): the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from embodied.agents.backends.chat_api import ChatEndpoint
from embodied.agents.backends.chat_reply import EndpointTruncated
from embodied.agents.mind_agent import LEAST_SURE
from embodied.agents.shipped import weights_folder
from embodied.agents.understanding import load_with_second
from embodied.bases.cache import resolve
from embodied.bases.numbers import load_language
from embodied.data.files import sha256_of, write_whole
from embodied.data.progress import progress
from embodied.data.sayings import Saying, read_sayings
from embodied.evaluation.episode import one_thread
from embodied.evaluation.ledger import Ledger
from embodied.planning.dialogue import Reading
from envs.goals.language import Goal
from envs.goals.spelling import read
from envs.tasks.wordings.keeping import Sieve

Writer = Callable[[str, int], list[str]]
"""Other words for a text, by a seed; any number, any quality."""

TASK = "Each request to a robot, and the same request in other words. The meaning stays exactly the same."
EXAMPLES = (
    ("Put the red block in the blue bowl.", "The blue bowl is where I want the red block."),
    ("stack the green cube on the yellow one", "The green cube should end up on top of the yellow one, please."),
    ("Could you take everything out of the white bowl?", "Empty the white bowl for me."),
    ("How many blocks are on the table?", "Count the blocks on the table."),
    ("把红色的积木放进蓝色的碗里", "蓝碗里应该放红积木"),
)
TEMPERATURE, TOP_P, MAX_NEW_TOKENS = 0.9, 0.95, 64


def main() -> None:
    """Read the command line, write, read back, and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sayings", type=Path, help="lines of sayings with goals")
    parser.add_argument("out", type=Path, help="a new file of sayings")
    parser.add_argument("--writer", default="small", help="a base, a model's folder or an endpoint's address")
    parser.add_argument("--model", default="", help="of an endpoint")
    parser.add_argument("--key", default=None, metavar="VARIABLE", help="environment variable that holds its key")
    parser.add_argument("--reader", default="mind-small", help="a mind, shipped or a folder")
    parser.add_argument("--count", type=int, default=100, help="sayings that are written about, the first ones")
    parser.add_argument("--each", type=int, default=4, help="proposals for each")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    one_thread()
    sayings = [saying for saying in read_sayings([asked.sayings]) if not saying.before][:asked.count]
    try:
        rows = proposals(sayings, asked, asked.out.with_suffix(".proposals.jsonl"))
    except ValueError as error:
        parser.error(str(error))
    kept, counts = filtered(sayings, rows)
    lines = [json.dumps({"text": text, "goal": saying.goal, "kind": saying.kind}, ensure_ascii=False)
             for text, saying in kept]
    write_whole(asked.out, "".join(f"{line}\n" for line in lines).encode())
    print(json.dumps({"sayings": len(sayings), "proposals": sum(counts.values()), **counts}))


def filtered(sayings: list[Saying], rows: list[dict[str, Any]]) -> tuple[list[tuple[str, Saying]], dict[str, int]]:
    """Of the proposals for each saying those that are kept, with it; and how many were kept or left out, by why."""
    meant: dict[str, Goal | None] = {one["text"]: None if one["goal"] is None else read(one["goal"])
                                     for row in rows for one in row["proposals"]}
    sieve = Sieve(meant.__getitem__, known=[saying.text for saying in sayings])
    kept = [(one["text"], saying) for saying, row in zip(sayings, rows, strict=True) for one in row["proposals"]
            if sieve.keep(one["text"], read(saying.goal))]
    return kept, dict(sieve.counts)


def proposals(sayings: list[Saying], asked: argparse.Namespace, file: Path) -> list[dict[str, Any]]:
    """What was written for each saying and how it was read, in their order; what the file has is taken from there, the
    rest is added to it. Raises ValueError for a file of other settings."""
    ledger = Ledger(file, {"sayings_sha256": sha256_of(asked.sayings), **{
        name: getattr(asked, name) for name in ("writer", "model", "reader", "each", "seed")}})
    first = len(ledger.records)
    if first < len(sayings):
        writer, reader = writer_of(asked), load_with_second(weights_folder(asked.reader))
        with progress("sayings", len(sayings) - first, sys.stderr) as advance:
            for place, saying in enumerate(sayings[first:], first):
                texts = writer(saying.text, asked.seed + place)
                ledger.add({"proposals": [{"text": text, "goal": _goal(reader.understand(text))} for text in texts]})
                advance()
    return ledger.records[:len(sayings)]


def _goal(reading: Reading) -> str | None:
    """The text of what was read, None where nothing was read that a mind would heed."""
    return None if reading.goal is None or reading.confidence < LEAST_SURE else reading.text


def writer_of(asked: argparse.Namespace) -> Writer:
    """Who writes, as the command line says."""
    if asked.writer.startswith(("http://", "https://")):
        if not asked.model:
            raise SystemExit("--model: expected the name of a model of the endpoint, got none")
        return prompted(ChatEndpoint(asked.writer, asked.model, asked.key), asked.each)
    return local(Path(resolve(asked.writer)), asked.each)


def prompted(endpoint: ChatEndpoint, each: int) -> Writer:
    """A model behind an endpoint. The writer raises ChatError."""
    before = [{"role": "system", "content": TASK}]
    for text, other in EXAMPLES:
        before += [{"role": "user", "content": text}, {"role": "assistant", "content": other}]

    def write(text: str, seed: int) -> list[str]:
        found = []
        for place in range(each):
            try:
                reply = endpoint.complete([*before, {"role": "user", "content": text}], max_tokens=MAX_NEW_TOKENS,
                                          temperature=TEMPERATURE, top_p=TOP_P, seed=seed * each + place)
            except EndpointTruncated:
                continue
            found.append(first_line(reply.text))
        return [text for text in found if text]
    return write


def local(folder: Path, each: int) -> Writer:
    """A language model of this machine, which continues the examples. Raises BaseError for none."""
    model, tokenizer = load_language(folder)
    shown = "\n\n".join([TASK, *(f"Request: {text}\nIn other words: {other}" for text, other in EXAMPLES)])
    end = tokenizer.eos_token_id

    @torch.inference_mode()
    def write(text: str, seed: int) -> list[str]:
        inputs = tokenizer(f"{shown}\n\nRequest: {text}\nIn other words:", return_tensors="pt")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            said = model.generate(**inputs, do_sample=True, temperature=TEMPERATURE, top_k=0, top_p=TOP_P,
                                  num_return_sequences=each, max_new_tokens=MAX_NEW_TOKENS, eos_token_id=end,
                                  pad_token_id=end, stop_strings=["\n"], tokenizer=tokenizer)
        texts = tokenizer.batch_decode(said[:, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
        return [line for line in map(first_line, texts) if line]
    return write


def first_line(text: str) -> str:
    """What comes before the first line break, without quotes and spaces around it."""
    return next(iter(text.strip().splitlines()), "").strip().strip('"').strip()


if __name__ == "__main__":
    main()
