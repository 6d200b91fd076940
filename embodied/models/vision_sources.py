"""What the name of a vision encoder stands for: a base that was fetched, a folder or a hub's model, in timm's or
transformers' form, or an architecture of timm. Weights are read by `vision`; here only what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING

from embodied.bases.cache import resolve
from embodied.models.base_reference import reference_of
from embodied.models.checkpoint_checks import VISION_KEYS, CheckpointError, read_json
from embodied.models.configuration import VISION_FAMILIES, PalmEVisionConfig, check_known
from embodied.models.hub import check_reachable
from embodied.models.vision import RESIZING, published_statistics

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True, slots=True)
class VisionSource:
    """fields: of PalmEVisionConfig. folder: where the weights are; None: wherever timm has published them, if they are
    wanted at all. is_published: whether the encoder begins with published weights."""

    fields: Mapping[str, Any]
    folder: Path | None
    is_published: bool


def find_source(values: Mapping[str, Any], *, pretrained: bool = False) -> VisionSource:
    """What fields of a PalmEVisionConfig stand for, whose `name` may be a base, a folder or a hub's model.

    pretrained: take the published weights of an architecture of timm. ValueError for a name that stands for nothing
    here, or a folder that holds no vision encoder of a known family.
    """
    folder = _folder_of(values.get("name"))
    if folder is not None:
        config = read_json(folder / CONFIG)
        told = _timm_fields(config) if "architecture" in config else _transformers_fields(folder, config, values)
        options = {**told.get("options", {}), **values.get("options", {})}
        kept = {"base": _reference(values["name"], folder)} if values.get("is_frozen") else {}
        return VisionSource({**told, **_without(values, "source", "name", "options"), "options": options, **kept},
                            folder, True)
    fields = dict(values)
    if pretrained and values.get("source", "timm") == "timm" and "mean" not in values:
        fields["mean"], fields["std"] = published_statistics(values.get("name", PalmEVisionConfig.name))
    return VisionSource(fields, None, pretrained)


def is_vision_folder(folder: Path) -> bool:
    """Whether a folder holds a vision encoder in timm's form, or one of a known family in transformers'."""
    config = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
    return "architecture" in config or _tower(config).get("model_type") in VISION_FAMILIES


def _folder_of(name: str | None) -> Path | None:
    """Of the base, folder or hub's model of that name; None for a name that is none of them."""
    if name is None:
        return None
    folder = Path(resolve(name))
    if "/" not in name and not (folder / CONFIG).is_file():
        return None
    if not folder.is_dir():
        folder = _of_hub(name)
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise CheckpointError(f"vision encoder {name}: expected a folder with {file}, got {folder}")
    return folder


def _reference(name: str, folder: Path) -> dict[str, str]:
    """What a checkpoint says of an encoder that stays as it was published, instead of holding it."""
    return reference_of(name if Path(resolve(name)).is_dir() else str(folder))


def _of_hub(name: str) -> Path:
    """The folder that the hub's client keeps the two files of a model in."""
    from huggingface_hub import hf_hub_download

    check_reachable(name)
    try:
        hf_hub_download(name, WEIGHTS)
        return Path(hf_hub_download(name, CONFIG)).parent
    except (OSError, ValueError) as error:
        raise ValueError(f"vision encoder {name!r}: expected {CONFIG} and {WEIGHTS} of a model of a hub, got "
                         f"{' '.join(str(error).split())[:200]}") from error


def _timm_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of what timm wrote beside its weights; options are checked by the configuration that they go into."""
    published = config.get("pretrained_cfg") or {}
    options = _without(config.get("model_args") or {}, "img_size")
    said = {key: list(published[key]) for key in ("mean", "std") if published.get(key)}
    kept = {"levels": config["levels"]} if "levels" in config else {}  # of ours: how much of it there is
    return {"source": "timm", "name": config["architecture"], "options": options, **said, **kept}


def _transformers_fields(folder: Path, config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Of the vision tower of a folder, whose positions are of pictures of one size but in families of RESIZING."""
    family = _tower(config).get("model_type", "")
    check_known(f"{folder}: vision family", family, VISION_FAMILIES)
    tower = CONFIG_MAPPING[family].from_pretrained(folder)
    size = values.get("image_size", PalmEVisionConfig.image_size)
    if family not in RESIZING and tower.image_size != size:
        raise ValueError(f"vision encoder {folder}: expected pictures of {tower.image_size} px, as it was trained "
                         f"with, got {size}; set vision.image_size={tower.image_size}")
    encoder = {key: value for key, value in tower.to_dict().items() if key in VISION_KEYS[family]}
    told = read_json(path) if (path := folder / "preprocessor_config.json").is_file() else {}
    said = {ours: told[theirs] for ours, theirs in (("mean", "image_mean"), ("std", "image_std")) if theirs in told}
    return {"source": "transformers", "encoder": {"model_type": family, **encoder}, **said}


def _tower(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The vision part of a configuration of transformers that has several."""
    return config.get("vision_config") or config


def _without(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}
