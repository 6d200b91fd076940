"""What processes that each hold a part of a model save together, whole, and how each takes its part of it back.

Names, and the numbers that an optimiser counts parameters by, are those of the undivided model: what was saved under
one layout goes on under any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset  # as torch's own checkpoints do

from embodied.training.gradients import local_of
from embodied.training.stored import Stored

Rename = Callable[[str], str]
"""The name of a tensor here -> its name in the undivided model."""
Kind = tuple[float, float]
"""Of a group of parameters: weight decay, and the highest learning rate."""


def gather(model: nn.Module, optimizer: torch.optim.Optimizer, rename: Rename, order: Sequence[str], *, gives: bool,
           gives_optimizer: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(weights float[*any], optimiser) of the undivided model, as `placement.State` has them, on the first process, and
    nothing on the others, each of which must call it. order: names of what learns, as an optimiser of the undivided
    model counts. gives, gives_optimizer: whether this process has weights, and memory, that the first may lack.

    Tensor by tensor, so that no process but the first ever holds more than its own and one whole one.
    """
    names, is_first = names_of(model, rename), distributed.get_rank() == 0
    weights = {name: one for name, value in stored_of(model, rename, names).items()
               if (one := _whole(value, keep=gives or is_first)) is not None}
    slots = {names[id(p)][0]: {key: _whole(value, keep=gives_optimizer or is_first) for key, value in inner.items()}
             for p, inner in slots_of(optimizer)}
    numbers, groups = numbered(optimizer, names, order)
    weights, slots = _to_first((weights if gives else {}, slots if gives_optimizer else {}), (weights, slots))
    if not is_first:
        return {}, {"state": {}, "param_groups": []}
    found = {numbers[name]: slot for name, slot in slots.items()}
    return weights, {"state": dict(sorted(found.items())), "param_groups": groups}


def numbered(optimizer: torch.optim.Optimizer, names: Mapping[int, Sequence[str]], order: Sequence[str]
             ) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """(name -> its number, groups) of an optimiser of the undivided model; every process must call it. names: of
    `names_of`. order: as of `gather`."""
    groups = {_kind(group): {key: value for key, value in group.items() if key != "params"}
              for group in optimizer.param_groups}
    groups, kinds = map(joined, zip(*from_all((groups, _kinds(optimizer, names))), strict=True))
    listed = _listed(order, kinds)
    numbers = _counted(listed)
    return numbers, [{**groups[kind], "params": [numbers[name] for name in names]} for kind, names in listed.items()]


def _counted(listed: Mapping[Kind, Sequence[str]]) -> dict[str, int]:
    return {name: number for number, name in enumerate(name for names in listed.values() for name in names)}


def _to_first(mine: tuple[dict, ...], have: tuple[dict, ...]) -> tuple[dict, ...]:
    """What the first process has and what the others give it, one after the other."""
    gives = [bool(any(told)) for told in from_all(tuple(bool(part) for part in mine))]
    for rank in (rank for rank, is_giver in enumerate(gives) if is_giver and rank):
        if distributed.get_rank() == rank:
            distributed.send_object_list([mine], dst=0)
        elif distributed.get_rank() == 0:
            taken: list[Any] = [None]
            distributed.recv_object_list(taken, src=rank)
            have = tuple(part | more for part, more in zip(have, taken[0], strict=True))
    return have


def scatter(weights: Mapping[str, Tensor | Stored], saved: Mapping[str, Any], model: nn.Module,
            optimizer: torch.optim.Optimizer, rename: Rename, order: Sequence[str]) -> None:
    """Take back this process's part of what was saved under any layout, weights float[*any], and read no more than
    that where it stands in files; every process must call it. ValueError, with everything as it was, where it is of
    another model."""
    names = names_of(model, rename)
    stored = stored_of(model, rename, names)
    every = {name for aliases in names.values() for name in aliases} | {*stored}
    known, kinds = zip(*from_all((every, _kinds(optimizer, names))), strict=True)
    listed = _listed(order, joined(kinds))
    taken = {name: weights[alias] for name, aliases in _aliases(stored, names).items()
             for alias in aliases if alias in weights}
    _refuse_others(stored, taken, weights.keys() - set().union(*known), listed, saved)
    for name, value in stored.items():
        _put(value, taken[name])
    numbers = _counted(listed)
    inner = getattr(optimizer, "optim", optimizer)
    for group in inner.param_groups:
        for p in group["params"]:
            if (slot := saved["state"].get(numbers[names[id(p)][0]])) is not None:
                inner.state[p] = {key: _part_of(value, p, key) for key, value in slot.items()}
    for one in {id(one): one for one in (optimizer, inner)}.values():
        for group in one.param_groups:
            place = [*listed].index(_kind(group))
            group.update({key: value for key, value in saved["param_groups"][place].items() if key != "params"})


