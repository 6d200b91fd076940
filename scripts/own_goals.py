"""How wordings fare where nothing can be misunderstood: each is played with its own goal in place of a reading, so that
what goes wrong is seeing, planning or acting.

    python -m scripts.own_goals [--wordings development]

One JSON line: `right` and `wrong_motion` as of `suite=language`, and the ids of those that were not right. What is
perceived is the mind's own, the goal is the list's: no figure of a mind. Not for the sets that judge.
"""

from __future__ import annotations

import argparse
import json
import sys

import gymnasium

from embodied.agents.eyes import load_eyes
from embodied.agents.mind_agent import MindAgent
from embodied.agents.mind_card import EYES
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.understanding.items import load_items, path_to_show
from embodied.evaluation.understanding.players import ENV_ID
from embodied.evaluation.understanding.playing import TableWatch, play, seed_of, summary
from scripts.self_report import Told


def main() -> None:
    """Read the command line, play, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wordings", default="development", help="a development set, or FILE.jsonl")
    try:
        items = load_items(path_to_show(parser.parse_args().wordings))
    except ValueError as error:
        parser.error(str(error))
    one_thread()
    perceive, env, records = load_eyes(EYES), TableWatch(gymnasium.make(ENV_ID)), []
    with progress("wordings", len(items), sys.stderr) as advance:
        for place, item in enumerate(items):
            if item.goal is not None:
                records.append(play(env, MindAgent(Told(item.goal), perceive), item, seed_of(place)))
            advance()
    env.close()
    figures = summary(records)
    print(json.dumps({"right": figures["right"], "wrong_motion": figures["wrong_motion"],
                      "not_right": [record["id"] for record in records if not record["right"]]}))


if __name__ == "__main__":
    main()
