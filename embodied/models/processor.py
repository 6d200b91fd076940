"""From a multimodal sentence to tensors and back: tokenizer, pictures, geometry, and the facts of a checkpoint."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from transformers import AutoTokenizer, BatchFeature, PreTrainedTokenizerBase
from transformers.utils import cached_file

from embodied.models.checkpoint_checks import check_processor, read_json
from embodied.models.folder import check_local
from embodied.models.old_forms import renewed
from embodied.models.scene_encoders import find_encoder
from embodied.models.sentences import prompts_given
from embodied.models.tokens import IMAGE_TOKEN, SLOT_TOKENS
from embodied.planning.scene import SceneEncoder
from embodied.prompt import Entity, Image, Prompt, PromptTooLongError, Text
from embodied.training.objectives.losses import IGNORED
from envs.names import unknown

if TYPE_CHECKING:
    from jaxtyping import Float32, Int, Int64, UInt8

FILE_NAME = "processor_config.json"

Answer = str | Sequence[int]
"""A text to be tokenised, or token ids."""


class PalmEProcessor:
    """Callable on prompts; saved and loaded beside the model.

    vocabulary: words of the training instructions (None: any word goes). plan_language: declaration of the plan
    language that the model learned, or the sha256 by which older ones go; see `planning.declaration`. cameras: what it
    saw with (name -> facts). max_tokens: longest sequence the model takes. names_by_number: whether instructions that
    it was last taught called things obj_1, obj_2 .. alone, and none by its color. worlds: of a planner that learned
    several, name -> scene_encoder, vocabulary, plan_language, cameras and names_by_number there; those above are of the
    first of them.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, scene_encoder: str = "slots",
                 image_size: int = 32, mean: Sequence[float] = (0.5, 0.5, 0.5), std: Sequence[float] = (0.5, 0.5, 0.5),
                 soft_tokens: int = 1, max_tokens: int = 512, vocabulary: Iterable[str] | None = None,
                 plan_language: Mapping[str, Any] | str | None = None, cameras: Mapping[str, Any] | None = None,
                 names_by_number: bool = False, worlds: Mapping[str, Mapping[str, Any]] | None = None):
        self.tokenizer = tokenizer
        self.scene_encoder, self._encoder = scene_encoder, find_encoder(scene_encoder)
        self.image_size, self.soft_tokens, self.max_tokens = image_size, soft_tokens, max_tokens
        self.mean, self.std = [float(v) for v in mean], [float(v) for v in std]
        self.vocabulary = None if vocabulary is None else frozenset(vocabulary)
        self.plan_language = plan_language
        self.cameras, self.names_by_number = dict(cameras or {}), names_by_number
        self.worlds = {name: dict(facts) for name, facts in (worlds or {}).items()}
        self._slot_ids = tokenizer.convert_tokens_to_ids(list(SLOT_TOKENS))
        self._image_id = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)

    def in_world(self, name: str) -> PalmEProcessor:
        """The processor for one of the worlds that the planner learned. Raises ValueError, naming them, for another."""
        if name not in self.worlds:
            raise ValueError(unknown(name, list(self.worlds), what="world of the planner"))
        return self.knowing(worlds=self.worlds, **self.worlds[name])

    def knowing(self, **facts: Any) -> PalmEProcessor:
        """The processor with other facts of what was learned: arguments of the constructor; others are unknown."""
        return type(self)(self.tokenizer, image_size=self.image_size, mean=self.mean, std=self.std,
                          soft_tokens=self.soft_tokens, max_tokens=self.max_tokens, **facts)

    @property
    def scene(self) -> SceneEncoder:
        """What a scene becomes in the sentences that the model reads."""
        return self._encoder.scene

    def __call__(self, prompts: Sequence[Prompt] | None = None, answers: Sequence[Answer] | None = None, *,
                 text: str | Sequence[str] | None = None, images: Any = None, has_repeats: bool = False,
                 padding_side: Literal["left", "right"] | None = None, return_tensors: Literal["pt"] = "pt"
                 ) -> BatchFeature:
        """Tensors of a batch; give answers to train, padding_side="left" to generate (usual with text, else "right").

        An answer is a text, which the end token follows, or the tokens of a sample as they are, its own end among them.
        In place of prompts: text and images, as other processors of transformers take them (`sentences.prompts_from`).

        input_ids, attention_mask: int64[B, T]. labels (with answers): int64[B, T], IGNORED but for answer and end.
        pixel_values: float32[N, 3, S, S], normalised, reading order. geometry: float32[N, G]. has_repeats: a picture
        that several sentences show, the same object in memory, is in both once; picture_ids int64[N] then says which of
        them each picture is.
        Raises ValueError for pictures of the other kind or too few answers, PromptTooLong for too many tokens.
        """
        if return_tensors != "pt":
            raise ValueError(f"return_tensors: expected 'pt', got {return_tensors!r}")
        padding_side = padding_side or ("left" if text is not None and answers is None else "right")
        prompts = prompts_given(prompts, text, images, self._encoder.picture)
        if answers is not None and len(answers) != len(prompts):
            raise ValueError(f"answers: expected one for each of {len(prompts)} prompts, got {len(answers)}")
        pieces = self._encode_texts(prompts, [answer for answer in answers or () if isinstance(answer, str)])
        heads = [self._sentence(prompt, pieces) for prompt in prompts]
        tails = [self._tail(answer, pieces) for answer in answers or ()] or [[]] * len(heads)
        batch = self._pad(heads, tails, padding_side)
        if answers is None:
            del batch["labels"]
        segments = [s for prompt in prompts for s in prompt.segments if isinstance(s, self._encoder.picture)]
        if has_repeats:
            segments, batch["picture_ids"] = _distinct(segments)
        return BatchFeature({**batch, **self._pictures(segments)})

    def count_tokens(self, prompts: Sequence[Prompt], answers: Sequence[Answer]) -> list[int]:
        """How many tokens each sentence has with its answer."""
        pieces = self._encode_texts(prompts, [answer for answer in answers if isinstance(answer, str)])
        return [len(self._sentence(prompt, pieces)) + len(self._tail(answer, pieces))
                for prompt, answer in zip(prompts, answers, strict=True)]

    def _encode_texts(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> dict[str, list[int]]:
        """Token ids of each different text, one tokenizer call; special tokens spelled in a text stay plain text."""
        spoken = [s.text for p in prompts for s in p.segments if isinstance(s, Text)]
        texts = sorted({_clean(text) for text in (*spoken, *answers)} - {""})
        if not texts:
            return {"": []}
        ids = self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        return {"": [], **dict(zip(texts, ids, strict=True))}

    def _sentence(self, prompt: Prompt, pieces: Mapping[str, list[int]]) -> list[int]:
        """Token ids of one prompt, a placeholder for each soft token."""
        ids = [] if self.tokenizer.bos_token_id is None else [self.tokenizer.bos_token_id]
        for segment in prompt.segments:
            ids += pieces[_clean(segment.text)] if isinstance(segment, Text) else self._placeholders(segment)
        return ids

    def _tail(self, answer: Answer, pieces: Mapping[str, list[int]]) -> list[int]:
        """Token ids of one answer."""
        return [*pieces[_clean(answer)], self.tokenizer.eos_token_id] if isinstance(answer, str) else list(answer)

    def _placeholders(self, segment: object) -> list[int]:
        if not isinstance(segment, self._encoder.picture):
            wanted = self._encoder.picture.__name__
            raise ValueError(f"prompt: expected Text and {wanted} segments (scene_encoder={self.scene_encoder!r}), got "
                             f"{type(segment).__name__}; write the prompt for this model's scene encoder")
        if isinstance(segment, Entity):
            if not 1 <= segment.index <= len(self._slot_ids):
                raise ValueError(f"Entity.index: expected 1 .. {len(self._slot_ids)}, got {segment.index}; "
                                 "name fewer objects")
            return [self._slot_ids[segment.index - 1]] * self.soft_tokens
        return [self._image_id] * self.soft_tokens

    def _pad(self, heads: Sequence[list[int]], tails: Sequence[list[int]], side: str
             ) -> dict[str, Int64[torch.Tensor, "B T"]]:
        """int64[B, T] tensors, padded to the longest."""
        lengths = [len(h) + len(t) for h, t in zip(heads, tails, strict=True)]
        width = max(lengths, default=0)
        if width > self.max_tokens:
            raise PromptTooLongError(f"prompt: expected at most {self.max_tokens} tokens, got {width}; "
                                     "shorten the instruction")
        ids = np.full((len(heads), width), self.tokenizer.pad_token_id, dtype=np.int64)
        mask, labels = np.zeros_like(ids), np.full_like(ids, IGNORED)
        for row, (head, tail) in enumerate(zip(heads, tails, strict=True)):
            start = width - lengths[row] if side == "left" else 0
            middle, stop = start + len(head), start + lengths[row]
            ids[row, start:stop], mask[row, start:stop], labels[row, middle:stop] = head + tail, 1, tail
        arrays = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _pictures(self, segments: Sequence[Entity | Image]) -> dict[str, Float32[torch.Tensor, "N ..."]]:
        """pixel_values float32[N, 3, S, S] (S is 1 without a vision tower) and geometry float32[N, G] of pictures."""
        size = 1 if self._encoder.pixels is None else self.image_size
        pixels = np.zeros((len(segments), size, size, 3), dtype=np.uint8)
        geometry = np.zeros((len(segments), self._encoder.geometry_size), dtype=np.float32)
        for row, segment in enumerate(segments):
            if self._encoder.pixels is not None:
                pixels[row] = self._encoder.pixels(segment, size)
            if self._encoder.geometry is not None:
                geometry[row] = self._encoder.geometry(segment)
        return {"pixel_values": self._normalise(pixels), "geometry": torch.from_numpy(geometry)}

    def _normalise(self, pixels: UInt8[np.ndarray, "N S S 3"]) -> Float32[torch.Tensor, "N 3 S S"]:
        """uint8[N, S, S, 3] -> float32[N, 3, S, S]."""
        scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0
        return (scaled - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]

    def name_ids(self, names: Sequence[str | None]) -> Int64[torch.Tensor, "N K"]:
        """int64[N, K]: the words of each picture's name as they stand in a sentence, IGNORED where there is none."""
        known = sorted({name for name in names if name is not None})
        read = self.tokenizer([f" {name}" for name in known], add_special_tokens=False,
                              split_special_tokens=True)["input_ids"] if known else []
        of_name = {None: [], **dict(zip(known, read, strict=True))}
        ids = [of_name[name] for name in names]
        rows = np.full((len(ids), max(map(len, ids), default=0)), IGNORED, dtype=np.int64)
        for row, words in zip(rows, ids, strict=True):
            row[:len(words)] = words
        return torch.from_numpy(rows)

    def decode(self, token_ids: Sequence[int] | Int[torch.Tensor, " T"]) -> str:
        """Text of generated tokens without padding and marks."""
        return self.tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def batch_decode(self, token_ids: Iterable[Sequence[int]] | Int[torch.Tensor, "B T"]) -> list[str]:
        """The text of each row."""
        return [self.decode(ids) for ids in token_ids]

    def unknown_words(self, text: str) -> list[str]:
        """Words of `text` that no training instruction held, in reading order; none where the vocabulary is open."""
        if self.vocabulary is None:
            return []
        return [word for word in dict.fromkeys(words_of(text)) if word not in self.vocabulary]

    def to_dict(self) -> dict[str, Any]:
        """What `processor_config.json` holds."""
        return {"processor_class": type(self).__name__, "scene_encoder": self.scene_encoder,
                "image_size": self.image_size, "mean": self.mean, "std": self.std, "soft_tokens": self.soft_tokens,
                "max_tokens": self.max_tokens, "vocabulary": None if self.vocabulary is None
                else sorted(self.vocabulary),
                "grammar_fingerprint" if isinstance(self.plan_language, str) else "plan_language": self.plan_language,
                "cameras": self.cameras, **({"names_by_number": True} if self.names_by_number else {}),
                **({"worlds": self.worlds} if self.worlds else {})}

    def save_pretrained(self, folder: str | Path, **_: Any) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(folder)
        text = json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False)
        (Path(folder) / FILE_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, name: str | Path, **hub: Any) -> PalmEProcessor:
        """The processor saved in a folder, or published under a hub name.

        Of a local folder: CheckpointError, before anything is built, for what `folder.check_local` refuses.
        """
        check_local(name)
        return cls.from_checked(name, **hub)

    @classmethod
    def from_checked(cls, name: str | Path, **hub: Any) -> PalmEProcessor:
        """`from_pretrained` for who has checked the folder."""
        hub = {key: hub[key] for key in ("cache_dir", "revision", "token", "local_files_only") if key in hub}
        values = read_json(Path(cached_file(str(name), FILE_NAME, **hub)))
        check_processor(values)
        values.pop("processor_class", None)
        return cls(AutoTokenizer.from_pretrained(name, trust_remote_code=False, **hub), **renewed(values))


def _distinct(segments: Sequence[Entity | Image]) -> tuple[list[Entity | Image], Int64[torch.Tensor, " N"]]:
    """The pictures without those that show what an earlier one shows, and int64[N], which of them each one is."""
    shown = [id(s.slot if isinstance(s, Entity) else s.pixels) for s in segments]
    first = {key: segment for key, segment in reversed(list(zip(shown, segments, strict=True)))}
    place = {key: number for number, key in enumerate(dict.fromkeys(shown))}
    return [first[key] for key in place], torch.tensor([place[key] for key in shown], dtype=torch.long)


def words_of(text: str) -> list[str]:
    """The words of a text, lower case, reading order: runs of letters, digits and apostrophes in any script."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", _clean(text).lower())


def _clean(text: str) -> str:
    """Text in one Unicode form (full-width letters become plain ones), without what UTF-8 cannot hold."""
    return unicodedata.normalize("NFKC", text).encode("utf-8", "replace").decode("utf-8")
