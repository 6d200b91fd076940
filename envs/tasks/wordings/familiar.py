"""What the five families of tasks say, word for word as they say it, so that a mind knows their own phrasings, too."""

from __future__ import annotations

from collections.abc import Callable

from envs.goals.language import Description, Do, Fact, Goal, Things
from envs.tasks import phrasings
from envs.tasks.wordings.clauses import MATCHING
from envs.tasks.wordings.describing import COLORS
from envs.tasks.wordings.shaping import Shaping


class Familiar(Shaping):
    """Draws phrasings of the families with what they ask for."""

    def familiar(self) -> tuple[str, Goal]:
        """A sentence about one or two things: into a bowl, onto a block."""
        relation = self.draws.pick(("in", "on"))
        place = "bowl" if relation == "in" else "block"
        return self._said(relation, {"block": "block", "bowl" if relation == "in" else "base": place},
                          lambda things: Do(((Fact(relation, things[0], things[1]),),)))

    def familiar_tower(self) -> tuple[str, Goal]:
        """A tower of three."""
        return self._said("tower", dict.fromkeys(("low", "middle", "high"), "block"), lambda things: Do((
            (Fact("on", things[1], things[0]),), (Fact("on", things[2], things[1]),))))

    def familiar_sort(self) -> tuple[str, Goal]:
        """All blocks into the bowls of their colours."""
        sorted_all = Fact("in", Things("all", Description("block")), MATCHING)
        return self._said("sort", {}, lambda _: Do(((sorted_all,),)))

    def _said(self, form: str, roles: dict[str, str], goal: Callable[[list[Things]], Goal]) -> tuple[str, Goal]:
        colors = self.draws.shuffled(COLORS)
        names = {role: f"{color} {kind}" for (role, kind), color in zip(roles.items(), colors, strict=False)}
        things = [Things("the", Description(kind, color))
                  for kind, color in zip(roles.values(), colors, strict=False)]
        return phrasings.say(form, names, self.draws.generator), goal(things)
