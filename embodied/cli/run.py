"""One verb under Hydra: run folder, multirun, the resolved configuration saved beside what the run leaves."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from embodied.cli import overrides as checks
from embodied.cli.errors import NOT_DONE, UsageError
from embodied.cli.secret_settings import hidden, merged
from embodied.data.files import write_whole
from embodied.data.pool import WorkerStartError
from embodied.distributed.cluster import ClusterError
from embodied.typed import SettingError, read

OWNERS = 0o600
"""Mode of the files that hold what was typed."""

_WRITES_NOTHING = ("hydra.output_subdir=null", "++hydra.job_logging.handlers.file.delay=true")
"""Hydra writes before a verb can refuse its run folder, in which another may be at work: `_save_request` does it."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """Where a verb may write, what it was asked, and how to ask for it again."""

    folder: Path
    values: Mapping[str, Any]  # the resolved configuration, without secrets
    command: str  # as typed, without secrets
    entered: Any = None  # what the verb's `enter` gave


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed after `embodied`."""

    verb: ModuleType
    name: str
    overrides: Sequence[str]
    text: str | None
    is_multirun: bool
    command: str  # as it may be shown
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)  # dotted key -> what was typed for it


def carry_out(request: Request, configs: Path) -> None:
    """Checks every job of the request first, then runs them. Raises UsageError."""
    for values in checks.check(configs, request.name, request.overrides, request.is_multirun):
        _settings(request, _with_text(request, values))
    _under_hydra(request, configs)


def _settings(request: Request, values: Mapping[str, Any]) -> Any:
    """The verb's typed settings. Raises UsageError."""
    try:
        return read(request.verb.Settings, merged(values, request.secrets))
    except SettingError as error:
        raise UsageError(str(error)) from None


def _under_hydra(request: Request, configs: Path) -> None:
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    def job(config: Any) -> float | None:
        return _one_job(request, config)

    GlobalHydra.instance().clear()
    with _typed_as(["embodied", *request.overrides, *_WRITES_NOTHING,
                    *(["--multirun"] if request.is_multirun else [])]), _logs_closed():
        hydra.main(config_path=str(configs), config_name=request.name, version_base="1.3")(job)()


def _one_job(request: Request, config: Any) -> float | None:
    from hydra.core.hydra_config import HydraConfig

    values = _with_text(request, checks.plain(config))
    settings = _settings(request, values)
    folder = Path(HydraConfig.get().runtime.output_dir)
    run = RunContext(folder, merged(values, hidden(request.secrets)), request.command)
    try:
        with getattr(request.verb, "enter", _free_to_all)(settings, folder) as entered:
            if getattr(request.verb, "LEAVES_FILES", True):
                save_config(run)
                _save_request(folder, config)
            return request.verb.act(settings, replace(run, entered=entered))
    except (ValueError, OSError, WorkerStartError, ClusterError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        raise _Stop(UsageError(f"{_one_line(error)} (HYDRA_FULL_ERROR=1 shows where)", NOT_DONE)) from error
    except UsageError as usage_error:
        raise _Stop(usage_error) from usage_error


@contextmanager
def _free_to_all(settings: Any, folder: Path) -> Iterator[None]:
    """A run folder of a verb that has no `enter`, which would check and hold it before anything is written there."""
    yield


class _Stop(SystemExit):
    """Leaves Hydra, which turns every ordinary exception into its own report, with the complaint intact."""

    def __init__(self, usage_error: UsageError):
        super().__init__(usage_error.exit_code)
        self.usage_error = usage_error


def usage_error_of(stop: SystemExit) -> UsageError | None:
    return stop.usage_error if isinstance(stop, _Stop) else None


def save_config(run: RunContext) -> Path:
    """The file `config.yaml` with every value that the run was given but secrets, nothing left to resolve. It is its
    owner's alone, as is what Hydra writes: who typed something may have typed more than is known to be secret."""
    from omegaconf import OmegaConf

    path = run.folder / "config.yaml"
    text = f"# {run.command}\n" + OmegaConf.to_yaml(OmegaConf.create(_escaped(dict(run.values))))
    write_whole(path, text.encode())
    _close_to_others([path])
    return path


def _save_request(folder: Path, config: Any) -> None:
    """Log what Hydra says of a job, where and as it would say it, and the job's log, begun or gone on with."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    hydra = HydraConfig.instance().cfg
    (folder / ".hydra").mkdir(exist_ok=True)
    paths = [folder / ".hydra" / name for name in ("config.yaml", "hydra.yaml", "overrides.yaml")]
    for path, node in zip(paths, (config, hydra, hydra.hydra.overrides.task), strict=True):
        write_whole(path, OmegaConf.to_yaml(node).encode())
    logs = [Path(h.baseFilename) for h in logging.getLogger().handlers if isinstance(h, logging.FileHandler)]
    for path in logs:
        path.touch(OWNERS)
    _close_to_others([*paths, *logs])


def _close_to_others(paths: Iterable[Path]) -> None:
    for path in paths:
        path.chmod(OWNERS)


def _escaped(node: Any) -> Any:
    """The values with `${` in a person's text kept from being read as an interpolation."""
    if isinstance(node, Mapping):
        return {k: _escaped(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_escaped(v) for v in node]
    return node.replace("${", "\\${") if isinstance(node, str) else node


def _with_text(request: Request, values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values) if request.text is None else {**values, request.verb.TAKES_TEXT: request.text}


def _one_line(error: Exception) -> str:
    """The message; of a worker's traceback its last line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join((lines[-1] if "Traceback" in str(error) else " ".join(lines)).split())


@contextmanager
def _logs_closed():
    """Closes the log files that Hydra opens for a job and leaves open."""
    try:
        yield
    finally:
        root = logging.getLogger()
        for handler in [h for h in root.handlers if isinstance(h, logging.FileHandler)]:
            root.removeHandler(handler)
            handler.close()


@contextmanager
def _typed_as(argv: list[str]):
    """Hydra reads its request from `sys.argv`."""
    before, sys.argv = sys.argv, argv
    try:
        yield
    finally:
        sys.argv = before
