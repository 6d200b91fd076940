"""What can be said of a view in words: captions, and questions about what is where. Pictures learn words from them.

PaLM-E's mixture has web captions and visual questions in this place; ours are of the worlds' own scenes. Names are the
true ones, all else is measured, as an answer is worded: what is on or near what, by the boxes of the slots in sight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from embodied.data.detections import Detections, ViewDetections
from embodied.data.episodes import Episode
from embodied.data.examples import Example, Examples, Item
from embodied.data.queries import Query, TextAnswer
from embodied.planning.perception import Perception, supports
from embodied.planning.scene import ANSWER, write_prompt
from embodied.prompt import Image

FAMILIES = ("caption", "what", "which", "on", "nearest", "there")
"""One of each is asked about a view, where there is enough in sight."""

ABSENT = "absent"
"""Family of the questions about a thing that is not there, as often as about one that is."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a view shows when it is worded: slots by their names, each once. mentions: what an answer calls them."""

    detected: ViewDetections
    mentions: dict[str, str]

    def place(self, name: str) -> int:
        return self.detected.names.index(name)

    def base(self, name: str) -> str:
        """The named thing that a thing rests on, whatever without a name stands between, or the table; in words."""
        bases = supports(self.detected.slots)
        place = bases[self.place(name)]
        while place is not None and self.detected.names[place] is None:
            place = bases[place]
        return "the table" if place is None else self.called(self.detected.names[place])

    def nearest(self, name: str) -> str:
        """The named thing whose centre is nearest to a thing's own."""
        centres = {other: np.array(self.detected.slots[self.place(other)].box.center) for other in self.mentions}
        others = [other for other in self.mentions if other != name]
        return self.called(min(others, key=lambda other: float(np.linalg.norm(centres[other] - centres[name]))))

    def called(self, name: str) -> str:
        return f"{self.mentions[name]}, {_article(name)}" if name in self.mentions else _article(name)


class Descriptions(Examples):
    """The same views as of `Examples`, and what is said of them instead of what is asked to be done there."""

    def _add(self, file: int, episode: Episode, detections: Detections) -> None:
        for place, view in enumerate(episode.views):
            detected = detections[episode.seed, place]
            if view.held is None:
                rng = np.random.default_rng([episode.seed, place])
                self.items += [Item(file, episode.seed, place, query, detected, None, None)
                               for query in _questions(_named(detected), self._absent(view.names), rng)]

    def _absent(self, there: Sequence[str]) -> list[str]:
        """Names of things of this world that are truly not in a view, be they found in it or not."""
        return [name for name in self._things if name not in there]

    @cached_property
    def _things(self) -> list[str]:
        """Names of what the world of the dataset holds, as far as its first episodes show them."""
        episodes = islice(self.dataset.episodes(), 50)
        return sorted({name for episode in episodes for view in episode.views for name in view.names})

    def _word(self, item: Item, image: Image | None, numbers: tuple[int, ...] = ()) -> Example:
        detected, perception = item.detected, Perception(item.detected.slots, image=image, numbers=numbers)
        places = {name: detected.names.index(name) for name in _named(detected)}
        mentions = {name: self.scene.mention(perception.number(place) - 1, detected.slots[place], self.viewpoint)
                    for name, place in places.items()}
        asked, said = _worded(item.query, Described(detected, mentions))
        prompt = write_prompt(asked, perception, scene=self.scene, cue=ANSWER)
        return Example(prompt, f" {said}", item.query.family, self.scene.picture_names(detected.names, None))


def _named(detected: ViewDetections) -> list[str]:
    """Names of things in sight, of those that were found in one piece."""
    names = [name for name in detected.names if name is not None]
    return [name for name in names if names.count(name) == 1]


def _questions(names: Sequence[str], absent: Sequence[str], rng: np.random.Generator) -> list[Query]:
    """One question of each family about a view in which `names` are seen and `absent` are not, of things drawn from
    these."""
    queries = [Query("caption", TextAnswer(" ".join(names)), "caption", tuple(names))] if names else []
    for family in FAMILIES[1:] if len(names) > 1 else ():
        family = ABSENT if family == "there" and absent and rng.random() < 0.5 else family
        name = str(rng.choice(absent if family == ABSENT else names))
        queries.append(Query(family, TextAnswer(name), family, () if family == ABSENT else (name,)))
    return queries


def _worded(query: Query, seen: Described) -> tuple[str, str]:
    """(question, answer) of a query about what is seen now."""
    name = query.answer.text if isinstance(query.answer, TextAnswer) else ""
    match query.family:
        case "caption":
            return "What is in sight?", ", ".join(f"{said} is {_article(n)}" for n, said in seen.mentions.items())
        case "what":
            return f"What is {seen.mentions[name]}?", _article(name)
        case "which":
            return f"Where is the {name}?", seen.mentions[name]
        case "on":
            return f"What is the {name} on?", seen.base(name)
        case "nearest":
            return f"What is nearest to the {name}?", seen.nearest(name) if len(seen.mentions) > 1 else "nothing"
    return f"Is there {_article(name)}?", "no" if query.family == ABSENT else "yes"


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
