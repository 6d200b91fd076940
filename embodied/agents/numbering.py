"""For planners that learned instructions about obj_1, obj_2 .. alone: what words name by color gets its number, by what
the planner itself says of the color of each thing (q1 of PaLM-E's table), and its answers get the colors back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from embodied.planning.language import Plan, words_said
from embodied.planning.named import COLOR_QUESTION, by_color, by_number, colors_in
from envs.skills.signatures import PlanLanguage


@dataclass(frozen=True, slots=True)
class Numbered:
    """An instruction by number. refusal: why it could not be made one, a clause; None where it is. called: color ->
    number of what was named by it. asked: what the planner said to each question on the way."""

    text: str
    refusal: str | None = None
    called: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[Plan, ...] = ()

    def told(self, plan: Plan, language: PlanLanguage) -> Plan:
        """The planner's plan for it, as whoever named things by color hears it, with all that was asked."""
        if self.called and (said := words_said(plan, language)) and plan.calls:
            colors = {number: color for color, number in self.called.items()}
            plan = replace(plan, calls=(replace(plan.calls[0], arguments=(by_color(said, colors),)),))
        return plan.instead_of(self.asked)


def numbered(text: str, numbers: Iterable[str], ask: Callable[[str], Plan], language: PlanLanguage) -> Numbered:
    """The instruction with numbers for what it names by color; as it is where it names nothing so. numbers: obj_1 and
    on, of what is in sight and in the hand. ask: what the planner says to a question."""
    wanted = colors_in(text)
    if not wanted:
        return Numbered(text)
    answers, called = [], dict[str, list[str]]()
    for number in numbers:
        answers.append(ask(COLOR_QUESTION.format(number)))
        if answers[-1].refusal is not None:
            return Numbered(text, answers[-1].refusal, asked=tuple(answers))
        color = " ".join(colors_in(words_said(answers[-1], language) or ""))
        called.setdefault(color, []).append(number)
    if unclear := next((color for color in wanted if len(called.get(color, ())) != 1), None):
        return Numbered(text, f"I cannot tell which thing is {unclear}", asked=tuple(answers))
    chosen = {color: called[color][0] for color in wanted}
    put = by_number(text, chosen)
    if left := next(iter(colors_in(put)), None):
        return Numbered(text, f"I know things by number, and '{left}' names none here", asked=tuple(answers))
    return Numbered(put, called=chosen, asked=tuple(answers))
