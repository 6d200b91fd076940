"""Answers to the question which one is meant."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import Description, Do, Nothing, Things, Where
from envs.tasks.wordings import turns
from envs.tasks.wordings.conversing import Conversing, Turn


class Answering(Conversing):
    """Makes answers."""

    def answer(self) -> Turn:
        """The answer to a question of the robot: which one?"""
        fact = self.plain(
            relation=self.draws.weighted({"in": 0.55, "on": 0.2, "beside": 0.1, "at": 0.07, "held": 0.08})
        )
        is_place = isinstance(fact.place, Things) and self.voice.chance(0.4)
        vague = fact.place if is_place else fact.things
        if self.voice.chance(0.45 if not is_place else 0.85):
            vague = replace(vague, description=Description(vague.description.kind))
        fact = replace(fact, place=vague) if is_place else replace(fact, things=vague)
        options = self._options(vague.description)
        asks = self.robot(
            turns.ASKS if self.voice.chance(0.85) else turns.ASKS_OPENLY, self._asking(vague.description, options)
        )
        text, meant = self._answered(
            vague, options, is_open="," not in asks["robot"] and " or " not in asks["robot"], is_place=is_place
        )
        if meant is None:
            return Turn((self.asked(fact), asks), text, Nothing())
        whole = replace(fact, place=meant) if is_place else replace(fact, things=meant)
        return Turn((self.asked(fact), asks), text, Do(((whole,),)))

    def _options(self, vague: Description) -> list[tuple[str, Description]]:
        """Words of the robot for two or three things, and descriptions of them."""
        ways = [self._by_place(vague), self._by_row(vague), self._by_depth(vague)]
        if not vague.color:
            ways = [self._by_color(vague), self._by_color(vague), *ways]
        if vague.kind == "block":
            ways.append(
                [
                    ("the bigger one", replace(vague, superlative="biggest")),
                    ("the smaller one", replace(vague, superlative="smallest")),
                ]
            )
            if not vague.size:
                words = self.voice.pick((("big", "small"), ("large", "small"), ("big", "little")))
                ways.append([(f"the {word} one", replace(vague, size=size)) 
                              for word, size in zip(words, _SIZES, strict=True)])
        mixed = [self.draws.pick(self._by_place(vague)), self.draws.pick(self._by_row(vague))]
        found = self.draws.pick([*ways, mixed])
        return self.draws.shuffled(found)

    def _by_color(self, vague: Description) -> list[tuple[str, Description]]:
        colors = self.draws.shuffled(("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white"))[
            : 2 if self.voice.chance(0.7) else 3
        ]
        noun = self.voice.pick(("one", vague.kind))
        return [(f"the {color} {noun}", replace(vague, color=color)) for color in colors]

    def _by_row(self, vague: Description) -> list[tuple[str, Description]]:
        words = self.voice.pick(
            (
                ("the left one", "the right one"),
                ("the one on the left", "the one on the right"),
                ("the left one", "the right one"),
                ("the leftmost one", "the rightmost one"),
            )
        )
        return [(words[0], replace(vague, superlative="leftmost")), (words[1], replace(vague, superlative="rightmost"))]

    def _by_depth(self, vague: Description) -> list[tuple[str, Description]]:
        words = self.voice.pick(
            (
                ("the one near to me", "the one far from me"),
                ("the nearer one", "the farther one"),
                ("the one in front", "the one at the back"),
                ("the one close to me", "the one far from me"),
            )
        )
        return [(words[0], replace(vague, superlative="nearest")), (words[1], replace(vague, superlative="farthest"))]

    def _by_place(self, vague: Description) -> list[tuple[str, Description]]:
        found = []
        relations = self.draws.shuffled(
            ("in", "on", "under", "in", "beside", "on table")
            if vague.kind == "block"
            else ("holding", "beside", "empty")
        )[:2]
        for relation in relations:
            if relation in ("on table", "empty"):
                found.append(
                    (
                        f"the {'empty one' if relation == 'empty' else 'one on the table'}",
                        replace(vague, where=(Where(relation),)),
                    )
                )
                continue
            color, kind = self.people.color(), {"in": "bowl"}.get(relation, "block")
            thing = Things("", Description(kind, color))
            words = {
                "in": f"in the {color} bowl",
                "on": f"on the {color} block",
                "under": f"with the {color} block on it",
                "holding": f"with the {color} block in it",
                "beside": f"next to the {color} block",
            }
            found.append((f"the one {words[relation]}", replace(vague, where=(Where(relation, thing),))))
        if found[0][1] == found[1][1]:
            return self._by_place(vague)
        return found

    def _asking(self, vague: Description, options: list[tuple[str, Description]]) -> dict:
        words = [text for text, _ in options]
        noun = f"{vague.color} {vague.kind}".strip()
        return {
            "n": noun,
            "ns": noun + "s",
            "count": {2: "two", 3: "three"}[len(words)],
            "options": f"{', '.join(words[:-1])} or {words[-1]}",
        }

    def _answered(
        self, vague: Things, options: list[tuple[str, Description]], *, is_open: bool, is_place: bool
    ) -> tuple[str, Things | None]:
        """What the person says, and what he means; None for nothing."""
        chance = self.draws.random()
        if chance < 0.07:
            return self.voice.form(turns.QUIT[:33]), None
        if chance < 0.16:
            return self.voice.form(turns.EITHER), replace(vague, quantifier="a")
        if chance < 0.21 and not is_place and len(options) == 2 and options[0][1].color == options[1][1].color:
            return self.voice.form(turns.BOTH), replace(vague, quantifier="both")
        at = int(self.draws.random() * len(options))
        told = options[at][1]
        if chance < 0.45 and not is_open:
            row = turns.FIRST if at == 0 else turns.SECOND if at == 1 else turns.LAST
            return self._about(self.voice.form(row)), Things("the", told)
        if chance < 0.48 and len(options) == 2:
            other = self._short(options[1 - at][1], vague.description)
            slots = {"o": other, "x": self._short(told, vague.description)}
            return self.voice.form(CHANGED, slots), Things("the", told)
        if chance < 0.52 and len(options) == 2 and (told.where or told.superlative):
            x = options[at][0].removesuffix(" one") if told.superlative and self.voice.chance(0.2) else options[at][0]
            return self.voice.form(turns.NOT_THAT, {"x": x}), Things("the", replace(vague.description, but=told))
        if chance < 0.58:
            told = (
                replace(vague.description, color=vague.description.color or self.people.color())
                if not vague.description.color
                else self.people.description(
                    vague.description.kind,
                    way=self.draws.pick(
                        ("where", "superlative", "size" if vague.description.kind == "block" else "where")
                    ),
                )
            )
            told = replace(told, color=vague.description.color or told.color)
        return self._about(self._short(told, vague.description)), Things("the", told)

    def _about(self, words: str) -> str:
        return words if self.voice.chance(0.35) else self.voice.form(turns.ANSWERS, {"x": words})

    def _short(self, told: Description, vague: Description) -> str:
        """One of several things that have been spoken of: "the left one", "the one in the bowl", "green"."""
        if told == Description(told.kind, told.color) and not vague.color:
            return self.voice.fill(
                "(the <c> one*5|<c>*2|the <c> <k>*2|the <c>|<c> <k>*2|<c> one)",
                {"c": self.nouns.color(told.color), "k": lambda: self.voice.word("nouns", told.kind)},
            )
        if told.size and not (told.where or told.superlative) and self.voice.chance(0.45):
            word = self.voice.word("sizes", told.size)
            return self.voice.fill(f"({word}*2|the {word}|{word} one|the {word} one|the {word} {told.kind})")
        if told.superlative and self.voice.chance(0.3) and told.superlative in SIDES:
            return self.voice.pick(SIDES[told.superlative])
        core = self.nouns.core(
            replace(told, color="" if self.voice.chance(0.85) and vague.color else told.color), many=False, one=0.0
        )
        noun = core.noun if self.voice.chance(0.2) else "one"
        text = " ".join(filter(None, ("the", core.front, noun, core.behind)))
        return (
            " ".join(filter(None, (core.behind,)))
            if noun == "one" and not core.front and core.behind.startswith(("in ", "on ")) and self.voice.chance(0.2)
            else text
        )


SIDES = {
    "leftmost": ("left", "the left", "on the left", "left one", "the left one"),
    "rightmost": ("right", "the right", "on the right", "right one", "the right one"),
    "nearest": ("the closer one", "the near one", "the closest", "closest", "nearest"),
    "farthest": ("the far one", "the farther one", "the back one", "farthest"),
    "biggest": ("the biggest one", "the biggest", "biggest"),
    "smallest": ("the smallest one", "the smallest", "smallest"),
}
_SIZES = ("big", "small")
CHANGED = (
    "<o>, no, <x>", "<o>. hm, no, <x>", "<o>, or rather <x>", "<o> - no wait, <x>", "<o>... sorry, <x>",
    "first i thought <o>, but take <x>", "<o>? no, <x>", "<o>, i mean <x>", "well, <o>, no, better <x>",
    "not <o> but <x>", "<x>, not <o>"
)
