"""Which queries can be taught. What is asked becomes a right example, or is counted by why it does not: nothing is left
out without a word, and nothing is taught that is not the answer.

Some reasons lie in the query and what plans can say, and are known when it is recorded; the others on what
the segmenter finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from embodied.data.detections import ViewDetections
from embodied.data.episodes import View
from embodied.data.queries import Calls, Query, Question, Refusal, TextAnswer, spoken
from embodied.planning.arguments import plain_text
from embodied.prompt import MAX_OBJECTS, Slot
from envs.interface import TASK_IDS, NamedCall
from envs.skills.signatures import Parameter, PlanLanguage

WORDS = "is answered in words, and plans have none"
UNSPELLED = "is answered in words that plans cannot spell"
ASKED_BACK = "is answered by a question, and plans have none"
NUMBERED = "its words number things, and nothing says which"
UNTOLD = "of format 1: whether it is an instruction or a question was not recorded"
FOREIGN = "is refused for a word, and here no word is refused"
UNSEEN = "is about something that the segmenter did not find"
SPLIT = "is about something that the segmenter found in two pieces"
CROWDED = "more things in sight than a prompt can name"
HAND = "what the hand holds was never seen before, or is not in it"

UNKNOWN_WORD = "do not know the word"
"""In the expert's refusal of an instruction with a word that means nothing here."""


def is_of_an_unknown_word(query: Query) -> bool:
    """Whether it is refused for a word that the expert does not know."""
    return isinstance(query.answer, Refusal) and UNKNOWN_WORD in query.answer.reason


def why_unsayable(query: Query, language: PlanLanguage, *, has_names: bool = True) -> str | None:
    """Why no plan in a language can say the right answer to a query, whatever is found in it: a clause, None when one
    can. has_names: whether the prompt names what it shows, obj_1 and on."""
    unknown = query.numbered - set(query.referrals if has_names else ())
    return _why_unsayable(query, language) or (NUMBERED if unknown else None)


def _why_unsayable(query: Query, language: PlanLanguage) -> str | None:
    match query.answer:
        case Question():
            return ASKED_BACK
        case TextAnswer(text):
            said = spoken(text) if query.numbered else text
            return WORDS if language.answers.text_skill is None else None if plain_text(said) == said else UNSPELLED
        case Calls(calls) if calls:
            missing = next((skill for skill, *_ in calls if skill not in language.skills), None)
            return missing and f"takes the skill {missing}, which plans do not have as this world does"
        case Calls() if query.about is None and query.family not in TASK_IDS:
            return UNTOLD
    return None


def why_unseen(query: Query, view: View, detected: ViewDetections, held: Slot | None,
               language: PlanLanguage, *, is_held_told: bool = False, is_past_told: bool = False) -> str | None:
    """Why what was seen of a view does not show the right answer, as a clause; None when it does.

    held: how what the hand holds looked when it was last seen. is_held_told: whether the prompt names it in words
    instead. is_past_told: whether what the answer rests on beside things ("red star before", "peg") is told, or makes
    no difference.
    """
    seen = [name for name in detected.names if name is not None]
    needed = rests_on(query, view.names, view.held, language)
    counts = [seen.count(name) for name in (needed & {*view.names} if is_past_told else needed)]
    if min(counts, default=1) < 1:
        return UNSEEN
    if max(counts, default=1) > 1:
        return SPLIT
    if len(detected.slots) + (held is not None) > MAX_OBJECTS:
        return CROWDED
    return None if is_held_told or (view.held is None) == (held is None) else HAND


def rests_on(query: Query, names: Sequence[str], held: str | None, language: PlanLanguage) -> set[str]:
    """What has to be in sight for the answer to be right: what its calls point at, for a plan can only point at what is
    seen, and what it is about, but for what is in the hand. All that there is, `names`, where an answer without calls
    does not tell what it is about."""
    is_untold = query.about is None and not query.calls and not isinstance(query.answer, Refusal)
    about = names if is_untold else query.about or ()
    pointed = {name for call in query.calls for name, parameter in spelled(call, language)
               if parameter.kind == "object"}
    return pointed | query.numbered | {name for name in about if name != held}


def spelled(call: NamedCall, language: PlanLanguage) -> list[tuple[Any, Parameter]]:
    """The arguments of a recorded call, each with its parameter."""
    skill, *arguments = call
    return list(zip(arguments, language.skills[skill].parameters, strict=True))


def card(asked: int, left_out: Mapping[str, int]) -> dict[str, Any]:
    """What a dataset, or the training on it, says of its queries: how many, how many are kept, and how many are left
    out why. A dataset keeps those that plans can answer, a training those of which its segmenter shows enough."""
    return {"queries": asked, "kept": asked - sum(left_out.values()),
            "left_out": dict(sorted(left_out.items(), key=lambda item: (-item[1], item[0])))}


def describe(card: Mapping[str, Any], verb: str) -> list[str]:
    """The card for people: a line, and one for each reason. verb: what is done with those that are not left out."""
    head = f"{card['kept']} of {card['queries']} queries {verb}"
    return [head, *(f"  {count} left out: {reason}" for reason, count in card["left_out"].items())]
