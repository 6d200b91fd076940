"""After `import embodied`, transformers' Auto classes work as in any program, whatever was imported first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from embodied.agents.shipped import weights_path
from embodied.compat import guard_torchvision

pytestmark = pytest.mark.weights

ORDERS = {
    "embodied first": "import embodied; from transformers import {auto}",
    "transformers first": "import transformers; import embodied; from transformers import {auto}",
    "torch first": "import torch; import embodied; from transformers import {auto}",
    "everything first": "import torch, transformers.modeling_utils; import embodied; from transformers import {auto}",
}
CLASSES = {
    "AutoConfig": "PalmEConfig", "AutoProcessor": "PalmEProcessor", "AutoModel": "PalmEForConditionalGeneration",
    "AutoModelForImageTextToText": "PalmEForConditionalGeneration",
}
NAMES = "print(','.join(type(auto.from_pretrained({folder!r})).__name__ for auto in [{autos}]))"


def say(code: str) -> str:
    """What a fresh interpreter prints; warnings that somebody must heed are errors."""
    ran = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True,
                         timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout.strip()


def everything(order: str, autos: list[str]) -> str:
    return order.format(auto=", ".join(autos)) + "; " + NAMES.format(folder=str(weights_path("tabletop-tiny")),
                                                                     autos=", ".join(autos))


@pytest.mark.parametrize("order", ORDERS)
def test_every_auto_class_gives_ours_in_every_import_order(order):
    if order == "everything first" and guard_torchvision() == "guarded":
        pytest.skip("transformers cannot be imported before the guard beside this torchvision: doctor says so")
    assert say(everything(ORDERS[order], list(CLASSES))) == ",".join(CLASSES.values())


def test_the_processor_alone_is_enough():
    assert say(everything(ORDERS["embodied first"], ["AutoProcessor"])) == "PalmEProcessor"


def test_auto_classes_that_were_there_first_learn_of_ours():
    autos = ["AutoConfig", "AutoModel", "AutoModelForImageTextToText"]
    assert say(everything("from transformers import {auto}; import embodied", autos)) == ",".join(
        CLASSES[auto] for auto in autos)


def test_a_program_whose_first_import_of_a_processor_failed_can_import_embodied_and_go_on():
    order = "import contextlib\nwith contextlib.suppress(ImportError, RuntimeError):\n" \
            "    from transformers import AutoProcessor\nimport embodied; from transformers import {auto}"
    assert say(everything(order, ["AutoProcessor"])) == "PalmEProcessor"


def test_a_configuration_alone_loads_none_of_our_models():
    folder = str(weights_path("tabletop-tiny"))
    code = f"import sys, embodied; from transformers import AutoConfig; AutoConfig.from_pretrained({folder!r}); " \
           "print([name for name in ('timm', 'embodied.models.planner') if name in sys.modules])"
    assert say(code) == "[]"


def test_the_doctor_says_what_to_do_where_transformers_came_first(monkeypatch):
    from embodied import compat
    from embodied.cli import doctor

    monkeypatch.setattr(compat, "guard_torchvision", lambda: "guarded")
    check = doctor._pairing()
    assert check.state == "note"
    assert "`import embodied` comes before" in check.detail and "nms does not exist" in check.detail


def test_a_model_made_from_a_configuration_is_ours_too():
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(weights_path("tabletop-tiny"))
    assert type(AutoModelForImageTextToText.from_config(config)).__name__ == CLASSES["AutoModel"]


def test_libraries_keep_their_own_loaders():
    import torchvision

    assert type(torchvision.__spec__.loader).__name__ == "SourceFileLoader"
    assert torchvision.__loader__ is torchvision.__spec__.loader


def test_models_agree_whoever_loaded_them():
    """The same weights, by the Auto class and by our loader."""
    from transformers import AutoModelForImageTextToText

    from embodied.models.loading import load

    folder = Path(weights_path("tabletop-tiny"))
    mine, theirs = load(folder)[0].state_dict(), AutoModelForImageTextToText.from_pretrained(folder).state_dict()
    assert mine.keys() == theirs.keys()
    assert all((mine[name] == theirs[name]).all() for name in mine)
