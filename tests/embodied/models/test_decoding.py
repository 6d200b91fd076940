"""The decoding loop writes what `generate` of transformers does, whatever it remembers and reads ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import LogitsProcessorList

from embodied.agents.backends.local import LocalBackend
from embodied.models.building import Facts, build
from embodied.models.decoding import heads, pictures, prefixes, products, rows
from embodied.models.decoding.cache import KeyValues
from embodied.models.decoding.decoders import RotaryDecoder, StockDecoder, make_cache, make_decoder
from embodied.models.decoding.products import project
from embodied.models.on_base import NewWords
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.pointer import Pointer
from embodied.planning.constrain import GrammarGuide, PlanConstraint, compile_tokenizer
from embodied.planning.declaration import declaration
from embodied.planning.grammar import Without, plan_grammar
from embodied.prompt import MAX_OBJECTS, Entity, Prompt, Sample
from envs.skills.signatures import TABLETOP
from tests.embodied.agents.test_batches import CORPUS, NEAR_TIE, VISION, prompt, wide_backend

ROUNDING = 1e-4
"""Of log-probabilities, between products of one token and of several; the logits are forty times as wide as usual."""
MOST = 24
LLAMA = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256}
FAMILIES = {
    "llama": LLAMA, "qwen2": LLAMA | {"model_type": "qwen2"}, "qwen3": LLAMA | {"model_type": "qwen3", "head_dim": 16},
    "mistral": LLAMA | {"model_type": "mistral", "sliding_window": None},
    "gpt2": {"model_type": "gpt2", "n_embd": 32, "n_inner": 64, "n_layer": 2, "n_head": 2, "n_positions": 256},
    "opt": {"model_type": "opt", "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "max_position_embeddings": 256, "word_embed_proj_dim": 32},
    "embodied_decoder": LLAMA | {
        "model_type": "embodied_decoder", "attention_pattern": ["block_sparse", "sliding_window"], "sliding_window": 20,
        "block_size": 8, "local_blocks": 2, "stride_blocks": 4, "position_embedding_type": "alibi",
        "num_local_experts": 4}}


def of_family(family: str) -> LocalBackend:
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model, processor = build(FAMILIES[family], VISION, corpus=CORPUS, projector_width=32,
                                 facts=Facts(plan_language=declaration(TABLETOP)))
        with torch.no_grad():
            for parameter in model.language.parameters():
                parameter.mul_(3.0)
    return LocalBackend(model, processor)


@pytest.fixture(scope="module")
def backend() -> LocalBackend:
    return wide_backend()


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing is remembered of the tests before."""
    if "backend" in request.fixturenames:
        request.getfixturevalue("backend")._writer.forget()
    yield


def generated(backend: LocalBackend, asked: Prompt, grammar: str) -> list[int]:
    """The tokens that `generate` of transformers gives."""
    batch = backend.processor([asked], padding_side="left")
    constraint = PlanConstraint(compile_tokenizer(backend.processor.tokenizer), [grammar])
    out = backend.model.generate(**batch, do_sample=False, max_new_tokens=MOST,
                                 logits_processor=LogitsProcessorList([constraint]))
    return out[0, batch["input_ids"].shape[1]:].tolist()


def asked_of(backend: LocalBackend, asked: Prompt, objects: int) -> Sample:
    return backend.complete(asked, plan_grammar(TABLETOP, objects), max_new_tokens=MOST, seed=0)


