"""embodied convert PATH: what an earlier version wrote, in the form that this one writes.

PATH is the folder of a checkpoint, a dataset or a training run. Says what it found, writes the present form beside it,
loads that, and puts it in the place of the old folder, which stays as PATH.old. Weights and images are copied byte for
byte. What has the present form stays as it is; killed at any moment, the same command goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embodied.cli.errors import UsageError
from embodied.cli.run import RunContext

TAKES_TEXT = "path"
LEAVES_FILES = False


@dataclass(frozen=True, slots=True)
class Settings:
    path: str | None
    plan_language: str | None
    keep_old: bool


def act(settings: Settings, run: RunContext) -> None:
    """Convert the folder, and print what was found and written. ValueError for what cannot be converted."""
    from embodied.conversion.converting import convert, find, kept_as, tidy

    if settings.path is None:
        raise UsageError("path: expected a folder, got none: embodied convert PATH")
    found = find(Path(settings.path).resolve())
    if not found.old_parts:
        tidy(found.folder, is_old_kept=settings.keep_old)
        print(f"{found.folder}: {found.kind.name} in the present form; nothing to do")
        return
    fate = f"the old one stays as {kept_as(found.folder).name}" if settings.keep_old else "the old one is removed"
    print(f"{found.folder}: {found.kind.name} of an earlier form ({'; '.join(found.old_parts)}); it is written anew, "
          f"{fate}", flush=True)
    convert(found, language=settings.plan_language, is_old_kept=settings.keep_old)
    print(f"wrote {found.folder}: it loads")
