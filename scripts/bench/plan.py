"""What a plan costs: our decoding beside `generate` of transformers with the grammar as a logits processor, and whole
plans with perception.

    python scripts/bench/plan.py [--prompts 300] [--small FOLDER [--gguf FILE]] [--quick]

One JSON line each. Prompts are those of the closed loop, first plans and re-plans, in episodes that the planner itself
plays, or the shipped one where the small one was not trained; the small one's plans are all carried out, well or ill.
An episode begins with nothing remembered: ours reads no beginning again that it read in the episode, and guesses ahead
from its answers in it and from the shortest plan of the language, no others; in the other rows every question does.
Both sides have the same fp32 weights, prompt and mask, and take turns; times are of one torch thread, in milliseconds
of one core's time, for another process may have the core meanwhile ("wall" beside). A ratio is that of the medians.
--small: a planner's folder, or a Llama-type language model's, which gets eyes of random weights and writes as many
steps as the shipped planner did. --gguf: the same language model for llama.cpp, which is asked for as many tokens after
a text as long as the prompt.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find another script."""

import gymnasium  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

import embodied  # noqa: E402
from embodied.agents.backends.local import LocalBackend  # noqa: E402
from embodied.agents.language_agent import LanguageAgent  # noqa: E402
from embodied.planning.closed_loop import run  # noqa: E402
from embodied.planning.constrain import PlanConstraint, compile_tokenizer  # noqa: E402
from embodied.prompt import Prompt, Sample  # noqa: E402
from envs.interface import TASK_IDS  # noqa: E402

FIRST_SEED = 1_000_500
MOST_TOKENS, WORDS = 192, 24
NEAR_TIE = 1e-4
"""Difference of two tokens' log-probabilities within which either may come first: products round otherwise."""
TARGETS = {"first": 2.0, "re-plan": 2.8, "again": None}
CEILINGS_MS = {"tiny": 45.0, "small": 1000.0}
PEER = "transformers.generate, the grammar as a logits processor"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to a backend, as an episode asked it. kind: for the episode's first plan, for a later one, or for a
    plan that the judge turned down before ("again")."""

    episode: int
    kind: str
    prompt: Prompt
    grammar: str
    answer: Sample


@dataclass(slots=True)
class Spent:
    """Milliseconds of one core, and on the wall. clock: of this thread's time, or of the process's."""

    core: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    clock: Callable[[], float] = time.thread_time

    def of(self, do: Callable[[], Any]) -> Any:
        core, wall = self.clock(), time.perf_counter()
        found = do()
        self.core.append(1e3 * (self.clock() - core))
        self.wall.append(1e3 * (time.perf_counter() - wall))
        return found

    def line(self) -> dict[str, float]:
        return {"value": round(median(self.core), 2), "p95": round(float(np.percentile(self.core, 95)), 2),
                "wall": round(median(self.wall), 2), "count": len(self.core)}


def say(**line: Any) -> None:
    print(json.dumps({**line, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}), flush=True)


class Watched(LocalBackend):
    """A backend that notes what it is asked. told: what the agent was asked."""

    def listen(self, told: list[tuple]) -> None:
        self.told, self.heard = told, []

    def complete(self, prompt: Prompt, grammar: str | None, **settings: Any) -> Sample:
        answer, place = super().complete(prompt, grammar, **settings), len(self.told)
        kind = "again" if self.heard and self.heard[-1][0] == place else "first" if place == 1 else "re-plan"
        self.heard.append((place, kind, prompt, grammar, answer))
        return answer


def played(agent: LanguageAgent, most: int) -> Iterator[tuple[list[Asked], list[tuple]]]:
    """Each episode's questions to the backend and to the agent, until there are `most` of the former."""
    backend = agent.backend
    watched = Watched(backend.model, backend.processor)
    looking = LanguageAgent(watched, unclear=agent.unclear)
    told = _note_plans(looking)
    count = episode = 0
    while count < most:
        env = gymnasium.make(TASK_IDS[sorted(TASK_IDS)[episode % len(TASK_IDS)]])
        told.clear()
        watched.listen(told)
        for _ in run(env, looking, seed=FIRST_SEED + episode, max_calls=6):
            pass
        env.close()
        found = [Asked(episode, *heard) for _, *heard in watched.heard]
        yield found, list(told)
        count, episode = count + len(found), episode + 1


def parted(found: Sequence[tuple[list[Asked], list[tuple]]], count: int) -> tuple[list[Asked], list[list[tuple]]]:
    """So many questions to a backend, and each episode's to its agent."""
    return [one for questions, _ in found for one in questions][:count], [told for _, told in found]


def _note_plans(agent: LanguageAgent) -> list[tuple]:
    told, plan = [], agent.plan

    def noted(instruction: str, observation: Any, history: Sequence[Any] = (), **settings: Any) -> Any:
        told.append((instruction, observation, tuple(history)))
        return plan(instruction, observation, history, **settings)

    agent.plan = noted
    return told


