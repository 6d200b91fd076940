"""Reasons of refusals, held against words and scene: what is denied must be out of sight, what is quoted be said."""

from __future__ import annotations

import re

from embodied.planning.looks import Scene
from embodied.planning.meaning import find, wanted, which
from embodied.planning.wording import COLORS, KINDS, Mention, ParsedInstruction, is_known

NO_PARTNER = "no block has a bowl of its color"
ONLY_BLOCKS = "I can only move blocks"
ONLY_WHERE = "I can put things only into bowls and onto blocks"
FORMS = f"I see no [a-z]{{2,20}} [a-z]{{2,20}}|I do not know the word [a-z]{{1,20}}|{NO_PARTNER}|{ONLY_BLOCKS}"
"""Regular expression of the reasons that training data teaches: what a model may decode."""
_DENIAL = re.compile(rf"\bno ({'|'.join(COLORS)}) ({'|'.join(KINDS)})\b")
_DENIAL_OF_ALL = re.compile(rf"\bI see no ({'|'.join(KINDS)})(?:s|es)?\b")
_UNSEEN = re.compile(r"I see no (.+)")
_STRANGE = re.compile(r"I do not know the word '?([A-Za-z]+)'?")


def excuse(parsed: ParsedInstruction, scene: Scene) -> str | None:
    """What stands in the way of an instruction in this scene, as far as it was measured; None where nothing is known
    to."""
    for mention in parsed.mentions:
        if not mention.is_negated and not find(mention, scene):
            return f"I see no {mention.words}"
    if any(goal.is_matched for goal in parsed.goals) and not any(list(wanted(goal, scene)) for goal in parsed.goals):
        return NO_PARTNER
    if any(goal.moved.kind == "bowl" for goal in parsed.goals):
        return ONLY_BLOCKS
    if any(_kinds(goal.destination, scene) == wrong for goal in parsed.goals
           for role, wrong in (("in", {"block"}), ("on", {"bowl"})) if goal.role == role):
        return ONLY_WHERE
    kind = which(parsed, scene)
    return f"I do not know which {kind} you mean" if kind else None


def _kinds(mention: Mention, scene: Scene) -> set[str]:
    return {scene.looks[place][1] for place in find(mention, scene)}


def is_true(reason: str, parsed: ParsedInstruction, scene: Scene) -> bool:
    """Whether a reason quotes the instruction and denies nothing that is in sight, as far as that can be told."""
    strange = _STRANGE.fullmatch(reason)
    if strange is not None:
        return strange[1].lower() in parsed.words and not is_known(strange[1].lower())
    if not all(_is_missed(color, noun, parsed, scene) for color, noun in _DENIAL.findall(reason)):
        return False
    if any(KINDS[noun] in {kind for _, kind in scene.looks} for noun in _DENIAL_OF_ALL.findall(reason)):
        return False
    if (unseen := _UNSEEN.fullmatch(reason)) and not (_DENIAL.search(reason) or _DENIAL_OF_ALL.search(reason)):
        return set(unseen[1].lower().split()) <= set(parsed.words)
    if reason == NO_PARTNER:
        matched = [goal for goal in parsed.goals if goal.is_matched]
        return bool(matched) and not any(list(wanted(goal, scene)) for goal in matched)
    return reason != ONLY_BLOCKS or any(m.kind == "bowl" and m.role == "moved" for m in parsed.mentions)


def _is_missed(color: str, noun: str, parsed: ParsedInstruction, scene: Scene) -> bool:
    """Whether such a thing was spoken of and is out of sight."""
    denied = Mention(f"{color} {noun}", frozenset(COLORS[color]), KINDS[noun])
    return not find(denied, scene) and any(
        m.colors == denied.colors and m.kind in (denied.kind, None) for m in parsed.mentions)
