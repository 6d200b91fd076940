"""Tensor and sequence parallelism: each process has some of the heads of every attention and some of the middle of
every feed-forward network (Megatron-LM, Shoeybi et al. 2019); between them, if asked, some of the tokens (Korthikanti
et al. 2022).

Which layer is cut along which side is said by transformers (`base_model_tp_plan` of a configuration), the cutting is
torch's (`parallelize_module`). Departures: embeddings, head, and experts of a mixture are held whole by every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    PrepareModuleInputOutput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)
from torch.nn import functional as F

_PREFIX = "layers.*."
_NORMS = ("input_layernorm", "post_attention_layernorm")
_TOKENS = 1  # axis of hidden states, float[B, T, D]
_HEADS = 2  # axis of what attention makes of them, float[B, T, heads, width]
SUMMED = "replicated_with_grad_allreduce"
"""What transformers calls a weight that every process has whole, and uses for its own heads alone."""


def divide(decoder: nn.Module, layers: list[nn.Module], mesh: DeviceMesh, *, is_sequence: bool) -> None:
    """Cut the given layers of a decoder, in place. mesh: of one dimension. ValueError for a decoder that cannot be."""
    plan = _plan(decoder, layers, mesh.size())
    learns = {name: parameter.requires_grad for name, parameter in decoder.named_parameters()}
    for layer in layers:
        parts = {name: _cut(how, is_sequence) for name, how in plan.items()}
        if is_sequence:
            parts |= {norm: SequenceParallel() for norm in _NORMS} | _gathered(is_cut="mlp.down_proj" in plan)
        parallelize_module(layer, mesh, parts)
    if is_sequence:
        parallelize_module(decoder, mesh, {"norm": SequenceParallel()})
        _pad(decoder, mesh.size())
        layers[0].register_forward_pre_hook(_share_out(mesh))
        decoder.norm.register_forward_hook(lambda *called: called[-1].redistribute(mesh, [Replicate()]).to_local())
    for name, parameter in decoder.named_parameters():  # torch makes new ones, all of which learn
        parameter.requires_grad_(learns[name])


def _gathered(*, is_cut: bool) -> dict[str, Any]:
    """What has the parts of a layer see all tokens. is_cut: whether the feed-forward network is, and gives its own part
    of them itself."""
    some, every = Shard(_TOKENS), Replicate()
    attention = PrepareModuleInput(input_kwarg_layouts={"hidden_states": some},
                                   desired_input_kwarg_layouts={"hidden_states": every})
    network = PrepareModuleInput(input_layouts=(some,), desired_input_layouts=(every,)) if is_cut else (
        PrepareModuleInputOutput(input_layouts=(some,), desired_input_layouts=(every,), use_local_input=True,
                                 output_layouts=(every,), desired_output_layouts=(some,)))
    return {"self_attn": attention, "mlp": network}


def _cut(how: str, is_sequence: bool) -> Any:
    if how == SUMMED:
        return SequenceParallel(sequence_dim=_HEADS, use_local_output=True)  # whose weights are whole, too
    if how == "colwise":
        return ColwiseParallel()
    return RowwiseParallel(output_layouts=Shard(_TOKENS) if is_sequence else Replicate())


def cut_names(decoder: nn.Module, layers: Sequence[nn.Module]) -> list[str]:
    """Names below a layer of what is cut; none of a decoder that cannot be."""
    return [name for name, how in _said(decoder, layers).items() if how != SUMMED]


def _said(decoder: nn.Module, layers: Sequence[nn.Module]) -> dict[str, str]:
    """Name below a layer -> how transformers says that it is to be cut."""
    plan = getattr(decoder.config, "base_model_tp_plan", None) or {}
    said = {name.removeprefix(_PREFIX): how for name, how in plan.items() if name.startswith(_PREFIX)}
    return {name: how for name, how in said.items() if how in ("colwise", "rowwise", SUMMED) and "experts" not in name
            and all(_has(layer, name) for layer in layers)}


def _plan(decoder: nn.Module, layers: list[nn.Module], ranks: int) -> dict[str, str]:
    """Name below a layer -> how it is cut."""
    config, known = decoder.config, _said(decoder, layers)
    if not {"self_attn.q_proj", "self_attn.o_proj"} <= known.keys():
        raise ValueError(f"parallel.tensor={ranks}: expected a decoder that transformers says how to cut, got one of "
                         f"{config.model_type}; choose tensor=1")
    strange = [name for name, how in known.items() if how != SUMMED
               and type(layers[0].get_submodule(name)) is not nn.Linear]
    if strange:
        raise ValueError(f"parallel.tensor={ranks}: expected plain layers, got adapters on {', '.join(strange)}; "
                         "choose tensor=1, or adapter=full")
    counts = {name: getattr(config, name) for name in ("num_attention_heads", "num_key_value_heads",
                                                       "intermediate_size")}
    if any(count % ranks for count in counts.values()):
        listed = ", ".join(f"{name}={count}" for name, count in counts.items())
        raise ValueError(f"parallel.tensor={ranks}: expected a divisor of {listed}; choose another")
    return known


def _has(layer: nn.Module, name: str) -> bool:
    try:
        layer.get_submodule(name)
    except AttributeError:
        return False
    return True


def _pad(decoder: nn.Module, ranks: int) -> None:
    """Have a decoder see sentences of a multiple of `ranks` tokens, and say what it makes of those that were there."""
    lengths: list[int] = []

    def lengthen(_: nn.Module, called: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        given = {name: named[name] for name in _PADDED if named.get(name) is not None}
        lengths.append(given[next(iter(given))].shape[_TOKENS])
        more = -lengths[-1] % ranks
        padded = {name: F.pad(value, (0, 0) * (value.ndim - 2) + (0, more)) for name, value in given.items()}
        return called, named | padded

    def shorten(_: nn.Module, called: tuple[Any, ...], out: Any) -> Any:
        out.last_hidden_state = out.last_hidden_state[:, :lengths.pop()].clone()  # no view: FSDP's hooks hang on it
        return out

    decoder.register_forward_pre_hook(lengthen, with_kwargs=True)
    decoder.register_forward_hook(shorten)


_PADDED = ("input_ids", "inputs_embeds", "attention_mask", "position_ids")


def _share_out(mesh: DeviceMesh) -> Any:
    """A hook that leaves a layer this process's part of the tokens."""
    def hook(_: nn.Module, called: tuple[Any, ...]) -> tuple[Any, ...]:
        states, *others = called
        mine = DTensor.from_local(states, mesh, [Replicate()], run_check=False).redistribute(mesh, [Shard(_TOKENS)])
        return (mine.to_local(), *others)

    return hook
