"""From what people say to what they want: a language model writes a goal of `envs.goals`, inside its grammar.

Nothing is looked at: whether there is such a thing, and which one is meant, is found out on the table afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embodied.agents.confidence import Calibration, read_calibration
from embodied.agents.mind_card import card
from embodied.agents.second_opinion import SecondOpinion
from embodied.agents.shipped import weights_folder
from embodied.models.folder import check_folder
from embodied.planning.dialogue import DialogueError, Reading, Turn, goal_line, said, write_dialogue
from embodied.planning.goal_grammar import goal_grammar
from embodied.prompt import PromptTooLongError
from envs.goals.normal import normal
from envs.goals.spelling import GoalError, read

if TYPE_CHECKING:
    from embodied.models import PalmEForConditionalGeneration, PalmEProcessor
    from embodied.models.decoding.loop import Writer
    from embodied.models.decoding.rows import Guide, Row
    from embodied.planning.constrain import Grammars
    from embodied.prompt import Prompt

MOST_TOKENS = 256
"""Of a goal."""
ALTERNATIVES = 3
"""How many other goals are looked for, where the first one is not certain."""
CERTAIN = 0.9
"""Confidence from which no others are looked for."""


class Understander:
    """Reads what people say. May be asked from several threads."""

    def __init__(self, model: PalmEForConditionalGeneration, processor: PalmEProcessor, calibration: Calibration,
                 certain: float = CERTAIN) -> None:
        """certain: confidence below which other goals are looked for; 0 for never."""
        self._model, self._processor, self.calibration, self.certain = model, processor, calibration, certain

    @property
    def model(self) -> PalmEForConditionalGeneration:
        """The model that reads."""
        return self._model

    def understand(self, text: str, before: Sequence[Turn] = ()) -> Reading:
        """What the person wants who said a text, and where that is not certain, what else it may be. before: earlier
        turns, oldest first; of those, never of the text, the oldest are left out where all are more than was learned
        from."""
        try:
            prompt, grammar = self._fitting(text, before), goal_grammar(said(text))
            row = self.write(prompt, grammar)
        except (DialogueError, PromptTooLongError) as error:
            return Reading(None, 0.0, why_not=str(error))
        reading = self._reading(row)
        if reading.goal is None or reading.confidence >= self.certain:
            return reading
        return replace(reading, alternatives=self._others(prompt, grammar, row, reading))

    def scores(self, text: str, before: Sequence[Turn], goals: Sequence[str]) -> list[float] | None:
        """Natural logarithm of the probability of each goal's text, of all texts, after what was said; None for words
        that it cannot read whole."""
        import torch

        try:
            prompt = self._fitting(text, before)
        except DialogueError:
            return None
        if self._processor.count_tokens([prompt], [()])[0] > self._longest:
            return None
        batch = self._processor([prompt] * len(goals), [goal_line(goal) for goal in goals]).to(self._model.device)
        labels = batch.pop("labels")[:, 1:]
        with torch.inference_mode():
            found = self._model(**batch, use_cache=False).logits[:, :-1].float().log_softmax(-1)
        graded = labels >= 0
        return found.gather(-1, labels.where(graded, 0)[..., None])[..., 0].where(graded, 0.0).sum(1).tolist()

    def _fitting(self, text: str, before: Sequence[Turn]) -> Prompt:
        """The sentence with the latest turns that there is room for."""
        for start in range(len(before)):
            try:
                prompt = write_dialogue(text, before[start:])
            except DialogueError:  # of a turn, or of all together
                continue
            if self._processor.count_tokens([prompt], [()])[0] <= self._longest:
                return prompt
        return write_dialogue(text)

    @property
    def _longest(self) -> int:
        """Tokens of the longest sentence that can be asked."""
        return min(self.calibration.longest_tokens, self._processor.max_tokens - 1)

    def write(self, prompt: Prompt, grammar: str) -> Row:
        """The answer to a prompt, its likeliest tokens inside a grammar. Raises PromptTooLongError for more than was
        learned from."""
        return self._rows(prompt, grammar, [()])[0]

    def _rows(self, prompt: Prompt, grammar: str, firsts: Sequence[tuple[int, ...]]) -> list[Row]:
        """Answers to a prompt that begin with certain tokens each, written side by side."""
        from embodied.models.decoding.rows import Row

        [size], most = self._processor.count_tokens([prompt], [()]), self._processor.max_tokens
        if size > self._longest:
            raise PromptTooLongError(f"that is longer than what I learned to understand ({size} tokens, the longest "
                                     f"were {self._longest})")
        end = self._processor.tokenizer.eos_token_id
        rows = [Row(min(MOST_TOKENS, most - size), end, _Begun(self._grammars.guide(grammar), first))
                for first in firsts]
        self._writer.write(self._processor([prompt] * len(rows)).to(self._model.device), rows)
        return rows

    def text_of(self, row: Row) -> str:
        """The goal's text of an answer."""
        return self._processor.decode(row.said)

    def _reading(self, row: Row) -> Reading:
        text = self.text_of(row)
        confidence = self.calibration.probability(row.log_probs, row.masked_log_probs)
        try:
            return Reading(read(text), confidence, text)
        except GoalError:
            return Reading(None, 0.0, text, why_not="I did not understand that")

    def _others(self, prompt: Prompt, grammar: str, row: Row, first: Reading) -> tuple[Reading, ...]:
        """Goals that fork off where a second word was likely, the likeliest first, each another one. What confidence
        the first one leaves is theirs by their share of the probability that it leaves."""
        left, found = max(1 - math.exp(sum(row.log_probs)), 1e-6), {}
        forks = self._forks(prompt, grammar, row.said)[:ALTERNATIVES]
        for other in self._rows(prompt, grammar, forks) if forks else ():
            reading = self._reading(other)
            share = min(math.exp(sum(other.log_probs)) / left, 1.0)
            if reading.goal is not None and reading.text != first.text:
                found.setdefault(reading.text, replace(reading, confidence=(1 - first.confidence) * share))
        return tuple(sorted(found.values(), key=lambda reading: -reading.confidence))

    def _forks(self, prompt: Prompt, grammar: str, ids: Sequence[int]) -> list[tuple[int, ...]]:
        """Beginnings of other answers: at each token the second likeliest in its place, the likeliest of all first."""
        import torch

        guide = self._grammars.guide(grammar)
        batch = self._processor([prompt], [list(ids)]).to(self._model.device)
        batch.pop("labels")
        with torch.inference_mode():
            logits = self._model(**batch, use_cache=False, logits_to_keep=len(ids) + 1).logits[0, :-1].float()
        forks = []
        for place, scores in enumerate(logits.log_softmax(-1).cpu().numpy()):
            words = np.setdiff1d(guide.allowed(tuple(ids[:place])), ids[place:place + 1])
            if len(words):
                best = int(words[scores[words].argmax()])
                forks.append((float(scores[best]), (*ids[:place], best)))
        return [first for _, first in sorted(forks, reverse=True)]

    @cached_property
    def _writer(self) -> Writer:
        from embodied.models.decoding.loop import Writer

        return Writer(self._model)

    @cached_property
    def _grammars(self) -> Grammars:
        from embodied.planning.constrain import Grammars, compile_tokenizer

        return Grammars(compile_tokenizer(self._processor.tokenizer), self._model.word_count,
                        self._model.generation_config.suppress_tokens or [])