def stock(backend: LocalBackend, prompt: Prompt, grammar: str | None, most: int) -> list[int]:
    """The tokens that `generate` of transformers gives. Nothing is compiled anew: the tokenizer is the backend's."""
    batch = backend.processor([prompt], padding_side="left")
    mask = [] if grammar is None else [PlanConstraint(backend.compiled, [grammar])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = backend.model.generate(**batch, do_sample=False, max_new_tokens=most, logits_processor=mask,
                                     eos_token_id=backend.processor.tokenizer.eos_token_id)
    return out[0, batch["input_ids"].shape[1]:].tolist()


def decoding(size: str, backend: LocalBackend, asked: Sequence[Asked], most: int = MOST_TOKENS) -> None:
    """Texts that are equal, and what decoding costs, ours and theirs in turn."""
    backend.compiled = compile_tokenizer(backend.processor.tokenizer)
    spent = {(kind, whose): Spent() for kind in TARGETS for whose in ("ours", "peer")}
    tokens, odd, ties, last = [], [], 0, None
    for one in asked:
        if one.episode != last:
            backend.forget()
        last = one.episode
        mine = spent[one.kind, "ours"].of(lambda one=one: backend.complete(one.prompt, one.grammar, seed=0,
                                                                           max_new_tokens=most))
        theirs = spent[one.kind, "peer"].of(lambda one=one: stock(backend, one.prompt, one.grammar, most))
        tokens.append(len(theirs))
        if list(mine.token_ids) != theirs:
            odd.append((mine, theirs))
            ties += _is_near_tie(backend, mine, theirs)
    say(what="texts equal token by token", size=size, unit="prompts", value=len(asked) - len(odd), of=len(asked),
        near_ties=ties, peer=PEER, is_within=len(odd) == ties, median_tokens=median(tokens))
    for kind, target in TARGETS.items():
        ours, peer = spent[kind, "ours"], spent[kind, "peer"]
        if ours.core:
            ratio = median(peer.core) / median(ours.core)
            say(what=f"decode {kind}", size=size, unit="ms", **ours.line(), peer=PEER, peer_value=round(median(
                peer.core), 2), ratio=round(ratio, 2), target=target, is_within=target is None or ratio >= target)


def _is_near_tie(backend: LocalBackend, mine: Sample, theirs: Sequence[int]) -> bool:
    """Whether, where the two part, the model holds both tokens for as likely."""
    place = next(i for i, (a, b) in enumerate(zip(mine.token_ids, theirs, strict=False)) if a != b)
    batch = backend.processor([mine.prompt], [mine.token_ids[:place + 1]])
    batch.pop("labels")
    with torch.inference_mode():
        scores = backend.model(**batch, use_cache=False).logits[0, -2].log_softmax(-1)
    return bool(abs(scores[mine.token_ids[place]] - scores[theirs[place]]) < NEAR_TIE)


def plans(size: str, agent: LanguageAgent, episodes: Sequence[Sequence[tuple]], what: str = "plan") -> None:
    """Whole plans: perception, prompt, decoding, judging."""
    spent = {"first": Spent(), "re-plan": Spent()}
    for asked in episodes:
        agent.backend.forget()
        for place, question in enumerate(asked):
            spent["re-plan" if place else "first"].of(lambda question=question: agent.plan(*question))
    for kind, taken in spent.items():
        if taken.core:
            ceiling = CEILINGS_MS.get(size) if kind == "re-plan" else None
            line = taken.line()
            say(what=f"{what} {kind}, with perception", size=size, unit="ms", **line, ceiling=ceiling,
                is_within=ceiling is None or line["value"] <= ceiling)


def words(size: str, backend: LocalBackend, asked: Sequence[Asked]) -> None:
    """Answers without a grammar: so many words of any kind, one after the other."""
    ours, peer = Spent(), Spent()
    for one in asked:
        backend.forget()
        ours.of(lambda one=one: backend.complete(one.prompt, None, max_new_tokens=WORDS, seed=0))
        peer.of(lambda one=one: stock(backend, one.prompt, None, WORDS))
    say(what=f"answer in words, at most {WORDS} tokens", size=size, unit="ms", **ours.line(), peer=PEER,
        peer_value=round(median(peer.core), 2), ratio=round(median(peer.core) / median(ours.core), 2))


def in_int8(backend: LocalBackend) -> LocalBackend:
    """The same with the language model's linear layers in int8, quantised as they are used."""
    model = copy.deepcopy(backend.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older of torch's two ways; the other is a package of its own
        model.language = torch.ao.quantization.quantize_dynamic(model.language, {torch.nn.Linear}, dtype=torch.qint8)
    return LocalBackend(model, backend.processor)


def int8(size: str, backend: LocalBackend, asked: Sequence[Asked], most: int = MOST_TOKENS) -> None:
    """What int8 costs beside fp32, ours both, and how many plans stay the same."""
    small, ours, full, same = in_int8(backend), Spent(), Spent(), 0
    for one in asked:
        small.forget(), backend.forget()
        found = [spent.of(lambda one=one, side=side: side.complete(one.prompt, one.grammar, seed=0,
                                                                   max_new_tokens=most))
                 for side, spent in ((small, ours), (backend, full))]
        same += found[0].text == found[1].text
    say(what="decode in int8, all plans", size=size, unit="ms", **ours.line(), peer="ours in fp32",
        peer_value=round(median(full.core), 2), ratio=round(median(full.core) / median(ours.core), 2),
        same_texts=same, of=len(asked))


def exactly(asked: Asked) -> str:
    """The grammar of plans of as many steps as the answer had; refusals stay refusals."""
    steps = max(1, len(re.findall(r"pick\(", asked.answer.text)))
    return re.sub(r"step\{\d+,\d+\}", f"step{{{steps},{steps}}}", asked.grammar).replace("plan | refusal", "plan")


def small_backend(folder: Path) -> tuple[LocalBackend, bool]:
    """A planner, and whether it was trained: a folder of one, or a language model with eyes of random weights."""
    from embodied.models.building import Facts, build
    from embodied.planning.declaration import declaration
    from envs.skills.signatures import TABLETOP

    if json.loads((folder / "config.json").read_text())["model_type"] == "palm_e":
        return embodied.load_agent(folder).backend, True
    torch.manual_seed(0)
    vision = {"name": "vit_tiny_patch16_224", "image_size": 32,
              "options": {"depth": 2, "embed_dim": 96, "num_heads": 3}}
    model, processor = build(str(folder), vision, projector_width=128,
                             facts=Facts(plan_language=declaration(TABLETOP)))
    return LocalBackend(model, processor), False


def small(folder: Path, gguf: Path | None, count: int, found: Sequence[tuple[list[Asked], list[tuple]]]) -> None:
    """The rows of the larger planner. count: prompts. found: episodes of the shipped planner."""
    backend, is_trained = small_backend(folder)
    if is_trained:
        found = list(played(LanguageAgent(backend, unclear=None), count))  # a poor one would be refused and not go on
    asked, episodes = parted(found, count)
    if not is_trained:
        asked = [replace(a, grammar=exactly(a)) for a in asked]
    decoding("small", backend, asked)
    few = asked[:max(4, len(asked) // 10)]
    int8("small", backend, few)
    words("small", backend, few)
    if is_trained:
        plans("small", LanguageAgent(backend), episodes)
    else:
        say(what="plan re-plan, with perception", size="small", value="not run", why="the eyes are of random weights")
    llama_cpp(gguf, backend, few)


def llama_cpp(gguf: Path | None, backend: LocalBackend, asked: Sequence[Asked]) -> None:
    """The same count of tokens after a text as long, by llama.cpp, weights as its file has them."""
    what = {"what": "decode, llama.cpp", "size": "small", "unit": "ms"}
    try:
        from xllamacpp import CommonParams, Server
    except ImportError:
        return say(**what, value="not run", why="xllamacpp is not installed")
    if gguf is None:
        return say(**what, value="not run", why="no --gguf")
    settings = CommonParams()
    settings.model.path, settings.n_ctx, settings.n_parallel, settings.verbosity = str(gguf), 1024, 1, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server, ours, theirs = Server(settings), Spent(clock=time.process_time), Spent(clock=time.process_time)
    for one in asked:
        backend.forget()
        answer = ours.of(lambda one=one: backend.complete(one.prompt, one.grammar, max_new_tokens=MOST_TOKENS, seed=0))
        request = {"prompt": [5] * answer.prompt_tokens, "n_predict": len(answer.token_ids), "temperature": 0.0,
                   "ignore_eos": True, "cache_prompt": False}
        theirs.of(lambda request=request: server.handle_completions(request))
    say(**what, **ours.line(), peer=f"llama.cpp, {gguf.suffixes[0].lstrip('.')}", peer_value=round(median(
        theirs.core), 2), ratio=round(median(theirs.core) / median(ours.core), 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--small", type=Path)
    parser.add_argument("--small-prompts", type=int, default=300)
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--quick", action="store_true", help="20 prompts of each")
    options = parser.parse_args()
    counts = (20, 20) if options.quick else (options.prompts, options.small_prompts)
    torch.set_num_threads(1)
    agent = embodied.load_agent()
    found = list(played(agent, max(counts)))
    asked, episodes = parted(found, counts[0])
    decoding("tiny", agent.backend, asked)
    plans("tiny", agent, episodes)
    int8("tiny", agent.backend, asked[:len(asked) // 3])
    words("tiny", agent.backend, asked[:len(asked) // 10])
    if options.small is None:
        say(what="decode", size="small", value="not run", why="no --small")
    else:
        small(options.small, options.gguf, counts[1], found)


if __name__ == "__main__":
    main()
