"""Packed layers give what those of transformers give, and their gradients, to 1e-5."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from embodied.models import frozen, packed
from embodied.training.roofline import products_of, products_s

SIZES = {"vocab_size": 64, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
         "num_attention_heads": 4, "max_position_embeddings": 256}
CONFIGS = {"llama": LlamaConfig(**SIZES), "shared keys": LlamaConfig(**SIZES, num_key_value_heads=2),
           "qwen2": Qwen2Config(**SIZES, num_key_value_heads=4)}
LENGTHS = torch.tensor([9, 14, 11, 14])


def a_decoder(config):
    """A decoder none of whose weights is special."""
    torch.manual_seed(0)
    decoder = AutoModelForCausalLM.from_config(config).model.train()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return decoder


def compare(decoder, lengths=LENGTHS, is_wanted=0.4):
    """Largest relative differences (states, gradient of the embeddings, gradients of the weights)."""
    width, size = int(lengths.max()), decoder.config.hidden_size
    mask = (torch.arange(width) < lengths[:, None]).long()
    wanted = (torch.rand(mask.shape) < is_wanted) & mask.bool()
    wanted[0, 0] = True
    embeds, grad = torch.randn(*mask.shape, size), torch.randn(*mask.shape, size) * wanted[..., None]
    found = []
    for run in (lambda e: decoder(inputs_embeds=e, attention_mask=mask, use_cache=False).last_hidden_state,
                lambda e: packed.packed_states(decoder, e, mask, wanted)):
        leaf = embeds.clone().requires_grad_()
        decoder.zero_grad(set_to_none=True)
        states = run(leaf) * wanted[..., None]
        states.backward(grad)
        gradients = [p.grad.flatten() for p in decoder.parameters() if p.grad is not None]
        found.append((states.detach(), leaf.grad, torch.cat([*gradients, leaf.new_ones(1)])))
    return [float((here - there).norm() / here.norm()) for here, there in zip(*found, strict=True)]


@pytest.mark.parametrize("name", CONFIGS)
def test_packed_layers_are_those_of_transformers(name):
    decoder = a_decoder(CONFIGS[name])
    assert packed.why_not_packable(decoder) is None
    assert max(compare(decoder)) < 1e-5
    assert max(compare(decoder, lengths=torch.tensor([7, 7]))) < 1e-5  # no padding


def test_long_sentences_go_another_way_to_the_same_end(monkeypatch):
    monkeypatch.setattr(packed, "SHORT", 4)
    assert max(compare(a_decoder(CONFIGS["llama"]))) < 1e-5


def test_frozen_layers_pass_gradients_on():
    decoder = a_decoder(CONFIGS["qwen2"]).requires_grad_(False)
    assert max(compare(decoder)) < 1e-5
    decoder.layers[1].mlp.requires_grad_(True)
    assert max(compare(decoder)) < 1e-5


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "down_proj"]])
def test_low_rank_adapters_learn_as_in_peft(targets):
    peft = pytest.importorskip("peft")
    decoder = a_decoder(CONFIGS["shared keys"])
    adapted = peft.inject_adapter_in_model(
        peft.LoraConfig(r=4, lora_alpha=6, target_modules=targets, init_lora_weights=False), decoder)
    assert packed.why_not_packable(adapted) is None
    assert max(compare(adapted)) < 1e-5


@pytest.mark.parametrize(("settings", "fault"), [({"lora_dropout": 0.1}, "drop out"), ({"use_dora": True}, "DoRA"),
                                                 ({"lora_bias": True}, "biases")])
def test_adapters_of_other_kinds_go_the_stock_way(settings, fault):
    peft = pytest.importorskip("peft")
    adapted = peft.inject_adapter_in_model(
        peft.LoraConfig(r=4, lora_alpha=6, target_modules=["q_proj"], **settings), a_decoder(CONFIGS["qwen2"]))
    assert fault in packed.why_not_packable(adapted.train())
    for layer in adapted.modules():
        if hasattr(layer, "lora_A"):
            layer.enable_adapters(False)
    assert packed.why_not_packable(adapted) is None


def test_what_it_cannot_do_is_said():
    decoder = a_decoder(LlamaConfig(**SIZES, hidden_act="gelu"))
    assert "gelu" in packed.why_not_packable(decoder)
    decoder = a_decoder(CONFIGS["llama"])
    with pytest.raises(ValueError, match="padding on the right"):
        packed.packed_states(decoder, torch.zeros(1, 2, 48), torch.tensor([[0, 1]]), torch.tensor([[False, True]]))


@pytest.mark.parametrize("most", [0, frozen.MOST_COPIED], ids=["as they lie", "laid out"])
def test_frozen_products_are_those_of_the_layers_also_after_their_weights_changed(most, monkeypatch):
    monkeypatch.setattr(frozen, "MOST_COPIED", most)
    torch.manual_seed(0)
    linears = [torch.nn.Linear(24, wide, bias=wide == 16).requires_grad_(False) for wide in (8, 16)]
    adapter = frozen.Adapter(torch.randn(4, 24), torch.randn(16, 4), 0.5)
    states, grad = torch.randn(5, 24, requires_grad=True), torch.randn(5, 24)
    for change in (0.0, 1.0):
        for linear in linears:
            linear.weight.data += change  # as peft merges adapters
        with_adapter = linears[1](states) + 0.5 * states @ adapter.down.mT @ adapter.up.mT
        expected = torch.cat([linears[0](states), with_adapter], dim=-1)
        found = frozen.frozen_products(linears, [None, adapter], states)
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(*(torch.autograd.grad(y, states, grad) for y in (found, expected)))


def test_only_plain_frozen_layers_in_training_are_taken_apart():
    learned = torch.nn.Linear(4, 4)
    assert not frozen.is_frozen(learned, torch.zeros(1, 4))
    learned.requires_grad_(False)
    assert frozen.is_frozen(learned, torch.zeros(1, 4))
    assert not frozen.is_frozen(learned, torch.zeros(1, 4, dtype=torch.bfloat16))
    with torch.no_grad():
        assert not frozen.is_frozen(learned, torch.zeros(1, 4))


def test_products_of_frozen_weights_are_counted_there_and_back():
    linear = torch.nn.Linear(24, 16).requires_grad_(False)
    states = torch.randn(5, 24, requires_grad=True)
    counter = products_of(lambda: frozen.frozen_products([linear], [None], states).sum().backward())
    assert counter.flops == 2 * (2 * 5 * 24 * 16) and products_s(counter, rounds=1) >= 0


@pytest.mark.skipif(not frozen.can_round(), reason="this CPU multiplies no bfloat16")
def test_rounded_products_are_near_the_exact_ones_and_end_with_the_block():
    torch.manual_seed(0)
    linear = torch.nn.Linear(64, 96).requires_grad_(False)
    adapter = frozen.Adapter(torch.randn(4, 64, requires_grad=True), torch.randn(96, 4, requires_grad=True), 0.1)
    states, grad = torch.randn(40, 64), torch.randn(40, 96)

    def learned(is_exact=False):
        leaf = states.clone().requires_grad_()
        out = frozen.frozen_products([linear], [adapter], leaf, is_exact=is_exact)
        return out.detach(), *torch.autograd.grad((out * grad).sum(), [leaf, adapter.down, adapter.up])

    exact = learned()
    with frozen.rounded_products():
        rounded, kept = learned(), learned(is_exact=True)
    apart = [float((here - there).norm() / here.norm()) for here, there in zip(exact, rounded, strict=True)]
    assert 1e-4 < apart[0] < 1e-2 and 1e-4 < apart[1] < 1e-2 and max(apart[2:]) < 1e-5
    assert all(torch.equal(*pair) for pair in zip(exact, kept, strict=True))
    assert all(torch.equal(*pair) for pair in zip(exact, learned(), strict=True))
