"""Checks of what was typed after the verb, made before Hydra acts on it, and the readable reason when it cannot.

Three walls stand here. Names that no config has are answered with the nearest one. `_target_` (an object to be built
from configuration: every Hydra release so far has let some harmful callable through) is refused wherever it appears;
this project never instantiates what a config names. Of Hydra's own settings only those below may be changed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from embodied.cli.configs import group_options
from embodied.cli.errors import UsageError, suggest
from embodied.cli.renamed import refuse_renamed
from embodied.cli.sizes import check_jobs, check_size

HYDRA_KEYS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.job.name", "hydra.verbose", "hydra.mode",
              "hydra.job.num", "hydra/launcher", "hydra/sweeper")
HYDRA_PREFIXES = ("hydra.launcher.", "hydra.sweeper.")
MAX_SWEEP_CHECKED = 512
"""Jobs of a sweep that are checked before the first one starts; later ones are checked when they start."""


def check(folder: Path, config_name: str, overrides: Sequence[str], is_multirun: bool) -> list[dict[str, Any]]:
    """The composed configuration of each job, as plain values. Raises UsageError."""
    for text in overrides:
        check_size(text)
    parsed = [_parse(text) for text in overrides]
    for override in parsed:
        _refuse_forbidden(override)
        refuse_renamed([override.key_or_group], {})
        if override.is_sweep_override() and not is_multirun:
            raise UsageError(f"{override.input_line}: several values need -m (multirun)")
    check_jobs(parsed)
    return [compose(folder, config_name, job) for job in itertools.islice(_jobs(parsed), MAX_SWEEP_CHECKED)]


def _parse(text: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        key = text.partition("=")[0]
        raise UsageError(f"{key}: not key=value with a value that can be read (it may be a secret: it is not "
                         "repeated); "
                         f"put quotes around it that the shell leaves there: \"{key}='..'\"") from None


def _refuse_forbidden(override: Any) -> None:
    text, key = override.input_line, override.key_or_group
    if "_target_" in text:
        raise UsageError(f"{text!r}: _target_ is refused; configs hold names, and the code holds what they mean")
    if "oc.env" in text or "oc.decode" in text:
        raise UsageError(f"{text!r}: reading the environment from an override is refused; write the value itself")
    if key.split(".")[0].split("/")[0] == "hydra" and key not in HYDRA_KEYS and not key.startswith(HYDRA_PREFIXES):
        raise UsageError(f"{key!r} may not be changed here" + suggest(key, HYDRA_KEYS))


def _jobs(parsed: Sequence[Any]) -> Iterator[list[str]]:
    """The overrides of each job of a sweep; continuous ranges are left to the sweeper."""
    choices = []
    for override in parsed:
        if override.is_sweep_override() and override.is_interval_sweep():
            continue
        discrete = override.is_sweep_override() and override.is_discrete_sweep()
        key = override.get_key_element()
        choices.append([f"{key}={v}" for v in override.sweep_string_iterator()] if discrete else [override.input_line])
    return (list(job) for job in itertools.product(*choices))


def compose(folder: Path, config_name: str, overrides: Sequence[str]) -> dict[str, Any]:
    """One job's configuration, resolved to plain values. Raises UsageError with the nearest name."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        values = plain(_composed(folder, config_name, overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(_explain(folder, config_name, overrides, error)) from None
    refuse_renamed([], values)
    return values


def _composed(folder: Path, config_name: str, overrides: Sequence[str], *, with_hydra: bool = False) -> Any:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(config_dir=str(folder), version_base="1.3"):
        return hydra_compose(config_name, overrides=list(overrides), return_hydra_config=with_hydra)


def groups_of(folder: Path, config_name: str) -> list[str]:
    """The groups that a verb's configuration chooses from."""
    return _groups(folder, config_name, _composed(folder, config_name, [], with_hydra=True))


def _groups(folder: Path, config_name: str, config: Any) -> list[str]:
    """Groups of which one option is chosen, and those of which several are, which Hydra does not list."""
    from omegaconf import ListConfig, OmegaConf

    listed = [item for item in OmegaConf.load(folder / f"{config_name}.yaml").get("defaults", []) if item != "_self_"]
    several = {group for item in listed if not isinstance(item, str) for group, option in item.items()
               if isinstance(option, ListConfig)}
    return sorted(several | {group for group in config.hydra.runtime.choices if not group.startswith("hydra/")})


def plain(config: Any) -> dict[str, Any]:
    """Resolved plain values of a DictConfig, without `_target_` anywhere."""
    from omegaconf import OmegaConf

    values = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    _refuse_targets(values)
    return values


def _refuse_targets(node: Any, where: str = "") -> None:
    children = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        if key == "_target_":
            raise UsageError(f"{where or 'the config'}: _target_ is refused; configs hold names, not code")
        _refuse_targets(value, f"{where}.{key}" if where else str(key))


def _explain(folder: Path, config_name: str, overrides: Sequence[str], error: Exception) -> str:
    """The reason of a failed composition, with the nearest group, option or key."""
    options, default = group_options(folder), _composed(folder, config_name, [], with_hydra=True)
    parsed, mine = [_parse(text) for text in overrides], _groups(folder, config_name, default)
    choices = [o for o in parsed if o.key_or_group.split("@")[0] in options]
    for choice in choices:
        group, several = choice.key_or_group.split("@")[0], choice.value()
        if group not in mine:
            return f"{config_name} has no group {group!r}" + suggest(group, mine)
        for option in several if isinstance(several, list) else [] if isinstance(several, dict) else [several]:
            if str(option) not in options[group]:
                return f"{group} has no option {str(option)!r}" + suggest(str(option), options[group])
    known = _known_keys(folder, config_name, [o.input_line for o in choices], default)
    for override in parsed:
        if override.key_or_group.startswith("hydra."):
            continue
        if override not in choices and override.key_or_group not in known and not override.is_add():
            return f"unknown key {override.key_or_group!r}" + suggest(override.key_or_group, known | set(mine))
    return " ".join(str(error).split())[:300]


def _known_keys(folder: Path, config_name: str, choices: Sequence[str], default: Any) -> set[str]:
    """Dotted keys of the configuration with these groups chosen, or of the default one where that fails."""
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    config = default
    if choices:
        with contextlib.suppress(HydraException, OmegaConfBaseException):
            config = _composed(folder, config_name, choices)
    keys = _dotted(OmegaConf.to_container(config, resolve=False))
    return {key for key in keys if key.split(".")[0] != "hydra"}


def _dotted(node: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
