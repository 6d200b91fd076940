"""Our own decoder: every choice of its configuration decodes with a cache as without, is saved and read again, and is
refused where it cannot be; experts say what all of them, weighted, say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
from transformers.models.llama.modeling_llama import LlamaMLP

from embodied.data.batches import Batch
from embodied.models.configuration import language_config
from embodied.models.decoding.decoders import StockDecoder, make_cache, make_decoder
from embodied.models.known_values import InvalidValueError
from embodied.models.own_decoder import attention
from embodied.models.own_decoder.checks import DEFAULTS
from embodied.models.own_decoder.configuration import OwnDecoderConfig
from embodied.models.own_decoder.mixture import Mixture
from embodied.training.job import checkpoint_activations
from embodied.training.objectives.language import next_token
from embodied.training.objectives.losses import balance_loss
from embodied.training.objectives.sft import sft
from embodied.training.parallel import pipeline, tensor
from embodied.training.parallel.estimate import shape_of
from embodied.training.roofline import products_of
from tests.embodied.models.test_planner import make
from tests.embodied.training import ranks

SIZES = {"model_type": "embodied_decoder", "vocab_size": 67, "hidden_size": 32, "intermediate_size": 48,
         "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
SPARSE = {"attention_pattern": ["dense", "block_sparse"], "block_size": 4, "local_blocks": 2, "stride_blocks": 3}
WINDOW = {"attention_pattern": ["sliding_window"], "sliding_window": 5}
MIXTURE = {"num_local_experts": 4}
CHOICES = {
    "dense": {}, "learned": {"position_embedding_type": "learned"}, "alibi": {"position_embedding_type": "alibi"},
    "sparse": SPARSE, "window": WINDOW, "mixture": MIXTURE, "switch": {**MIXTURE, "num_experts_per_tok": 1},
    "all": {**SPARSE, **WINDOW, **MIXTURE, "attention_pattern": ["block_sparse", "sliding_window"],
            "position_embedding_type": "alibi", "global_blocks": 1, "tie_word_embeddings": True}}
EACH = [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("sparse", "all"))) for name in CHOICES]


def made(**chosen: Any) -> nn.Module:
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(language_config({**SIZES, **chosen})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)  # so that attention and experts are far from even
    return model


def words(rows: int, length: int) -> Tensor:
    return torch.randint(3, 67, (rows, length), generator=torch.Generator().manual_seed(length))


@pytest.mark.parametrize("padding", [0, 4], ids=["stretches", "padded"])
@pytest.mark.parametrize("choice", EACH)
@torch.no_grad()
def test_a_cache_changes_no_logits(choice: str, padding: int, monkeypatch: pytest.MonkeyPatch):
    """Of transformers' generate, a step at a time, one row padded on the left."""
    monkeypatch.setattr(attention, "SHORT", 0)
    model, ids = made(**CHOICES[choice]), words(2, 11)
    ids[0, :padding] = 0
    out = model.generate(ids, attention_mask=(ids > 0).long(), max_new_tokens=12, do_sample=False, eos_token_id=None,
                         output_logits=True, return_dict_in_generate=True)
    told = torch.stack(out.logits, dim=1)
    for row, first in enumerate((padding, 0)):
        whole = model(out.sequences[row:row + 1, first:-1], use_cache=False).logits[:, 10 - first:]
        torch.testing.assert_close(told[row:row + 1], whole, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("choice", EACH)
@torch.no_grad()
def test_our_own_loop_reads_what_one_pass_reads(choice: str):
    """Two rows of several lengths, beyond any window, some tokens at a time."""
    model = made(**CHOICES[choice])
    run, texts = make_decoder(model), [words(1, 13), words(1, 9)]
    assert isinstance(run, StockDecoder)
    cache, told, more = make_cache(model, 2, 64, model.lm_head.weight), [], words(2, 24)
    prompt = torch.cat([F.pad(text, (0, 16 - text.shape[1])) for text in texts])
    run(model.get_input_embeddings()(prompt), cache, cache.reading(16, is_prompt=True))
    cache.lengths = [13, 9]
    for start in range(0, 24, 3):
        read = cache.reading(3, is_prompt=False)
        told.append(run(model.get_input_embeddings()(more[:, start:start + 3]), cache, read))
        cache.lengths = [length + 3 for length in cache.lengths]
    for row, text in enumerate(texts):
        whole = model.model(torch.cat([text, more[row:row + 1]], dim=1), use_cache=False).last_hidden_state
        torch.testing.assert_close(torch.cat(told, dim=1)[row:row + 1], whole[:, text.shape[1]:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("choice", EACH)
def test_no_token_hears_of_a_later_one_and_padding_says_nothing(choice: str):
    model, ids = made(**CHOICES[choice]), words(1, 40)
    other = ids.clone()
    other[:, 30:] = (other[:, 30:] - 2) % 64 + 3
    with torch.no_grad():
        before, after = (model(one, use_cache=False).logits for one in (ids, other))
        torch.testing.assert_close(before[:, :30], after[:, :30], atol=1e-5, rtol=0)
        assert not torch.allclose(before[:, 30:], after[:, 30:], atol=1e-2)
        padded = torch.cat([words(1, 3), ids], dim=1)
        mask = (torch.arange(43) >= 3).long()[None]
        torch.testing.assert_close(model(padded, attention_mask=mask).logits[:, 3:], before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("choice", EACH)
def test_what_is_saved_is_read_again(choice: str, tmp_path: Path):
    model, ids = made(**CHOICES[choice]), words(1, 20)
    model.save_pretrained(tmp_path)
    again, base = AutoModelForCausalLM.from_pretrained(tmp_path).eval(), AutoModel.from_pretrained(tmp_path).eval()
    assert isinstance(AutoConfig.from_pretrained(tmp_path), OwnDecoderConfig)
    assert all(getattr(again.config, key) == getattr(model.config, key) for key in (*DEFAULTS, "layer_types"))
    with torch.no_grad():
        assert torch.equal(model(ids).logits, again(ids).logits)
        assert torch.equal(again.lm_head(base(ids).last_hidden_state), model(ids).logits)


@pytest.mark.parametrize("choice", EACH)
def test_layers_that_are_computed_again_learn_the_same(choice: str):
    grads = []
    for is_checkpointed in (False, True):
        model = made(**CHOICES[choice]).train()
        if is_checkpointed:
            checkpoint_activations(model)
        model(words(2, 20), labels=words(2, 20), use_cache=False).loss.backward()
        grads.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_alibi_needs_no_table_and_learned_positions_end():
    """A text four times as long as max_position_embeddings is read, as its formula says; learned positions are not."""
    long = words(1, 256)
    model = made(position_embedding_type="alibi", num_hidden_layers=1)
    assert not any("position" in name for name in model.state_dict())
    layer = model.model.layers[0]
    states = layer.input_layernorm(model.model.embed_tokens(long))
    heads = [part.unflatten(-1, (-1, 8)).transpose(1, 2) for part in (
        layer.self_attn.q_proj(states), layer.self_attn.k_proj(states), layer.self_attn.v_proj(states))]
    query, key, value = heads[0], *(part.repeat_interleave(2, dim=1) for part in heads[1:])
    places = torch.arange(256)
    slopes = torch.tensor([2.0 ** (-2 * (head + 1)) for head in range(4)])[:, None, None]
    scores = query @ key.mT / 8 ** 0.5 - slopes * (places[:, None] - places)
    scores = scores.masked_fill(places > places[:, None], float("-inf"))
    seen = layer.self_attn.o_proj((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))
    states = model.model.embed_tokens(long) + seen
    states = states + layer.mlp(layer.post_attention_layernorm(states))
    torch.testing.assert_close(model(long).logits, model.lm_head(model.model.norm(states)), atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match=r"expected at most 64 tokens, the learned positions .*got 256"):
        made(position_embedding_type="learned")(long)


def mixture(**chosen: Any) -> Mixture:
    return made(**MIXTURE, **chosen).model.layers[0].mlp


def every_expert(mlp: Mixture, states: Tensor) -> Tensor:
    """The plain reference: every expert computes every token, most with a share of zero."""
    shares = mlp.router(states).softmax(dim=-1)
    least = shares.topk(mlp.each, dim=-1).values[..., -1:]
    shares = shares * (shares >= least)
    if mlp.each > 1:
        shares = shares / shares.sum(dim=-1, keepdim=True)
    out = torch.zeros_like(states)
    for number in range(len(mlp.down_proj)):
        gate, up = (states @ mlp.gate_up_proj[number].mT).chunk(2, dim=-1)
        out = out + shares[..., number:number + 1] * ((F.silu(gate) * up) @ mlp.down_proj[number].mT)
    return out


@pytest.mark.parametrize("each", [1, 2, 3, 4])
def test_experts_say_what_all_of_them_weighted_say(each: int):
    mlp = mixture(num_experts_per_tok=each)
    states = torch.randn(3, 17, 32, generator=torch.Generator().manual_seed(each))
    outs, grads = [], []
    for compute in (mlp, lambda given: every_expert(mlp, given)):
        given = states.clone().requires_grad_()
        outs.append(compute(given))
        grads.append(torch.autograd.grad((outs[-1] ** 2).sum(), [given, *mlp.parameters()]))
    torch.testing.assert_close(outs[0], outs[1], atol=1e-5, rtol=1e-5)
    for mine, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_one_expert_is_the_dense_network_and_an_unchosen_one_learns_nothing():
    config = language_config({**SIZES, "num_local_experts": 1, "num_experts_per_tok": 1})
    mlp, dense = made(num_local_experts=1, num_experts_per_tok=1).model.layers[0].mlp, LlamaMLP(config)
    gate, up = mlp.gate_up_proj[0].detach().chunk(2)
    down = mlp.down_proj[0].detach()
    dense.load_state_dict({"gate_proj.weight": gate, "up_proj.weight": up, "down_proj.weight": down})
    states = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(mlp(states), dense(states), atol=1e-6, rtol=1e-6)
    many = mixture(num_experts_per_tok=1)
    with torch.no_grad():
        many.router.weight.zero_()[2] = 1.0
    many(torch.ones(1, 6, 32)).sum().backward()
    assert [bool(grad.any()) for grad in many.down_proj.grad] == [False, False, True, False]


def test_only_the_chosen_experts_compute():
    def flops(each: int) -> int:
        mlp, states = mixture(num_experts_per_tok=each), torch.randn(1, 64, 32)
        router = 2 * 64 * 32 * 4
        with torch.no_grad():
            return products_of(lambda: mlp(states)).flops - router - 2 * 64 * each * 32

    network = 2 * 64 * 3 * 32 * 48
    assert [flops(each) for each in (1, 2, 4)] == [network, 2 * network, 4 * network]


def test_balance_is_one_where_experts_are_asked_alike_and_as_many_where_one_is():
    alike = 100.0 * torch.eye(4).repeat(3, 1)
    one = 100.0 * torch.eye(4)[[0] * 12]
    assert balance_loss([alike], 1).item() == pytest.approx(1.0) and balance_loss([one], 1).item() == pytest.approx(4.0)
    assert balance_loss([alike, one], 1).item() == pytest.approx(2.5)
    both = torch.cat([alike, one])
    assert balance_loss([both], 1, torch.arange(24) < 12).item() == pytest.approx(1.0)
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    shares, counts = logits.softmax(-1), torch.zeros(4)
    for row in shares:
        counts[row.topk(2).indices] += 1
    assert balance_loss([logits], 2).item() == pytest.approx(float(4 * (counts / 100 * shares.mean(0)).sum()), rel=1e-5)


def test_balance_is_learned_where_it_is_configured_and_not_measured():
    batch, losses = Batch(0, ("a",), {"input_ids": words(2, 20)}), {}
    for weight in (0.0, 0.5):
        model = made(**MIXTURE, router_aux_loss_coef=weight)
        measured, _ = next_token(model, batch)
        loss, metrics = next_token(model.train(), batch)
        losses[weight] = loss.item()
        assert measured.item() == pytest.approx(losses[0.0], rel=1e-5) and ("balance_loss" in metrics) == (weight > 0)
    assert 0.5 <= metrics["balance_loss"].item() < 2.0
    assert losses[0.5] - losses[0.0] == pytest.approx(metrics["balance_loss"].item(), rel=1e-4)


@pytest.mark.parametrize("choice", ["mixture", "all"])
def test_a_planner_stands_on_it_and_learns_to_balance(choice: str):
    chosen = {**CHOICES[choice], "router_aux_loss_coef": 0.5, "max_position_embeddings": 256}
    planner = make({**SIZES, **chosen})
    model, batch = planner[0], ranks.planner_batch(planner, range(2))
    plain, _ = sft(model, batch)
    loss, metrics = sft(model.train(), batch)
    assert loss.item() - plain.item() == pytest.approx(metrics["balance_loss"].item(), rel=1e-3)
    loss.backward()
    routers = [layer.mlp.router.weight.grad for layer in model.language.base_model.layers]
    assert all(bool(grad.any()) for grad in routers)


REFUSED = [
    ({**WINDOW, "sliding_window": 0}, "sliding_window: expected a number from 1 to"),
    ({**WINDOW, "sliding_window": None}, "sliding_window: expected a number of tokens where attention_pattern has"),
    ({"sliding_window": 8}, "sliding_window: expected a number of tokens where .* null elsewhere, got 8"),
    ({"attention_pattern": []}, "attention_pattern: expected 1 to 2"),
    ({"attention_pattern": ["dense"] * 3}, r"attention_pattern: expected 1 to 2 \(num_hidden_layers\)"),
    ({"attention_pattern": ["banded"]}, "attention_pattern: expected .* of dense, sliding_window, block_sparse"),
    ({**SPARSE, "block_size": 24}, "block_size: expected a divisor of max_position_embeddings=64, got 24"),
    ({**SPARSE, "local_blocks": 0}, "local_blocks: expected a number from 1"),
    ({**SPARSE, "stride_blocks": -1}, "stride_blocks: expected a number from 0"),
    ({"num_local_experts": 2, "num_experts_per_tok": 3}, "num_experts_per_tok: expected at most num_local_experts=2"),
    ({"num_local_experts": 4, "num_experts_per_tok": 0}, "num_experts_per_tok: expected a number from 1"),
    ({"num_key_value_heads": 3}, "num_key_value_heads: expected a divisor of num_attention_heads=4, got 3"),
    ({"hidden_size": 34}, "num_attention_heads: expected a divisor of hidden_size=34"),
    ({"head_dim": 5}, "expected learned or alibi for heads of 5 numbers"),
    ({"position_embedding_type": "sinusoidal"}, "position_embedding_type: expected one of rotary, learned, alibi"),
    ({"router_aux_loss_coef": -1.0}, "router_aux_loss_coef: expected a number from 0"),
    ({"experts": 4}, "experts: expected a file without this key")]


@pytest.mark.parametrize(("chosen", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_what_cannot_be_is_refused_before_anything_is_built(chosen: dict[str, Any], message: str):
    with pytest.raises(InvalidValueError, match=message):
        language_config({**SIZES, **chosen})


def test_layouts_that_cannot_divide_it_say_so():
    model = made(**MIXTURE)
    with pytest.raises(ValueError, match=r"decoder that transformers says how to cut.*choose tensor=1"):
        tensor.divide(model.model, list(model.model.layers), _Two(), is_sequence=False)
    line = pipeline.Line((0, 1), 0, None)
    with pytest.raises(ValueError, match=r"a loss of their own.*pipeline=1, or router_aux_loss_coef=0"):
        pipeline.divide(model.model, line)
    with pytest.raises(ValueError, match="layers of one kind"):
        pipeline.divide(made(**WINDOW | {"attention_pattern": ["dense", "sliding_window"]}).model, line)
    with pytest.raises(ValueError, match="of which nothing can be said beforehand"):
        shape_of(model.config)


class _Two:
    def size(self) -> int:
        return 2
