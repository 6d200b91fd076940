"""How likely a planner holds "yes" to be, of a question that is answered by yes or no: read from its logits (PaLM-E,
section 6.4, asks in words alone)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from embodied.agents.language_agent import LanguageAgent
from embodied.prompt import PromptTooLongError
from envs.interface import Observation, Transition

YES, NO = "A: Yes", "A: No"
"""How answers begin."""


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