def is_like(a: Sample, b: Sample) -> None:
    """The same tokens, as likely as before but for rounding."""
    assert a.token_ids == b.token_ids
    for name in ("log_probs", "masked_log_probs"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_writes_what_generate_does(family: str):
    backend = of_family(family)
    for words, objects in ((0, 2), (3, 5), (7, 1)):
        answer = asked_of(backend, prompt(words, objects), objects)
        stock = generated(backend, prompt(words, objects), answer.grammar)
        place = next((i for i, (a, b) in enumerate(zip(answer.token_ids, stock, strict=False)) if a != b), None)
        assert place is None or _is_near_tie(backend, answer, place), (answer.token_ids, stock)
    fast = isinstance(make_decoder(backend.model.language), RotaryDecoder)
    assert fast == (family in ("llama", "qwen2"))


def _is_near_tie(backend: LocalBackend, answer: Sample, place: int) -> bool:
    """Whether the second likeliest token was nearly as likely as the one that was chosen at a place."""
    batch = backend.processor([answer.prompt], [answer.token_ids[:place + 1]])
    with torch.inference_mode():
        batch.pop("labels")
        logits = backend.model(**batch, use_cache=False).logits[0, -2]
    guide = GrammarGuide(compile_tokenizer(backend.processor.tokenizer), answer.grammar, len(logits))
    best = logits[torch.from_numpy(guide.allowed(answer.token_ids[:place]))].topk(2).values
    return bool(best[0] - best[1] < NEAR_TIE)


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_what_was_read_before_changes_no_answer(backend: LocalBackend, temperature: float):
    """To the bit on the machine that this was written on; within rounding anywhere."""
    asks = [(words, objects) for words in (0, 1, 5, 9) for objects in (1, 4, 6)]
    mine, plain = (LocalBackend(backend.model, backend.processor, temperature=temperature) for _ in range(2))
    plain._writer.remembers = False
    for words, objects in asks + asks[::-1]:
        is_like(asked_of(mine, prompt(words, objects), objects), asked_of(plain, prompt(words, objects), objects))
    assert len(mine._writer._memory.prefixes) == prefixes.MOST_KEPT and not len(plain._writer._memory.prefixes)


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_what_must_follow_is_read_ahead_and_changes_no_answer(backend: LocalBackend, monkeypatch, temperature: float):
    mine = LocalBackend(backend.model, backend.processor, temperature=temperature)
    ahead = [asked_of(mine, prompt(words, 3), 3) for words in range(6)]
    monkeypatch.setattr(rows, "MOST_GUESSES", 0)
    mine._writer.forget()
    for words, answer in enumerate(ahead):
        is_like(asked_of(mine, prompt(words, 3), 3), answer)


def test_fewer_passes_than_tokens(backend: LocalBackend, monkeypatch):
    passes, one = [], RotaryDecoder.__call__
    monkeypatch.setattr(RotaryDecoder, "__call__", lambda *inputs: (passes.append(0), one(*inputs))[1])
    answer = asked_of(backend, prompt(0, 3), 3)
    assert len(passes) < len(answer.token_ids)


def test_what_was_read_of_an_answer_is_not_read_again(backend: LocalBackend, monkeypatch):
    """The same answer takes no pass; when it may not be given again, reading goes on where the other one parts."""
    first = asked_of(backend, prompt(0, 3), 3)
    passes, one = [], RotaryDecoder.__call__
    monkeypatch.setattr(RotaryDecoder, "__call__", lambda *inputs: (passes.append(0), one(*inputs))[1])
    monkeypatch.setattr(rows, "MOST_GUESSES", MOST)
    is_like(asked_of(backend, prompt(0, 3), 3), first)
    assert not passes
    longer = plan_grammar(TABLETOP, 3, without=Without(steps=3, refusal=True))
    ahead = backend.complete(prompt(0, 3), longer, max_new_tokens=MOST, seed=0)
    backend.forget()
    is_like(backend.complete(prompt(0, 3), longer, max_new_tokens=MOST, seed=0), ahead)


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_guesses_change_no_answer(backend: LocalBackend, temperature: float):
    """Right ones and wrong ones: of other scenes, and of a backend that is asked alone."""
    mine, plain = (LocalBackend(backend.model, backend.processor, temperature=temperature) for _ in range(2))
    plain._writer.remembers = False
    for words, objects in ((0, 3), (0, 3), (1, 4), (1, 5), (4, 2), (0, 3)):
        is_like(asked_of(mine, prompt(words, objects), objects), asked_of(plain, prompt(words, objects), objects))


def test_a_prompt_that_looks_otherwise_is_read_anew(backend: LocalBackend):
    """The same words over other pictures: the beginning ends where the pictures do."""
    seen = prompt(0, 3)
    other = Prompt(tuple(replace(s, slot=replace(s.slot, crop=255 - s.slot.crop)) if isinstance(s, Entity) else s
                         for s in seen.segments))
    first, second = asked_of(backend, seen, 3), asked_of(backend, other, 3)
    backend._writer.forget()
    is_like(asked_of(backend, other, 3), second)
    assert first.log_probs != second.log_probs


def test_other_weights_forget_what_was_read(backend: LocalBackend):
    before = asked_of(backend, prompt(2, 3), 3)
    weight = backend.model.language.base_model.layers[0].mlp.down_proj.weight
    kept = weight.detach().clone()
    optimizer = torch.optim.AdamW([weight], lr=0.3, fused=True)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    weight.grad = None
    changed = asked_of(backend, prompt(2, 3), 3)
    backend._writer.forget()
    is_like(asked_of(backend, prompt(2, 3), 3), changed)
    with torch.no_grad():
        weight.copy_(kept)
    is_like(asked_of(backend, prompt(2, 3), 3), before)
    assert changed.log_probs != before.log_probs


def test_adapters_take_part_and_are_noticed():
    peft = pytest.importorskip("peft")
    backend = wide_backend()
    before = asked_of(backend, prompt(2, 3), 3)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        peft.inject_adapter_in_model(peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"],
                                                     init_lora_weights=False), backend.model.language)
    backend.model.eval()
    adapted = asked_of(backend, prompt(2, 3), 3)
    for layer in backend.model.modules():
        if isinstance(layer, peft.tuners.tuners_utils.BaseTunerLayer):
            layer.enable_adapters(False)
    is_like(asked_of(backend, prompt(2, 3), 3), before)
    assert adapted.log_probs != before.log_probs


