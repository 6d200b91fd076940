"""How likely a planner holds "yes" to be, of a question that is answered by yes or no: read from its logits (PaLM-E,
section 6.4, asks in words alone); and how likely it so holds its own last call to have worked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from embodied.planning.looks import colors_of
from embodied.planning.perception import nearest_slot
from embodied.prompt import PromptTooLongError
from envs.interface import Observation, Referent, Transition

if TYPE_CHECKING:
    from embodied.agents.language_agent import LanguageAgent

YES, NO = "A: Yes", "A: No"
"""How answers begin."""
SUCCESSFUL = "Q: Was {} successful?"
"""PaLM-E's question for a failure, of a skill in words; `envs.experts.judgements` asks it in training."""
LIKELY = 0.5
SAME_M = 0.04
"""A thing is what a call meant where its centre was measured so near to the call's."""


def chance_of_yes(agent: LanguageAgent, question: str, observation: Observation, history: Sequence[Transition] = ()
                  ) -> float | None:
    """The share of "yes" among yes and no, in [0, 1]; None where the planner cannot be asked: it answers nothing in
    words, its backend tells no probabilities, or the words are none that it takes."""
    prompt = agent.prompt_of(question, observation, history) if can_be_asked(agent) else None
    if prompt is None:
        return None
    skill = agent.language.answers.text_skill
    try:
        yes, no = agent.backend.log_probabilities(prompt, [f' {skill}("{begin}' for begin in (YES, NO)])
    except PromptTooLongError:
        return None
    return 1.0 / (1.0 + math.exp(min(no - yes, 700.0)))


def chance_of_success(agent: LanguageAgent, history: Sequence[Transition]) -> float | None:
    """How likely the planner holds the last call, which its controller calls done, to have done what it was for, by
    what is seen after it; None where it cannot be asked, and of a call that moves nothing or has no words."""
    if not history or history[-1].outcome.status != "done" or not can_be_asked(agent):
        return None
    worded = in_words(agent, history[-1])
    return None if worded is None else chance_of_yes(agent, SUCCESSFUL.format(worded), history[-1].after, history)


def can_be_asked(agent: LanguageAgent) -> bool:
    """Whether the planner answers in words, and its backend tells how likely they are."""
    tells = getattr(agent.backend, "log_probabilities", None) is not None
    return tells and agent.language.answers.text_skill is not None


def in_words(agent: LanguageAgent, made: Transition) -> str | None:
    """A call as an instruction, things by the colors that were seen before it: "pick up the red object"; None where it
    only says something, its skill has no words, or a thing was not in sight."""
    skill, said = made.call.skill, []
    if skill == agent.language.answers.text_skill or not agent.scene.finds_objects:
        return None
    for argument in made.call.arguments:
        if isinstance(argument, Referent):
            color = _color(agent, argument, made.before)
            if color is None:
                return None
            said.append(f"the {color} object")
        else:
            said.append(str(argument))
    return agent.language.skills[skill].wording.format(*said) or None


def _color(agent: LanguageAgent, meant: Referent, seen: Observation) -> str | None:
    """The color of what a call meant, None where nothing was in sight there."""
    slot = None if meant.box is None else nearest_slot(agent.backend.perceive(seen), meant.box)
    if slot is None or math.dist(slot.box.center, meant.box.center) > SAME_M:
        return None
    return colors_of([slot.crop])[0]
