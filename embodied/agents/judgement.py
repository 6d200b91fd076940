"""How likely a planner holds "yes" to be, of a question that is answered by yes or no: read from its logits (PaLM-E,
section 6.4, asks in words alone); and what it so thinks of its own last call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from embodied.planning.looks import colors_of
from embodied.planning.perception import nearest_slot
from embodied.prompt import PromptTooLongError
from envs.goals.reporting import Report
from envs.interface import Observation, Referent, Transition

if TYPE_CHECKING:
    from embodied.agents.language_agent import LanguageAgent

YES, NO = "A: Yes", "A: No"
"""How answers begin."""
SUCCESSFUL = "Q: Was {} successful?"
"""PaLM-E's question for a failure, of a skill in words."""
LIKELY = 0.5


def chance_of_yes(agent: LanguageAgent, question: str, observation: Observation, history: Sequence[Transition] = ()
                  ) -> float | None:
    """The share of "yes" among yes and no, in [0, 1]; None where the planner cannot be asked: it answers nothing in
    words, its backend tells no probabilities, or the words are none that it takes."""
    skill, ask = agent.language.answers.text_skill, getattr(agent.backend, "log_probabilities", None)
    prompt = None if skill is None or ask is None else agent.prompt_of(question, observation, history)
    if prompt is None:
        return None
    try:
        yes, no = ask(prompt, [f' {skill}("{begin}' for begin in (YES, NO)])
    except PromptTooLongError:
        return None
    return 1.0 / (1.0 + math.exp(min(no - yes, 700.0)))


def chance_of_success(agent: LanguageAgent, history: Sequence[Transition]) -> float | None:
    """How likely the planner holds the last call to have done what it was for, by what is seen after it; None where it
    cannot be asked, or nothing was called that has words."""
    worded = in_words(agent, history[-1]) if history else None
    return worded and chance_of_yes(agent, SUCCESSFUL.format(worded), history[-1].after, history)


def look_back(agent: LanguageAgent, history: Sequence[Transition]) -> Report | None:
    """What the planner says at the end of an episode of its last call; None where it cannot tell."""
    chance = chance_of_success(agent, history)
    if chance is None:
        return None
    is_likely, worded = chance >= LIKELY, in_words(agent, history[-1])
    return Report(is_likely, f"As I see it, '{worded}' {'worked' if is_likely else 'did not work'}.")


def in_words(agent: LanguageAgent, made: Transition) -> str | None:
    """A call as an instruction, things by the colors that were seen before it: "pick up the red object"; None where its
    skill has no words, or a thing was not in sight."""
    wording, said = agent.language.skills[made.call.skill].wording, []
    for argument in made.call.arguments:
        slot = None
        if isinstance(argument, Referent) and argument.box is not None and agent.scene.finds_objects:
            slot = nearest_slot(agent.backend.perceive(made.before), argument.box)
        if isinstance(argument, Referent) and slot is None:
            return None
        said.append(f"the {colors_of([slot.crop])[0]} object" if slot is not None else str(argument))
    return wording.format(*said) or None