def test_memory_is_bounded(backend: LocalBackend, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_KEPT", 5)
    monkeypatch.setattr(prefixes, "MOST_BYTES", 200_000)
    for words in range(12):
        asked_of(backend, prompt(words, 1 + words % 6), 1 + words % 6)
    memory = backend._writer._memory
    assert 0 < len(memory.prefixes) <= prefixes.MOST_KEPT and memory.prefixes.bytes <= 200_000
    assert len(memory.pictures) == 5


def test_threads_share_a_memory(backend: LocalBackend):
    asks = [(words, 1 + words % 4) for words in range(8)]
    alone = [asked_of(backend, prompt(*ask), ask[1]) for ask in asks]
    backend._writer.forget()
    found: dict[int, Sample] = {}

    def ask(place: int) -> None:
        found[place] = asked_of(backend, prompt(*asks[place]), asks[place][1])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, sample in found.items():
        is_like(sample, alone[place])
    assert len(found) == len(asks)


def test_a_guide_lets_what_the_mask_lets(backend: LocalBackend):
    answer = asked_of(backend, prompt(0, 3), 3)
    compiled, width = compile_tokenizer(backend.processor.tokenizer), backend.model.word_count
    guide, mask = GrammarGuide(compiled, answer.grammar, width), PlanConstraint(compiled, [answer.grammar])
    ids = (0, *answer.token_ids)
    for length in range(1, len(ids)):
        scores = mask(torch.tensor([ids[:length]]), torch.zeros(1, width))[0]
        assert guide.allowed(ids[1:length]).tolist() == torch.where(scores == 0)[0].tolist()
        assert set(guide.forced(ids[1:length])[:1]) <= set(guide.allowed(ids[1:length]).tolist())


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_ways_to_run_a_decoder_agree(family: str):
    """Stock, ours in torch and ours in numpy; one row and several of different lengths."""
    language = of_family(family).model.language
    ways = {"stock": StockDecoder(language.base_model)} | {name: make_decoder(language) for name in ("numpy", "torch")}
    assert ways["numpy"]._narrow is not None
    ways["torch"]._narrow = None
    embeds = torch.randn(2, 24, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for count in (1, 2):
            caches = {name: make_cache(language, count, 48, embeds) for name in ways}
            for width, is_prompt in ((12, True), (1, False), (3, False)):
                found = {name: way(embeds[:count, :width], cache, cache.reading(width, is_prompt=is_prompt))
                         for (name, way), cache in zip(ways.items(), caches.values(), strict=True)}
                for name in ("numpy", "torch"):
                    torch.testing.assert_close(found[name], found["stock"], atol=2e-5, rtol=2e-5)
                for cache in caches.values():
                    cache.lengths = [length + width - row for row, length in enumerate(cache.lengths)]


@pytest.mark.parametrize("sizes", [(576, 300), (300, 576)])
def test_products_of_few_tokens_are_those_of_the_layer(sizes: tuple[int, int], monkeypatch):
    layer = torch.nn.Linear(*sizes)
    monkeypatch.setattr(products, "LARGE", 1000)
    for count in range(1, 7):
        inputs = torch.randn(1, count, sizes[0])
        with torch.inference_mode():
            torch.testing.assert_close(project(layer, inputs), layer(inputs), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("is_biased", [True, False])
def test_weights_laid_out_say_what_the_layers_do(is_biased: bool, monkeypatch):
    monkeypatch.setattr(products, "LARGE", 1000)
    parts = [torch.nn.Linear(48, width, bias=is_biased) for width in (64, 32)]
    assert products.can_be_laid_out(torch.nn.ModuleList(parts)) and not products.can_be_laid_out(torch.nn.ReLU())
    with torch.inference_mode():
        ways = [products.product(parts, lays_out=lays_out) for lays_out in (True, False)]
        for count in (1, 2, 3, 4, 7, 30):
            states = torch.randn(1, count, 48)
            expected = torch.cat([part(states) for part in parts], dim=-1)
            for way in ways:
                torch.testing.assert_close(way(states), expected, atol=1e-5, rtol=1e-5)


def test_merged_adapters_are_read_with_the_weights(monkeypatch):
    peft = pytest.importorskip("peft")
    monkeypatch.setattr(products, "LARGE", 100)
    model = torch.nn.Sequential(torch.nn.Linear(24, 40))
    peft.inject_adapter_in_model(peft.LoraConfig(r=4, target_modules=["0"], init_lora_weights=False), model)
    inputs = torch.randn(1, 2, 24)
    with torch.inference_mode():
        for merge in (False, True):
            if merge:
                model[0].merge()
            way = products.product([model[0]], lays_out=True)
            assert isinstance(way, products._LaidOut) == merge
            torch.testing.assert_close(way(inputs), model[0](inputs), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("few", [(0, 3, 17), (5,), (2, 40, 41, 44), (38, 45)])
def test_few_words_are_scored_as_all_are(few: tuple[int, ...]):
    """Old words and new ones, names among them."""
    model = FakeModel()
    head, words = heads.Head(model), np.array(few)
    hidden, keys = torch.randn(1, 2, 8), torch.randn(1, MAX_OBJECTS, 8)
    with torch.inference_mode():
        for objects in (keys, None):
            said = heads.Pass(head, hidden, objects)
            assert head.is_few(words) and not head.is_few(np.arange(46))
            for place in range(2):
                np.testing.assert_allclose(said.scores(0, place, words),
                                           head.all(hidden, objects)[0, place, words], atol=1e-5)


class FakeModel:
    """A head of 40 words, padded, and 6 new ones beside; the last twelve name objects."""

    def __init__(self) -> None:
        self.word_count, self.new_words = 46, NewWords(40, 6, 8, is_tied=True)
        self.pointer, self._head = Pointer(8), torch.nn.Linear(8, 42)
        self.config = SimpleNamespace(name_first_id=46 - MAX_OBJECTS)
        torch.nn.init.normal_(self.new_words.rows)

    def get_output_embeddings(self) -> torch.nn.Module:
        return self._head

    def point(self, logits: torch.Tensor, hidden: torch.Tensor, keys: torch.Tensor | None) -> torch.Tensor:
        return PalmEForConditionalGeneration.point(self, logits, hidden, keys)

    def _named(self, logits: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
        return PalmEForConditionalGeneration._named(self, logits, fits)


def test_a_plain_adapter_is_added_as_peft_does():
    peft = pytest.importorskip("peft")
    model = torch.nn.Sequential(torch.nn.Linear(24, 40))
    peft.inject_adapter_in_model(peft.LoraConfig(r=4, target_modules=["0"], init_lora_weights=False), model)
    inputs = torch.randn(1, 2, 24)
    with torch.inference_mode():
        for is_on in (True, False):
            model[0].enable_adapters(is_on)
            torch.testing.assert_close(project(model[0], inputs), model[0](inputs), atol=1e-5, rtol=1e-5)


def test_rows_of_a_cache_have_their_own_lengths():
    cache = KeyValues(1, 2, 1, 8, 1, torch.zeros(1))
    cache.lengths = [1, 3]
    reading = cache.reading(2, is_prompt=False)
    assert reading.places.tolist() == [[1, 2], [3, 4]] and reading.reach == 5
    assert reading.mask[:, 0].int().tolist() == [[[1, 1, 0, 0, 0], [1, 1, 1, 0, 0]], [[1, 1, 1, 1, 0], [1] * 5]]


def test_more_than_a_window_is_refused():
    language = of_family("mistral").model.language
    language.config.sliding_window = 8
    with pytest.raises(ValueError, match="at most 8 tokens"):
        make_cache(language, 1, 16, torch.zeros(1))