def _refuse_others(stored: Mapping[str, Tensor], taken: Mapping[str, Tensor | Stored], unexpected: Iterable[str],
                   listed: Mapping[Kind, Sequence[str]], saved: Mapping[str, Any]) -> None:
    missing = sorted(stored.keys() - taken.keys())
    misshapen = sorted(name for name in taken if taken[name].shape != stored[name].shape)
    sizes = [len(group["params"]) for group in saved["param_groups"]]
    wanted, unexpected = [len(names) for names in listed.values()], sorted(unexpected)
    faults = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    said = [f"{kind}: {', '.join(names[:8])}" for kind, names in faults.items() if names]
    if sizes != wanted:
        said.append(f"groups of the optimiser: expected {wanted} parameters, got {sizes}")
    if said:
        raise ValueError("; ".join(said) + "; give the weights of a model of the same configuration")


def names_of(model: nn.Module, rename: Rename) -> dict[int, list[str]]:
    """id of a parameter -> its names in the undivided model, the one that an optimiser goes by first."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(rename(name))
    return names


def stored_of(model: nn.Module, rename: Rename, names: Mapping[int, Sequence[str]]) -> dict[str, Tensor]:
    """float[*any] of what is saved of a model, by name, each tensor once, under the name that sorts first."""
    known = {rename(name): parameter for name, parameter in model.named_parameters(remove_duplicate=False)}
    kept = {rename(name): value for name, value in model.state_dict().items()}
    firsts = {name: min(set(names[id(known[name])]) & kept.keys()) if name in known else name for name in kept}
    return {name: value for name, value in kept.items() if firsts[name] == name}


def _aliases(stored: Mapping[str, Tensor], names: Mapping[int, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Name under which something is stored -> all the names that it has."""
    found = {name: [name] for name in stored}
    return found | {name: aliases for aliases in names.values() for name in aliases if name in stored}


def _kind(group: Mapping[str, Any]) -> Kind:
    return group["weight_decay"], group["peak_lr"]


def _kinds(optimizer: torch.optim.Optimizer, names: Mapping[int, Sequence[str]]) -> dict[str, Kind]:
    return {names[id(p)][0]: _kind(group) for group in optimizer.param_groups for p in group["params"]}


def slots_of(optimizer: torch.optim.Optimizer) -> list[tuple[nn.Parameter, Mapping[str, Any]]]:
    """What an optimiser remembers of each parameter that this process has the memory of."""
    inner = getattr(optimizer, "optim", optimizer)
    return [(p, inner.state[p]) for group in inner.param_groups for p in group["params"] if p in inner.state]


def _listed(order: Sequence[str], kinds: Mapping[str, Kind]) -> dict[Kind, list[str]]:
    """The groups of an optimiser of the undivided model, see `optim.adamw`."""
    groups: dict[Kind, list[str]] = {}
    for name in order:
        groups.setdefault(kinds[name], []).append(name)
    return groups


def from_all(mine: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """What each process says, by rank; every process must call it."""
    told: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(told, mine)
    return told


def joined(parts: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    """All of it in one; what a later part says holds."""
    return {key: value for part in parts for key, value in part.items()}


def _whole(value: Any, *, keep: bool) -> Any:
    """The value, of a DTensor all of it, on the CPU; None where it is not kept: every process helps to make it."""
    value = value.full_tensor() if isinstance(value, DTensor) else value
    if not keep:
        return None
    return value.detach().cpu().contiguous() if isinstance(value, Tensor) else value


def span_of(value: Tensor) -> tuple[slice, ...]:
    """Which box of the whole tensor this process has, value float[*any], where it has a part of it."""
    if not isinstance(value, DTensor):
        return tuple(slice(0, size) for size in value.shape)
    shape, start = compute_local_shape_and_global_offset(value.shape, value.device_mesh, value.placements)
    return tuple(slice(begin, begin + size) for begin, size in zip(start, shape, strict=True))


def _put(value: Tensor, whole: Tensor | Stored) -> None:
    """Give a tensor, or this process's part of it, other numbers."""
    with torch.no_grad():
        local_of(value).copy_(whole[span_of(value)])


def _part_of(value: Any, parameter: nn.Parameter, key: str) -> Tensor:
    """What an optimiser remembers, as it does of this process's part of a parameter."""
    value = value if isinstance(value, Tensor | Stored) else torch.as_tensor(value)
    if value.shape != parameter.shape or key == "step":
        return value[...].clone()
    mine = value[span_of(parameter)].to(parameter.device, parameter.dtype, copy=True)
    if not isinstance(parameter, DTensor):
        return mine
    return DTensor.from_local(mine, parameter.device_mesh, parameter.placements, run_check=False,
                              shape=parameter.shape, stride=parameter.stride())
