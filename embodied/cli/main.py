"""`embodied <verb> [text] [key=value ...] [-m]`: finds the verb, checks the request, runs it under Hydra."""

from __future__ import annotations

import importlib
import re
import signal
import sys
from collections.abc import Sequence
from types import FrameType, ModuleType

from embodied.cli.configs import config_dir, group_options
from embodied.cli.errors import UsageError, suggest

VERBS = {
    "doctor": "check this installation: versions, physics, rendering, weights, configuration",
    "demo": 'let the arm do what a sentence says: embodied demo "put the red block in the blue bowl"',
    "futures": "show what may come of one moment: the likeliest plans, each in a fork of the world",
    "collect": "let scripted experts make episodes to learn from",
    "train": "train the model, from collection to a checkpoint: experiment=tabletop_tiny",
    "rollout": "run and record episodes with any planner",
    "serve": "put the robot-control API and its console in front of robots",
    "bases": "list, fetch and verify pretrained models to begin with: embodied bases fetch small",
    "convert": "bring a folder that an earlier version wrote into the present form: embodied convert PATH",
    "evaluate": "judge the model on unseen seeds beside its baselines: eval.json and report.html",
}
_OVERRIDE = re.compile(r"^(\+{1,2}|~)?[\w./@$\\]+=|^~[\w./@]+$")
_FLAGS = {"-m": "multirun", "--multirun": "multirun", "-h": "help", "--help": "help", "--cfg": "cfg"}


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 could not be done, 2 the request itself is wrong, 130 interrupted."""
    argv = list(sys.argv[1:] if argv is None else argv)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _dispatch(argv)
    except UsageError as usage_error:
        print(f"embodied: {usage_error}", file=sys.stderr)
        return usage_error.exit_code
    except KeyboardInterrupt:
        print("embodied: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends a run as Ctrl-C does, so that children and files are tidied up."""
    raise KeyboardInterrupt


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if argv[0] in ("-V", "--version"):
        print(f"embodied {_version()}")
        return 0
    if argv[0] not in VERBS:
        raise UsageError(f"unknown verb {argv[0]!r}" + suggest(argv[0], VERBS))
    return _verb(argv[0], argv[1:])


def _verb(name: str, rest: list[str]) -> int:
    from embodied.cli.run import Request, carry_out, usage_error_of
    from embodied.cli.secret_settings import shown, withhold

    verb = importlib.import_module(f"embodied.cli.{name}")
    words, secrets = withhold(verb.Settings, rest)
    overrides, text, flags = _sort_arguments(verb, words)
    command = _command([name, *(shown(word, verb.Settings) for word in rest)])
    configs = config_dir()
    if flags & {"help", "cfg"}:
        print(_help(name, verb) if "help" in flags else _resolved(name, overrides))
        return 0
    try:
        carry_out(Request(verb, name, overrides, text, "multirun" in flags, command, secrets), configs)
    except SystemExit as stop:
        usage_error = usage_error_of(stop)
        if usage_error is None:
            raise
        raise usage_error from None
    return 0


def _sort_arguments(verb: ModuleType, rest: list[str]) -> tuple[list[str], str | None, set[str]]:
    """Overrides, words for the setting that a verb's TAKES_TEXT names (only verbs that have it), and flags."""
    overrides = [a for a in rest if _OVERRIDE.match(a)]
    flags = {_FLAGS[a] for a in rest if a in _FLAGS}
    words = [a for a in rest if a not in overrides and a not in _FLAGS]
    if words and (not getattr(verb, "TAKES_TEXT", None) or words[0].startswith("-")):
        name, *value = words[0].split("=", 1)  # which may be a secret
        raise UsageError(f"{name + '=..' * len(value)!r} is not understood: expected key=value" + suggest(name, _FLAGS))
    text = " ".join(words).encode("utf-8", "replace").decode() if words else None
    return overrides, text, flags


def overview() -> str:
    """What `embodied --help` prints."""
    lines = [f"  {name:<9} {meaning}" for name, meaning in VERBS.items()]
    return "\n".join(["usage: embodied <verb> [key=value ...] [-m]", "", *lines, "",
                      "embodied <verb> --help shows every key of a verb; -m runs each combination of a=1,2 b=3,4;",
                      "--cfg prints the resolved configuration; embodied --version."])


def _help(name: str, verb: ModuleType) -> str:
    from embodied.cli.overrides import groups_of

    options = group_options(config_dir())
    groups = [f"  {group}: {', '.join(options[group])}" for group in groups_of(config_dir(), name)]
    return "\n".join([(verb.__doc__ or "").strip(), "", *(["Groups (group=option):", *groups, ""] if groups else []),
                      "Keys and their defaults (key=value, nested with dots):", _resolved(name, [])])


def _resolved(name: str, overrides: Sequence[str]) -> str:
    """The configuration as YAML."""
    from omegaconf import OmegaConf

    from embodied.cli import overrides as checks

    [values, *_] = checks.check(config_dir(), name, overrides, is_multirun=False)
    return OmegaConf.to_yaml(OmegaConf.create(values)).rstrip()


def _command(words: Sequence[str]) -> str:
    """The request in one printable line, as a shell would take it."""
    import shlex

    return shlex.join(["embodied", *words]).encode("utf-8", "replace").decode().replace("\n", " ")


def _version() -> str:
    from importlib.metadata import version

    return version("embodied")


if __name__ == "__main__":
    sys.exit(main())
