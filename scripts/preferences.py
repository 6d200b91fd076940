"""Which of two plans of one moment is preferred: pairs are made, people are asked, and what was said is measured.

    python -m scripts.preferences collect FOLDER [--scenes 100] [--films] [--weights tabletop-few] [--temperature 4]
    python -m scripts.preferences ask FOLDER --rater NAME     # a page on this machine, at an address that it prints
    python -m scripts.preferences forks FOLDER                # the same pairs by what truly followed: forks.jsonl
    python -m scripts.preferences judge FOLDER --endpoint http://127.0.0.1:8000/v1 --model NAME    # a model chooses
    python -m scripts.preferences agree FOLDER                # how far raters agree, the forks among them

Plans are drawn at scenes of the training split, and carried out in exact forks of each: simulation only. FOLDER is as
`embodied.data.preferences` describes it; what people say is in FOLDER/preferences.jsonl, each choice a line at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from embodied.agents.imagining_agent import ImaginingAgent
from embodied.agents.shipped import load_agent
from embodied.data.files import whole_folder, write_json
from embodied.data.preferences import (
    CARD,
    FILMS,
    OUTCOMES,
    PAIRS,
    PROMPTS,
    Preference,
    PreferenceError,
    agreements,
    append_preference,
    from_forks,
    last_said,
    now,
    read_pairs,
    read_preferences,
    write_lines,
    write_preferences,
)
from embodied.data.progress import progress
from embodied.data.prompts import read_prompts, write_prompts
from embodied.data.video import VideoWriter
from embodied.evaluation.episode import one_thread
from embodied.evaluation.forked_pairs import ForkedPair, forked_pairs
from embodied.evaluation.futures import FRAME_PX
from embodied.evaluation.judge_model import PRINCIPLES, Complete, judged
from embodied.planning.language import PlanError
from envs.interface import SEED_RANGES

FILM_FPS = 16
"""Of a film, four times as fast as life."""
SAID, FORKS = "preferences.jsonl", "forks.jsonl"


def main() -> int:
    """0; what was done is printed."""
    asked = _parser().parse_args()
    act = {"collect": collect, "ask": ask, "forks": label, "agree": agree, "judge": judge}[asked.act]
    try:
        act(asked)
    except (FileNotFoundError, PreferenceError) as error:
        raise SystemExit(f"{asked.act}: {error}; a folder of pairs is made by: python -m scripts.preferences collect "
                         "FOLDER") from error
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=("collect", "ask", "forks", "judge", "agree"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rater", default="me", help="ask: who chooses")
    parser.add_argument("--port", type=int, default=0, help="ask: of the page; 0 for a free one")
    parser.add_argument("--endpoint", help="judge: OpenAI-compatible, up to and with the version")
    parser.add_argument("--model", help="judge: of the endpoint")
    parser.add_argument("--key", metavar="VARIABLE", help="judge: environment variable that holds the endpoint's key")
    parser.add_argument("--principles", type=Path, help="judge: a file of what counts; the one that comes along")
    parser.add_argument("--weights", default="tabletop-few", help="collect: a planner's")
    parser.add_argument("--task", default="Tabletop", help="collect: environment, without embodied/ and version")
    parser.add_argument("--scenes", type=int, default=100, help="collect: how many")
    parser.add_argument("--first-seed", type=int, default=0, help="collect: of the scenes, in the training split")
    parser.add_argument("--depth", type=int, default=0, help="collect: calls before the moment")
    parser.add_argument("--draws", type=int, default=8, help="collect: plans that are drawn at each moment")
    parser.add_argument("--temperature", type=float, default=4.0, help="collect: at which they are drawn")
    parser.add_argument("--pairs", type=int, default=3, help="collect: of each moment, that differ in what follows")
    parser.add_argument("--ties", type=int, default=0, help="collect: of each moment, that do not")
    parser.add_argument("--films", action="store_true", help="collect: a film of each plan")
    return parser


def collect(asked: argparse.Namespace) -> None:
    """Make the folder, whole or not at all."""
    one_thread()
    with whole_folder(asked.folder) as folder:
        found = list(_filmed(_made(asked), folder))
        write_lines(folder / PAIRS, (dataclasses.asdict(one.pair) for one in found))
        write_lines(folder / OUTCOMES, (dataclasses.asdict(one.outcome) for one in found))
        write_prompts(folder / PROMPTS, {one.pair.moment: one.prompt for one in found})
        write_json(folder / CARD, {key: value for key, value in vars(asked).items()
                                   if key not in ("act", "folder", "rater", "port")})
    print(f"wrote {asked.folder}: {len(found)} pairs, "
          f"{sum(one.outcome.choice == 'tie' for one in found)} of them equal in what followed")


def _made(asked: argparse.Namespace) -> Iterator[ForkedPair]:
    import gymnasium

    planner = load_agent(asked.weights, unclear=None)  # every plan passes, bad ones above all
    agent = ImaginingAgent(planner, None, count=asked.draws, temperature=asked.temperature)
    drawn = {"render_mode": "rgb_array", "render_size": FRAME_PX} if asked.films else {}
    env = gymnasium.make(f"envs:embodied/{asked.task}-v0", **drawn)
    seeds = SEED_RANGES["train"][asked.first_seed:asked.first_seed + asked.scenes]
    with progress("scenes", len(seeds), sys.stderr) as advance:
        for seed in seeds:
            yield from forked_pairs(env.unwrapped, agent, seed=seed, depth=asked.depth, most=asked.pairs,
                                    ties=asked.ties, has_films=asked.films)
            advance()
    env.close()


def _filmed(pairs: Iterator[ForkedPair], folder: Path) -> Iterator[ForkedPair]:
    """The pairs, whose films are written and let go."""
    for one in pairs:
        for number, frames in enumerate(one.films, 1):
            if frames:
                _write_film(folder / FILMS / f"{one.pair.id}-{number}.mp4", frames)
        yield dataclasses.replace(one, films=((), ()))


def _write_film(path: Path, frames: tuple[np.ndarray, ...]) -> None:
    path.parent.mkdir(exist_ok=True)
    with VideoWriter(path, FILM_FPS) as film:
        for frame in (*frames, *[frames[-1]] * FILM_FPS):  # the end stands for a second
            film.add(frame)


def label(asked: argparse.Namespace) -> None:
    """The pairs by what followed."""
    write_preferences(asked.folder / FORKS, from_forks(asked.folder))
    print(f"wrote {asked.folder / FORKS}")


def ask(asked: argparse.Namespace) -> None:
    """Serve the page until it is interrupted."""
    from embodied.serving.preference_page import serve

    serve(asked.folder, asked.folder / SAID, rater=asked.rater, port=asked.port)


def judge(asked: argparse.Namespace) -> None:
    """Have a model choose, in the pairs that it has not judged yet; each choice is kept at once."""
    from embodied.agents.backends.chat_api import ChatEndpoint
    from embodied.agents.backends.chat_reply import ChatError

    if not (asked.endpoint and asked.model):
        raise SystemExit("judge: expected --endpoint and --model, got only one of them, or none")
    if asked.principles is not None and not asked.principles.is_file():
        raise SystemExit(f"judge: --principles {asked.principles}: expected a file of text, got none there")
    principles = (asked.principles or PRINCIPLES).read_text("utf-8")
    endpoint = ChatEndpoint(asked.endpoint, asked.model, asked.key)
    try:
        unread = _judge_all(asked.folder, f"model {asked.model}", endpoint.complete, principles)
    except ChatError as error:
        raise SystemExit(f"judge: {error}; what was said before is kept, and the same command goes on") from error
    finally:
        endpoint.close()
    if unread:
        print(f"{unread} pairs are left out: the answers about them could not be read")


def _judge_all(folder: Path, rater: str, complete: Complete, principles: str) -> int:
    """How many answers could not be read."""
    said = read_preferences(folder / SAID) if (folder / SAID).exists() else []
    done, unread = {one.pair.id for one in said if one.rater == rater}, 0
    pairs, prompts = [pair for pair in read_pairs(folder) if pair.id not in done], read_prompts(folder / PROMPTS)
    with progress("pairs", len(pairs), sys.stderr) as advance:
        for pair in pairs:
            try:
                choice = judged(complete, pair, prompts[pair.moment], principles)
                append_preference(folder / SAID, Preference(pair, choice, rater, now()))
            except PlanError:
                unread += 1
            advance()
    return unread


def agree(asked: argparse.Namespace) -> None:
    """One JSON line for each two raters."""
    said = last_said(read_preferences(asked.folder / SAID)) if (asked.folder / SAID).exists() else []
    for one in agreements([*said, *from_forks(asked.folder)]):
        print(json.dumps(dataclasses.asdict(one)))


if __name__ == "__main__":
    sys.exit(main())
