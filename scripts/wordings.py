"""What the shipped weights make of the phrasings in tests/embodied/planning/wordings.json, judged by the true state.

    python -m scripts.wordings [--write docs/wordings.md] [--results FILE.jsonl] [--rounds 1] [--only 3 4]

Goes on where an earlier run with the same results file stopped. Exits with 1 where anything moved that the words do not
ask for, or something was said that is not so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import gymnasium

from embodied.data.progress import progress
from tests.embodied.planning.wordings import as_json, corpus, play

KINDS = ("understood", "half", "refused", "wrong")
HEAD = """# Phrasings

{count} ways to word, or to misword, an instruction for the tabletop, {rounds} scene{s} each, as the shipped weights
take them.
Written by

    python -m scripts.wordings --rounds {rounds} --write docs/wordings.md

from `tests/embodied/planning/wordings.json`, where each has the motions that its words permit. What moved is read from
the true state of the world. *Understood*: all that was asked for, and no more. *Half*: a part of it, and no more, which
was not called done. *Refused*: nothing moved. *Wrong*: something moved that the words do not ask for, or something was
said that is not so.

"""


def main() -> int:
    """1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*")
    options = parser.parse_args()
    phrases = [p for p in corpus() if not options.only or p["number"] in options.only]
    results = _results(phrases, options.rounds, options.results)
    text = document(phrases, results, options.rounds)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    print(totals(phrases, results) if options.write else text)
    return int(any(r["kind"] == "wrong" for r in results))


def _results(phrases: list[dict[str, Any]], rounds: int, file: Path | None) -> list[dict[str, Any]]:
    """A result for each phrase and round, those that the file holds already not made again."""
    from embodied.agents.shipped import load_agent

    known = [json.loads(line) for line in file.read_text().splitlines()] if file and file.exists() else []
    found = {(r["number"], r["round"], r["say"]): r for r in known}
    todo = [(p, n) for n in range(rounds) for p in phrases if (p["number"], n, p["say"]) not in found]
    agent, env = load_agent(), gymnasium.make("envs:embodied/PutInBowl-v0")
    with progress("wordings", len(todo)) as played:
        for phrase, number in todo:
            result = {**as_json(play(env, agent, phrase, number)), "round": number, "say": phrase["say"]}
            found[phrase["number"], number, phrase["say"]] = result
            if file:
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(result) + "\n")
            played()
    env.close()
    return [found[p["number"], n, p["say"]] for p in phrases for n in range(rounds)]


def totals(phrases: list[dict[str, Any]], results: list[dict[str, Any]]) -> str:
    """The table by families."""
    family = {p["number"]: p["family"] for p in phrases}
    lines = ["| family | " + " | ".join(KINDS) + " |", "|---|" + "--:|" * len(KINDS)]
    for name in [*dict.fromkeys(family.values()), None]:
        counts = Counter(r["kind"] for r in results if name in (None, family[r["number"]]))
        lines.append(f"| {name or '**all**'} | " + " | ".join(str(counts[k]) for k in KINDS) + " |")
    return "\n".join(lines)


def document(phrases: list[dict[str, Any]], results: list[dict[str, Any]], rounds: int) -> str:
    """The page of results."""
    family = {p["number"]: p["family"] for p in phrases}
    rows = ["| # | family | said | became | moved | end |", "|--:|---|---|---|---|---|"]
    rows += [f"| {r['number']} | {family[r['number']]} | {_cell(r['say'])} | {r['kind']}{_why(r)} | "
             f"{', '.join(r['moved'])} | {_cell(r['end'])} |" for r in results]
    head = HEAD.format(count=len(phrases), rounds=rounds, s="s" * (rounds > 1))
    return f"{head}{totals(phrases, results)}\n\n## Each of them\n\n" + "\n".join(rows) + "\n"


def _why(result: dict[str, Any]) -> str:
    return f" ({result['fault']})" if result["fault"] else ""


def _cell(text: str) -> str:
    """Text as it may stand in a cell."""
    plain = " ".join("".join(c if c.isprintable() and c not in "|`" else " " for c in text).split())
    return f"`{plain}`"


if __name__ == "__main__":
    sys.exit(main())
