"""What a dataset says of itself: `card.json` for programs, and README.md for people, in the form of a dataset card of
the Hugging Face hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embodied.data.episodes import View
from embodied.data.files import write_json, write_whole
from embodied.data.queries import gist
from embodied.data.shards import shard_files
from embodied.data.teaching import card, why_unsayable
from envs.skills.signatures import PlanLanguage

_HEAD = "---\ntask_categories:\n- robotics\n- visual-question-answering"


@dataclass
class Tally:
    """Counts of episodes. reasons: queries, by why no plan can say their answer, "" for those that one can. answers:
    (family, what the answer comes to) of every query."""

    episodes: int = 0
    views: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, views: Iterable[View], language: PlanLanguage) -> Tally:
        """The counts of one episode."""
        views = list(views)
        queries = [query for view in views for query in view.queries]
        return cls(1, len(views), Counter(why_unsayable(query, language) or "" for query in queries),
                   Counter((query.family, gist(query.answer)) for query in queries))

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.episodes + other.episodes, self.views + other.views, self.reasons + other.reasons,
                     self.answers + other.answers)


def write_card(folder: Path, tally: Tally, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The card that is now beside a dataset's facts, of the counts of all its episodes."""
    told = card(tally.reasons.total(), {reason: count for reason, count in tally.reasons.items() if reason})
    told = {**told, "episodes": tally.episodes, "views": tally.views, "families": families_of(tally.answers)}
    write_json(folder / "card.json", told)
    page = folder / "README.md"
    if not page.exists() or page.read_text("utf-8").startswith(_HEAD):  # never over what somebody wrote
        write_whole(page, _page(folder, told, facts).encode())
    return told


def families_of(answers: Mapping[tuple[str, str], int]) -> dict[str, dict[str, Any]]:
    """Family -> how many queries it has, its answers with their counts, and the share of whoever always gives the most
    frequent one: what a guess is worth."""
    found: dict[str, Counter[str]] = {}
    for (family, answer), count in answers.items():
        found.setdefault(family, Counter())[answer] += count
    return {family: {"queries": of.total(), "constant": round(of.most_common(1)[0][1] / of.total(), 4),
                     "answers": dict(of.most_common())} for family, of in sorted(found.items())}


def _page(folder: Path, told: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    env = facts["env"]
    head = _HEAD.split("\n")
    if shard_files(folder):
        head += ["configs:", "- config_name: default", "  data_files: episodes/*.parquet"]
    rows = [f"| {family} | {of['queries']:,} | {of['constant']:.1%} | {_few(of['answers'])} |"
            for family, of in told["families"].items()]
    return "\n".join([
        *head, "---", "", f"# {folder.name}", "",
        f"{told['episodes']:,} episodes of `{env['id']}`, {told['views']:,} views, {told['queries']:,} queries, made "
        f"by embodied {facts.get('package', '')} from the seeds that their files name. Options: "
        f"`{dict(env['kwargs'])}`. Which queries a plan can answer: `card.json`.", "",
        "| family | queries | a constant answer has | answers |", "|---|--:|--:|---|", *rows, ""])


def _few(answers: Mapping[str, int], most: int = 6) -> str:
    shown = [f"{answer or 'none'} {count:,}" for answer, count in list(answers.items())[:most]]
    return ", ".join(shown) + (", .." if len(answers) > most else "")