@dataclass(frozen=True, slots=True)
class _Begun:
    """A guide of answers that begin with certain tokens."""

    guide: Guide
    first: tuple[int, ...]

    def allowed(self, said: tuple[int, ...]) -> np.ndarray:
        """As of the guide; int64[1] while the beginning lasts."""
        return np.array([self.first[len(said)]]) if len(said) < len(self.first) else self.guide.allowed(said)

    def forced(self, said: tuple[int, ...]) -> Sequence[int]:
        return self.first[len(said):] if len(said) < len(self.first) else self.guide.forced(said)


def same_goal(one: str, other: str) -> bool:
    """Whether two texts spell goals that mean the same on every table; False where one is no goal."""
    try:
        return normal(read(one)) == normal(read(other))
    except GoalError:
        return False


def load_with_second(folder: str | Path) -> Understander | SecondOpinion:
    """Of a mind's folder: as `load_understander`, with the second mind that its card names, where it names one."""
    folder = weights_folder(folder)
    first = load_understander(folder)
    if (second := card(folder).get("second")) is None or first.calibration.opinions is None:
        return first
    return SecondOpinion(first, load_understander(second), first.calibration.opinions)


def load_understander(folder: str | Path, *, device: str = "cpu", certain: float = CERTAIN) -> Understander:
    """Of a checkpoint folder, its adapters made one with their base. certain: as of `Understander`. CheckpointError
    where it is damaged, CalibrationError where it is no model that writes goals."""
    folder = weights_folder(folder)
    check_folder(folder)
    calibration = read_calibration(folder)
    from embodied.models.loading import load  # torch comes along, and a wrong folder has been refused
    from embodied.models.on_base import merge_adapters

    model, processor = load(folder, device)
    merge_adapters(model.language)
    return Understander(model, processor, calibration, certain)
