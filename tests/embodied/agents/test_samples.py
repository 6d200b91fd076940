"""A sample is all that learning needs of a decision: its numbers can be had again from the model, by its tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from embodied.agents.backends.local import LocalBackend
from embodied.models.weights import load_weights, weights_to_bytes
from embodied.planning.constrain import allowed_tokens, compile_tokenizer
from embodied.planning.grammar import plan_grammar
from embodied.prompt import Prompt, Sample
from embodied.training.objectives.losses import token_log_probs
from embodied.training.samples import SampleBatch, allowed_words, sample_batch
from envs.skills.signatures import TABLETOP
from tests.embodied.agents.test_batches import prompt, wide_backend

MOST = 16
ROUNDING = 1e-4  # of float32 log-probabilities between cached decoding and one forward pass


@pytest.fixture(scope="module")
def backend() -> LocalBackend:
    return wide_backend()


def drawn(backend: LocalBackend, *, temperature: float = 0.0, seed: int = 3) -> list[Sample]:
    """Two masked answers and a free one, of prompts of different lengths."""
    warm = LocalBackend(backend.model, backend.processor, temperature=temperature, version=7)
    masked = warm.complete_batch([prompt(0, 2), prompt(5, 4)], [plan_grammar(TABLETOP, 2), plan_grammar(TABLETOP, 4)],
                                 max_new_tokens=MOST, seed=seed)
    return [*masked, warm.complete(prompt(1, 3), None, max_new_tokens=MOST, seed=seed)]


def logits_of(model, batch: SampleBatch) -> torch.Tensor:
    """float[P, V]."""
    return model(**batch.inputs, logits_to_keep=batch.positions).logits


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_its_log_probs_are_those_of_the_model(backend, temperature):
    samples = drawn(backend, temperature=temperature)
    batch = sample_batch(samples, backend.processor)
    with torch.no_grad():
        logits = logits_of(backend.model, batch)
    assert batch.tokens.tolist() == [token for sample in samples for token in sample.token_ids]
    own = token_log_probs(logits, batch.tokens, temperature=batch.temperature)
    torch.testing.assert_close(own, batch.log_probs, atol=ROUNDING, rtol=0)
    allowed = allowed_words(samples, compile_tokenizer(backend.processor.tokenizer), logits.shape[1],
                            backend.model.generation_config.suppress_tokens)
    masked = token_log_probs(logits, batch.tokens, temperature=batch.temperature, allowed=allowed)
    torch.testing.assert_close(masked, batch.masked_log_probs, atol=ROUNDING, rtol=0)
    assert (masked - own).max() > 0.1  # the mask does forbid something


def test_it_says_how_it_was_drawn(backend):
    samples = drawn(backend, temperature=2.0)
    assert [(s.seed, s.version, s.temperature) for s in samples] == [(3, 7, 2.0)] * 3
    assert [s.grammar for s in samples] == [plan_grammar(TABLETOP, 2), plan_grammar(TABLETOP, 4), None]
    assert [s.is_constrained for s in samples] == [True, True, False]
    again = LocalBackend(backend.model, backend.processor, temperature=2.0).complete(
        samples[1].prompt, samples[1].grammar, max_new_tokens=MOST, seed=samples[1].seed)
    assert again.token_ids == samples[1].token_ids


def test_tokens_stay_what_was_sampled(backend):
    """Of "pick" letter by letter, which the tokenizer would write in fewer tokens."""
    tokenizer = backend.processor.tokenizer
    letters = tuple(tokenizer.convert_tokens_to_ids(list("pick")))
    text = backend.processor.decode(letters)
    assert text == "pick" and len(tokenizer(text, add_special_tokens=False)["input_ids"]) < len(letters)
    sample = Sample(text, prompt(0, 1), token_ids=(*letters, tokenizer.eos_token_id), log_probs=(0.0,) * 5,
                    masked_log_probs=(0.0,) * 5)
    cut = replace(sample, token_ids=letters, log_probs=(0.0,) * 4, masked_log_probs=(0.0,) * 4, is_cut=True)
    batch = sample_batch([sample, cut], backend.processor)
    assert batch.tokens.tolist() == [*letters, tokenizer.eos_token_id, *letters]
    assert batch.rows.tolist() == [0] * 5 + [1] * 4


def test_what_has_no_tokens_or_another_temperature_is_refused(backend):
    told = Sample("done()", Prompt(()))
    one = replace(told, token_ids=(1,))
    for samples, message in (([told, one], "1 of them without"), ([], "got none: no model was asked"),
                             ([one, replace(one, temperature=1.0)], "one temperature, got")):
        with pytest.raises(ValueError, match=message):
            sample_batch(samples, backend.processor)


def test_a_grammar_does_not_take_anothers_answer(backend):
    [sample, *_] = drawn(backend)
    tokenizer = compile_tokenizer(backend.processor.tokenizer)
    allowed = allowed_tokens(tokenizer, sample.grammar, sample.token_ids, 500)
    assert allowed.shape == (len(sample.token_ids), 500)
    assert allowed[torch.arange(len(allowed)), torch.tensor(sample.token_ids)].all()
    with pytest.raises(ValueError, match="grammar"):
        allowed_tokens(tokenizer, sample.grammar, sample.token_ids[::-1], 500)


def reinforce(model, batch: SampleBatch, advantages: torch.Tensor) -> torch.Tensor:
    """Scalar L = -1/B sum_i A_i sum_t log p(y_it), after Williams 1992; advantages: A, float[B]."""
    log_probs = token_log_probs(logits_of(model, batch), batch.tokens, temperature=batch.temperature)
    return -(advantages[batch.rows] * log_probs).sum() / len(advantages)


def test_reinforce_takes_ten_lines(backend):
    """Its loss is the arithmetic of what the samples tell, and a step along it makes good answers likelier."""
    model, samples, advantages = backend.model, drawn(backend, temperature=2.0), torch.tensor([1.0, -0.5, 0.25])
    batch, before = sample_batch(samples, backend.processor), weights_to_bytes(model)
    loss = reinforce(model, batch, advantages)
    by_hand = -sum(a * sum(s.log_probs) for a, s in zip(advantages.tolist(), samples, strict=True)) / 3
    assert loss.item() == pytest.approx(by_hand, abs=100 * ROUNDING)
    logits = logits_of(model, batch).detach().requires_grad_()
    score = token_log_probs(logits[:1], batch.tokens[:1], temperature=2.0)
    score.sum().backward()  # d log p(y) / dz = (1[y] - p) / tau
    one = torch.nn.functional.one_hot(batch.tokens[0], logits.shape[1])
    torch.testing.assert_close(logits.grad[0], (one - (logits[0] / 2).softmax(-1)) / 2, atol=1e-6, rtol=0)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-4 * (0 if parameter.grad is None else parameter.grad)
        after = reinforce(model, batch, advantages).item()
    model.zero_grad(set_to_none=True)
    load_weights(model, before)
    assert after < loss.item()


def test_a_backend_goes_on_with_other_weights(backend, tmp_path):
    model, asked = backend.model, (prompt(0, 2), None)
    worker = LocalBackend(model, backend.processor, version=1)
    old, before = weights_to_bytes(model), worker.complete(*asked, max_new_tokens=MOST, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    new, changed = weights_to_bytes(model), worker.complete(*asked, max_new_tokens=MOST, seed=0)
    assert changed.token_ids != before.token_ids
    for version, weights, sample in ((2, old, before), (3, new, changed), (4, tmp_path / "model.safetensors", before)):
        (tmp_path / "model.safetensors").write_bytes(old)
        worker.load_weights(weights, version)
        assert worker.complete(*asked, max_new_tokens=MOST, seed=0) == replace(sample, version=version)
