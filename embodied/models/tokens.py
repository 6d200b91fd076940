"""The words of the plan language as single tokens, and a small byte-level tokenizer to start from nothing with."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from embodied.prompt import LOCATION_BINS, MAX_OBJECTS

SLOT_TOKENS = tuple(f"<obj_{j}>" for j in range(1, MAX_OBJECTS + 1))
NAME_TOKENS = tuple(f"obj_{j}" for j in range(1, MAX_OBJECTS + 1))
IMAGE_TOKEN = "<image>"
LOCATION_TOKENS = tuple(f"<loc_{i}>" for i in range(LOCATION_BINS))
PLACEHOLDERS = (*SLOT_TOKENS, IMAGE_TOKEN)
"""Marks of soft tokens, consecutive in every vocabulary. Never decoded, never read from a person's text."""


def check_vocab_size(vocab_size: int) -> int:
    """How many of the tokens the plan language takes. ValueError where that and all bytes need more than there are."""
    extra = len(PLACEHOLDERS) + len(NAME_TOKENS) + len(LOCATION_TOKENS)
    least = 256 + 3 + extra
    if vocab_size < least:
        raise ValueError(f"vocab_size: expected at least {least} (256 bytes, 3 marks, {extra} plan tokens), "
                         f"got {vocab_size}")
    return extra


def train_tokenizer(corpus: Iterable[str], vocab_size: int = 512) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with every token of the plan language; reads any text, whatever its script.

    vocab_size counts everything; the result is smaller where the corpus has no more pairs to merge.
    Raises ValueError when the bytes and the plan language alone need more.
    """
    extra = check_vocab_size(vocab_size)
    tokenizer = Tokenizer(models.BPE())
    # Digits one by one: "obj_12" in prose and numbers in reasons cost the same few tokens.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - extra, special_tokens=["<pad>", "<s>", "</s>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), min_frequency=2)
    tokenizer.train_from_iterator(corpus, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
                                   clean_up_tokenization_spaces=False)
    add_plan_tokens(fast)
    return fast


def add_plan_tokens(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens were added to a tokenizer so that it has the whole plan language and a padding token.

    Placeholders are special (a person's text never turns into one); names and locations are ordinary tokens, which a
    grammar can spell. Raises ValueError when its placeholders are not consecutive.
    """
    before = len(tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.add_special_tokens({"pad_token": "<pad>"})
    tokenizer.add_tokens([AddedToken(t, special=True, normalized=False) for t in PLACEHOLDERS], special_tokens=True)
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in (*NAME_TOKENS, *LOCATION_TOKENS)])
    first, last = placeholder_range(tokenizer)
    if last - first + 1 != len(PLACEHOLDERS):
        raise ValueError(f"tokenizer: expected consecutive ids for {PLACEHOLDERS[0]} .. {PLACEHOLDERS[-1]}, got "
                         f"{first} .. {last}; start from a tokenizer without them")
    return len(tokenizer) - before


def first_name_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of `obj_1`. Raises ValueError when those of the other names do not follow it."""
    ids = tokenizer.convert_tokens_to_ids(list(NAME_TOKENS))
    if ids != list(range(ids[0], ids[0] + len(ids))):
        raise ValueError(f"tokenizer: expected consecutive ids for {NAME_TOKENS[0]} .. {NAME_TOKENS[-1]}, got {ids}; "
                         "start from a tokenizer without them")
    return ids[0]


def placeholder_range(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """First and last id of PLACEHOLDERS."""
    ids = tokenizer.convert_tokens_to_ids(list(PLACEHOLDERS))
    return min(ids), max(ids)
