"""Robot descriptions made ready for this world: light meshes to draw, boxes for fingers, absolute paths."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

PANDA_FOLDER = "franka_panda"

_FINGER_BOXES_M = (  # (low corner, high corner) in the left finger's frame: the pad at the tip, and the body above it
    ((-0.0088, 0.0, 0.034), (0.0088, 0.0143, 0.0539)),
    ((-0.0105, 0.004, 0.0), (0.0105, 0.0264, 0.034)),
)
_DARK = "0.22 0.23 0.25 1"
_WHITE = "0.93 0.93 0.94 1"
_GREY = "0.62 0.64 0.67 1"
_COLOURS = {"panda_leftfinger": _DARK, "panda_rightfinger": _DARK, "panda_hand": _GREY, "panda_link7": _GREY}


@lru_cache(maxsize=1)
def panda_urdf() -> str:
    """The Panda's URDF text, lightened.

    Collision meshes are drawn in place of the visual ones, which cost 19 ms a frame at any size. The convex hull of a
    finger has a slanted pad from which blocks slip, so two boxes stand for each finger.
    """
    import pybullet_data

    folder = Path(pybullet_data.getDataPath()) / PANDA_FOLDER
    root = ElementTree.parse(folder / "panda.urdf").getroot()
    for link in root.iter("link"):
        _lighten(link)
    for mesh in root.iter("mesh"):
        name = mesh.attrib["filename"].removeprefix("package://").replace("/visual/", "/collision/")
        mesh.attrib["filename"] = str(folder / name)
    return ElementTree.tostring(root, encoding="unicode")


def _lighten(link: ElementTree.Element) -> None:
    """Changes one link in place: its colour, and the collision shape of a finger."""
    name = link.attrib["name"]
    for visual in link.findall("visual"):
        for material in visual.findall("material"):
            visual.remove(material)
        material = ElementTree.SubElement(visual, "material", name=f"colour_of_{name}")
        ElementTree.SubElement(material, "color", rgba=_COLOURS.get(name, _WHITE))
    for contact in link.findall("contact"):  # soft, anchored, spinning friction: half the speed of physics; see `grip`
        link.remove(contact)
    if "finger" in name:
        for collision in link.findall("collision"):
            link.remove(collision)
        for low, high in _FINGER_BOXES_M:
            _add_box(link, low, high, side=1.0 if name == "panda_leftfinger" else -1.0)


def _add_box(link: ElementTree.Element, low: tuple, high: tuple, side: float) -> None:
    center = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    size = [b - a for a, b in zip(low, high, strict=True)]
    collision = ElementTree.SubElement(link, "collision")
    ElementTree.SubElement(collision, "origin", rpy="0 0 0", xyz=f"{center[0]} {side * center[1]} {center[2]}")
    geometry = ElementTree.SubElement(collision, "geometry")
    ElementTree.SubElement(geometry, "box", size=" ".join(f"{v:.6f}" for v in size))
