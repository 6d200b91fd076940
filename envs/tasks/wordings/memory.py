"""What was spoken of last, and which words for it need no name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.goals.language import Fact, Things
from envs.tasks.wordings.clauses import Clauses
from envs.tasks.wordings.nouns import Noun

if TYPE_CHECKING:
    pass


class Memory:
    """What was spoken of last, and which words for it need no name."""

    def __init__(self, clauses: Clauses) -> None:
        self.clauses, self.voice = clauses, clauses.voice
        self.last: Fact | None = None
        self.said: set[Things] = set()

    def words(self, fact: Fact, *, pronouns: float = 0.7) -> tuple[Noun | None, Noun | None]:
        """Words for what is moved and for the place where something stands for a name; None else."""
        x = p = None
        last = self.last
        if last is not None:
            if fact.things == last.things:
                x = self._it(fact.things, pronouns)
            elif fact.things in self.said and fact.things.quantifier not in ("the", "all", "both"):
                x = self._that(fact.things)
            if isinstance(fact.place, Things):
                p = self._place(fact, last, pronouns)
        self.last = fact
        self.said |= {part for part in (fact.things, fact.place) if isinstance(part, Things)}
        return x, p

    def _it(self, things: Things, pronouns: float) -> Noun | None:
        many = things.quantifier in ("all", "both") or things.quantifier.isdigit()
        if self.voice.chance(pronouns) or things.quantifier not in ("the", "all", "both"):
            self.voice.constructs.add("pronoun")
            return Noun("them" if many else self.voice.pick(("it", "it", "it", "it", "that one")), many)
        return None

    def _that(self, things: Things) -> Noun:
        kind = things.description.kind
        return Noun(
            f"the same {kind}s"
            if things.quantifier.isdigit()
            else f"{self.voice.pick(('that same', 'the same', 'that'))} {kind}",
            things.quantifier.isdigit(),
        )

    def _place(self, fact: Fact, last: Fact, pronouns: float) -> Noun | None:
        place = fact.place
        if (
            place == last.things
            and last.things.quantifier in ("the", "a")
            and not isinstance(last.place, Things) | (fact.relation not in ("on", "beside"))
        ):
            return self._it(place, pronouns)
        if (
            place == last.things
            and last.things.quantifier in ("the", "a")
            and last.relation in ("in",)
            and fact.relation == "on"
        ):
            return self._it(place, 0.5)
        if place == last.things and last.things.quantifier in ("the", "a") and self.voice.chance(pronouns * 0.6):
            return Noun(self.voice.pick(("that", "that one", "that")), False)
        if place == last.things and last.things.quantifier not in ("the", "all", "both"):
            return self._that(place)
        if (
            place == last.place
            and place.quantifier in ("the", "a")
            and fact.things != last.things
            and (place.quantifier == "a" or self.voice.chance(pronouns * 0.7))
        ):
            kind = place.description.kind
            self.voice.constructs.add("pronoun")
            if fact.relation == "in" and kind == "bowl" and self.voice.chance(0.5):
                return Noun("it", False)
            return Noun(self.voice.pick((f"the same {kind}", f"that {kind}", f"that same {kind}")), False)
        return (
            self._that(place) if place in self.said and place.quantifier not in ("the", "all", "both", "each") else None
        )
