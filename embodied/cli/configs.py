"""Where the YAML lives: `configs/` beside the packages in a checkout, `embodied/configs/` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from embodied.cli.errors import NOT_DONE, UsageError


def config_dir() -> Path:
    """The absolute folder of the Hydra groups. Raises UsageError when neither place holds it."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    inside, beside = package / "configs", checkout / "configs"
    if (checkout / "pyproject.toml").is_file() and (beside / "demo.yaml").is_file():
        return beside
    if (inside / "demo.yaml").is_file():
        return inside
    raise UsageError(f"no configuration found in {beside} or {inside}; reinstall the package", NOT_DONE)


def group_options(folder: Path) -> dict[str, list[str]]:
    """Group name -> the names that may be chosen in it: {"suite": ["tabletop"], ...}."""
    groups: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*/**/*.yaml")):
        relative = path.relative_to(folder)
        groups.setdefault(relative.parent.as_posix(), []).append(relative.stem)
    return groups
