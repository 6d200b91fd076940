"""The decoding loop: prompts are read once, then each pass reads the last token of every row and what is bound to
follow it.

B rows, T tokens, A places that are asked what comes next, D width, V words. Rows are not padded on the left and each
has its own length (see cache). What must follow (`Guide.forced`), and of a single row what may well follow (see
drafts), is read in the same pass as the token before it and then chosen like every other token: greedily and by chance
alike, the answer is the one that one token a pass gives.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from embodied.models.decoding.cache import KeyValues, most_places, padded_width
from embodied.models.decoding.decoders import make_cache, make_decoder
from embodied.models.decoding.drafts import Answer, Drafts, Scene
from embodied.models.decoding.heads import Head, Pass, RowScores, log_probs
from embodied.models.decoding.pictures import SoftTokens
from embodied.models.decoding.prefixes import Beginning, Prefixes, state_of
from embodied.models.decoding.rows import MOST_GUESSES, Row
from embodied.prompt import MAX_OBJECTS

if TYPE_CHECKING:
    from jaxtyping import Float, Int64

    from embodied.models.planner import PalmEForConditionalGeneration


class Memory:
    """What was read with one state of the weights, and the decoder that runs them."""

    def __init__(self, model: PalmEForConditionalGeneration, usual: Sequence[Answer], *, is_lasting: bool) -> None:
        """usual: as of `Writer`. is_lasting: whether it will be known when the weights change."""
        self._usual, first = usual, model.config.name_first_id
        self._names = range(first, first + MAX_OBJECTS)
        self.decoder, self.head = make_decoder(model.language, is_lasting=is_lasting), Head(model)
        self.forget()

    def forget(self) -> None:
        """Go on as if nothing had been read."""
        self.prefixes, self.pictures, self.drafts = Prefixes(), SoftTokens(), Drafts(self._names, self._usual)


class Writer:
    """Writes a model's answers, and remembers what it read: beginnings of prompts and pictures, of the weights as they
    are now. May be asked from several threads."""

    def __init__(self, model: PalmEForConditionalGeneration, *, remembers: bool = True, usual: Sequence[Answer] = ()
                 ) -> None:
        """remembers: False reads every prompt whole, and guesses nothing. usual: token ids of answers whose form is
        worth guessing before any was given."""
        self.model, self.remembers, self._usual = model, remembers, usual
        self._state: Hashable = None
        self._memory: Memory | None = None
        self._lock = threading.Lock()

    @torch.inference_mode()
    def write(self, batch: Mapping[str, Any], rows: Sequence[Row]) -> None:
        """Write an answer into each row. batch: prompts as the processor gives them, padded on the right."""
        _Passes(self.model, self._current(), batch, rows, self.remembers).run()

    def forget(self) -> None:
        """Go on as if nothing had been read."""
        with self._lock:
            if self._memory is not None:
                self._memory.forget()

    def _current(self) -> Memory:
        """The memory of the weights as they are: what others made is forgotten."""
        with self._lock:
            state = state_of(self.model)
            if self._memory is None or state is None or state != self._state:
                self._memory = None  # before there is another: each may hold a copy of the weights
                self._memory = Memory(self.model, self._usual, is_lasting=state is not None)
            self._state = state
            return self._memory


class _Passes:
    """The forward passes of one batch."""

    def __init__(self, model: PalmEForConditionalGeneration, memory: Memory, batch: Mapping[str, Any],
                 rows: Sequence[Row], remembers: bool) -> None:
        self._model, self._memory, self._rows, self._remembers = model, memory, rows, remembers
        self._ids: Int64[Tensor, "B T"] = batch["input_ids"]
        self._sizes = batch["attention_mask"].sum(dim=1).tolist()
        self._soft = self._soft_tokens(batch)
        model.check_places(model.placeholders(self._ids), 0 if self._soft is None else len(self._soft))
        self._embeds = (model.embed(self._ids) if self._soft is None
                        else model.interleave(self._ids, self._soft))
        places = max(size + row.room for size, row in zip(self._sizes, rows, strict=True)) + MOST_GUESSES + 1
        places += self._ids.shape[1] if len(rows) > 1 else 0  # padding of a row that knows more of its prompt
        self._cache: KeyValues = make_cache(model.language, len(rows), most_places(places), self._embeds)
        self._object_keys: Float[Tensor, "B M D"] | None = None
        self._prompts: list[Float[Tensor, "_ D"]] = []  # hidden states of
        self._states: list[list[Float[Tensor, "_ D"]]] = [[] for _ in rows]

    def _soft_tokens(self, batch: Mapping[str, Any]) -> Float[Tensor, "N Q D"] | None:
        """Soft tokens of a batch's pictures, None where it has none."""
        pixels, geometry = batch.get("pixel_values"), batch.get("geometry")
        if pixels is None or not len(pixels):
            return None
        if not self._remembers:
            return self._model.see(pixels, geometry)
        return self._memory.pictures.of(self._model.see, pixels, geometry)

    def run(self) -> None:
        scene = self._scene() if self._remembers and len(self._rows) == 1 else None
        if scene is not None:
            self._rows[0].draft = self._memory.drafts.draft(scene)
        hidden, guesses = self._read_prompts()
        while True:
            self._choose(hidden, guesses)
            if all(row.is_over for row in self._rows):
                break
            hidden, guesses = self._read_answers()
        self._tell_log_probs()
        if scene is not None:
            self._memory.drafts.keep(scene, self._rows[0].said)
            self._keep_answer()

    def _scene(self) -> Scene:
        """What the only prompt says and shows. A batch's guesses would be multiplied by all its rows."""
        config, ids = self._model.config, self._ids[0, :self._sizes[0]]
        places = self._model.placeholders(self._ids)[0, :len(ids)]
        names = ids[places][::config.soft_tokens] - config.placeholder_first_id
        looks = self._embeds.new_zeros(0, 1) if self._soft is None else self._soft.flatten(1)
        return Scene(ids.tolist(), looks, (names + config.name_first_id).tolist())

    def _choose(self, hidden: Float[Tensor, "B A D"], guesses: Sequence[Sequence[int]]) -> None:
        """Let each row that goes on take its tokens; the cache then ends with the last guess that was right.

        hidden: after the last token of each row, and after each of its guesses."""
        head = self._memory.head
        said = Pass(head, hidden, self._object_keys)
        for number, row in enumerate(self._rows):
            if not row.is_over:
                right = row.take(RowScores(said, number, head.width), guesses[number])
                self._cache.lengths[number] += 1 + right
                self._states[number].append(hidden[number, :1 + right])

    def _tell_log_probs(self) -> None:
        """Read the whole head once, when all has been said."""
        for number, (row, states) in enumerate(zip(self._rows, self._states, strict=True)):
            keys = None if self._object_keys is None else self._object_keys[number]
            row.log_probs = log_probs(self._memory.head, torch.cat(states), keys, row.said, row.temperature)

    def _read_prompts(self) -> tuple[Float[Tensor, "B A D"], list[list[int]]]:
        """Hidden states after the prompts and what is guessed to follow them, of what was read before those that were
        kept. The cache ends before the last tokens of the prompts."""
        guesses = [row.guesses() for row in self._rows]
        asked = [torch.cat([self._embeds[row, :size], self._words(guess)])
                 for row, (size, guess) in enumerate(zip(self._sizes, guesses, strict=True))]
        known = [self._memory.prefixes.find(one) if self._remembers else None for one in asked]
        for row, beginning in enumerate(known):
            if beginning is not None:
                self._cache.put(row, beginning.states)
        ends = [one[start:] for one, start in zip(asked, self._cache.lengths, strict=True)]
        new = self._pass(ends, is_prompt=True) if any(map(len, ends)) else self._embeds[:, :0]
        hidden = [part[:len(end)] if beginning is None else torch.cat([beginning.hidden, part[:len(end)]])
                  for beginning, part, end in zip(known, new, ends, strict=True)]
        self._prompts = [part[:size] for part, size in zip(hidden, self._sizes, strict=True)]
        for row, size in enumerate(self._sizes):
            self._keep(row, self._embeds[row, :size], self._prompts[row])
            self._cache.lengths[row] = size - 1
        if self._model.pointer is not None and self._soft is not None:
            self._object_keys = self._model.object_keys(self._ids, self._soft,
                                                        _padded(self._prompts, self._ids.shape[1]))
        return _padded([part[size - 1:] for part, size in zip(hidden, self._sizes, strict=True)]), guesses

    def _keep_answer(self) -> None:
        """Remember what was read of the only answer: whoever is asked again, for another one, begins alike."""
        said, states = self._rows[0].said, torch.cat(self._states[0])
        embeds = torch.cat([self._embeds[0, :self._sizes[0]], self._words(said[:-1])])
        self._keep(0, embeds, torch.cat([self._prompts[0][:-1], states]))

    def _keep(self, row: int, embeds: Float[Tensor, "P D"], hidden: Float[Tensor, "P D"]) -> None:
        """Remember what a row begins with."""
        if self._remembers:
            self._memory.prefixes.keep(Beginning(embeds.clone(), self._cache.beginning(row, len(embeds)),
                                                 hidden.clone()))

    def _read_answers(self) -> tuple[Float[Tensor, "B A D"], list[list[int]]]:
        """Hidden states after each row's last token and what is bound to follow it."""
        guesses = [[] if row.is_over else row.guesses() for row in self._rows]
        return self._pass([self._words([row.said[-1], *guess]) for row, guess in zip(self._rows, guesses, strict=True)
                           ]), guesses

    def _pass(self, embeds: Sequence[Float[Tensor, "_ D"]], *, is_prompt: bool = False) -> Float[Tensor, "B T D"]:
        """Hidden states of the next tokens of each row; what stands beyond a row's own is padding."""
        longest = max(map(len, embeds))
        width = padded_width(longest) if is_prompt else longest
        return self._memory.decoder(_padded(embeds, width), self._cache,
                                    self._cache.reading(width, is_prompt=is_prompt))

    def _words(self, ids: Sequence[int]) -> Float[Tensor, "T D"]:
        return self._model.embed(torch.tensor([ids], dtype=torch.long, device=self._ids.device))[0]


def _padded(rows: Sequence[Float[Tensor, "_ D"]], width: int | None = None) -> Float[Tensor, "B T D"]:
    """Rows of different lengths, zeros behind the shorter ones. width: T; None: the longest row's."""
    width = max(map(len, rows)) if width is None else width
    return torch.stack([F.pad(row, (0, 0, 0, width - len(row))) if len(row) < width else row for row in rows])
