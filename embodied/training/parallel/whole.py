"""What processes that each hold a part of a model save together, whole, and how each takes its part of it back.

Names, and the numbers that an optimiser counts parameters by, are those of the undivided model: what was saved under
one layout goes on under any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor, distribute_tensor

Rename = Callable[[str], str]
"""The name of a tensor here -> its name in the undivided model."""
Kind = tuple[float, float]
"""Of a group of parameters: weight decay, and the highest learning rate."""


def gather(model: nn.Module, optimizer: torch.optim.Optimizer, rename: Rename, order: Sequence[str], *, gives: bool,
           gives_optimizer: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(weights float[*any], optimiser) of the undivided model, as `placement.State` has them, on every process, each of
    which must call it. order: names of what learns, as an optimiser of the undivided model counts. gives,
    gives_optimizer: whether this process tells the others what it has."""
    names = _names(model, rename)
    weights = {name: _whole(value) for name, value in _stored(model, rename, names).items()}
    slots = {names[id(p)][0]: (kind, {key: _whole(value) for key, value in inner.items()})
             for kind, p, inner in _slots(optimizer)}
    groups = {_kind(group): {key: value for key, value in group.items() if key != "params"}
              for group in optimizer.param_groups}
    mine = (weights if gives else {}, slots if gives_optimizer else {}, groups, _kinds(optimizer, names))
    weights, slots, groups, kinds = map(_joined, zip(*_from_all(mine), strict=True))
    listed = _listed(order, kinds)
    numbers = {name: number for number, name in enumerate(name for names in listed.values() for name in names)}
    found = {numbers[name]: slot for name, (_, slot) in slots.items()}
    return weights, {"state": dict(sorted(found.items())),
                     "param_groups": [{**groups[kind], "params": [numbers[name] for name in names]}
                                      for kind, names in listed.items()]}


def scatter(weights: Mapping[str, Tensor], saved: Mapping[str, Any], model: nn.Module,
            optimizer: torch.optim.Optimizer, rename: Rename, order: Sequence[str]) -> None:
    """Take back this process's part of what `gather` gave, or an undivided training saved, weights float[*any]; every
    process must call it. ValueError, with everything as it was, where it is of another model."""
    names = _names(model, rename)
    stored = _stored(model, rename, names)
    *_, kinds = zip(*_from_all(({*stored}, _kinds(optimizer, names))), strict=True)
    listed = _listed(order, _joined(kinds))
    taken = {name: weights[alias] for name, aliases in _aliases(stored, names, model).items()
             for alias in aliases if alias in weights}
    _refuse_others(stored, taken, weights, listed, saved)
    for name, value in stored.items():
        _put(value, taken[name])
    numbers = {name: number for number, name in enumerate(name for names in listed.values() for name in names)}
    inner = getattr(optimizer, "optim", optimizer)
    for group in inner.param_groups:
        for p in group["params"]:
            if (slot := saved["state"].get(numbers[names[id(p)][0]])) is not None:
                inner.state[p] = {key: _part_of(torch.as_tensor(value), p, key) for key, value in slot.items()}
    for one in {id(one): one for one in (optimizer, inner)}.values():
        for group in one.param_groups:
            place = [*listed].index(_kind(group))
            group.update({key: value for key, value in saved["param_groups"][place].items() if key != "params"})


def _refuse_others(stored: Mapping[str, Tensor], taken: Mapping[str, Tensor], weights: Mapping[str, Tensor],
                   listed: Mapping[Kind, Sequence[str]], saved: Mapping[str, Any]) -> None:
    missing = sorted(stored.keys() - taken.keys())
    misshapen = sorted(name for name in taken if taken[name].shape != stored[name].shape)
    sizes = [len(group["params"]) for group in saved["param_groups"]]
    if missing or misshapen or sizes != [len(names) for names in listed.values()]:
        raise ValueError(f"missing: {', '.join(missing) or 'nothing'}; misshapen: {', '.join(misshapen) or 'nothing'}; "
                         f"groups of the optimiser: expected {[len(names) for names in listed.values()]}, got {sizes}; "
                         "give the weights of a model of the same configuration")


def _names(model: nn.Module, rename: Rename) -> dict[int, list[str]]:
    """id of a parameter -> its names in the undivided model, the one that an optimiser goes by first."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(rename(name))
    return names


def _stored(model: nn.Module, rename: Rename, names: Mapping[int, Sequence[str]]) -> dict[str, Tensor]:
    """What is saved of a model by name, each tensor once, under the name that sorts first."""
    known = {rename(name): parameter for name, parameter in model.named_parameters(remove_duplicate=False)}
    kept = {rename(name): value for name, value in model.state_dict().items()}
    firsts = {name: min(set(names[id(known[name])]) & kept.keys()) if name in known else name for name in kept}
    return {name: value for name, value in kept.items() if firsts[name] == name}


def _aliases(stored: Mapping[str, Tensor], names: Mapping[int, Sequence[str]], model: nn.Module
             ) -> dict[str, Sequence[str]]:
    """Name under which something is stored -> all the names that it has."""
    found = {name: [name] for name in stored}
    return found | {name: aliases for aliases in names.values() for name in aliases if name in stored}


def _kind(group: Mapping[str, Any]) -> Kind:
    return group["weight_decay"], group["peak_lr"]


def _kinds(optimizer: torch.optim.Optimizer, names: Mapping[int, Sequence[str]]) -> dict[str, Kind]:
    return {names[id(p)][0]: _kind(group) for group in optimizer.param_groups for p in group["params"]}


def _slots(optimizer: torch.optim.Optimizer) -> list[tuple[Kind, nn.Parameter, Mapping[str, Any]]]:
    """What an optimiser remembers of each parameter that this process has the memory of."""
    inner = getattr(optimizer, "optim", optimizer)
    return [(_kind(group), p, inner.state[p]) for group in inner.param_groups for p in group["params"]
            if p in inner.state]


def _listed(order: Sequence[str], kinds: Mapping[str, Kind]) -> dict[Kind, list[str]]:
    """The groups of an optimiser of the undivided model, see `optim.adamw`."""
    groups: dict[Kind, list[str]] = {}
    for name in order:
        groups.setdefault(kinds[name], []).append(name)
    return groups


def _from_all(mine: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    told: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(told, mine)
    return told


def _joined(parts: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    return {key: value for part in parts for key, value in part.items()}


def _whole(value: Any) -> Any:
    """The value, of a DTensor all of it, on the CPU."""
    value = value.full_tensor() if isinstance(value, DTensor) else value
    return value.detach().cpu().contiguous() if isinstance(value, Tensor) else value


def _put(value: Tensor, whole: Tensor) -> None:
    """Give a tensor, or this process's part of it, other numbers."""
    with torch.no_grad():
        local = value.to_local() if isinstance(value, DTensor) else value
        mine = _divided(whole, value)
        local.copy_(mine.to_local() if isinstance(mine, DTensor) else mine)


def _part_of(value: Tensor, parameter: nn.Parameter, key: str) -> Tensor:
    """What an optimiser remembers, as it does of this process's part of a parameter."""
    return value.clone() if value.shape != parameter.shape or key == "step" else _divided(value, parameter)


def _divided(whole: Tensor, like: Tensor) -> Tensor:
    """A copy of a whole tensor, divided as another is."""
    whole = whole.to(like.device, like.dtype, copy=True)
    if not isinstance(like, DTensor):
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)
