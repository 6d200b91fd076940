"""Robot descriptions made ready for this world: light meshes to draw, boxes for fingers, absolute paths."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from envs.world.urdf import read_robot

FINGERS = ("panda_leftfinger", "panda_rightfinger")
FINGER_JOINTS = ("panda_finger_joint1", "panda_finger_joint2")
HAND, TOOL = "panda_hand", "panda_grasptarget"
"""Links of the hand that every arm has: the palm, and the point between the finger tips."""

Element = ElementTree.Element

_PANDA = "franka_panda/panda.urdf"
_HAND_LINKS = (HAND, *FINGERS, TOOL)
_PEDESTAL_HALF_M = 0.075

_FINGER_BOXES_M = (  # (low corner, high corner) in the left finger's frame: the pad at the tip, and the body above it
    ((-0.0088, 0.0, 0.034), (0.0088, 0.0143, 0.0539)),
    ((-0.0105, 0.004, 0.0), (0.0105, 0.0264, 0.034)),
)
_DARK = "0.22 0.23 0.25 1"
_WHITE = "0.93 0.93 0.94 1"
_GREY = "0.62 0.64 0.67 1"
_COLOURS = {**dict.fromkeys(FINGERS, _DARK), HAND: _GREY, "panda_link7": _GREY}


class Flange(NamedTuple):
    """Where a hand is screwed on: so far along a link's z, turned about it."""

    link: str
    along_m: float
    turn_rad: float


@lru_cache(maxsize=2)
def panda_urdf(looks: str = "light") -> str:
    """The Panda's URDF text. looks: of `graphics.LOOKS`."""
    return ElementTree.tostring(_description(_PANDA, looks), encoding="unicode")


@lru_cache(maxsize=8)
def urdf_with_hand(file: str, flange: Flange, stand_m: tuple[float, float, float], rgb: tuple[float, float, float],
                   looks: str = "light") -> str:
    """URDF text of an arm of pybullet_data, the Panda's hand at its flange.

    stand_m: where its base stands in the world; above the table it gets a pedestal. rgb: its colour, in [0, 1], where
    looks (of `graphics.LOOKS`) are light.
    """
    arm, hand = _description(file, looks, " ".join(f"{v:g}" for v in (*rgb, 1.0))), _description(_PANDA, looks)
    _add_stand(arm, stand_m)
    _add_joint(arm, "flange", flange.link, HAND, f"0 0 {flange.along_m:g}", f"0 0 {flange.turn_rad:.12g}")
    arm.extend(link for link in hand.findall("link") if link.attrib["name"] in _HAND_LINKS)
    arm.extend(joint for joint in hand.findall("joint") if joint.find("parent").attrib["link"] == HAND)
    return ElementTree.tostring(arm, encoding="unicode")


def _description(file: str, looks: str, colour: str = _WHITE) -> Element:
    """A robot of pybullet_data, its meshes found, its contacts made for this world. Light looks: collision meshes drawn
    in place of the visual ones, which cost the Panda 19 ms a frame at any size."""
    root = read_robot(data_folder() / file)
    for link in root.iter("link"):
        if looks == "light":
            _lighten(link, colour)
        _firm(link)
    return root


def data_folder() -> Path:
    """Where the files of pybullet_data lie."""
    import pybullet_data

    return Path(pybullet_data.getDataPath())


def _mesh(shape: Element) -> Element:
    return shape.find("geometry/mesh")


def _add_stand(arm: Element, stand_m: tuple[float, float, float]) -> None:
    """Puts a link below the arm's root: the table, with a pedestal from there up to the arm's base."""
    children = {joint.find("child").attrib["link"] for joint in arm.findall("joint")}
    root = next(link.attrib["name"] for link in arm.findall("link") if link.attrib["name"] not in children)
    x, y, z = stand_m
    stand = ElementTree.SubElement(arm, "link", name="stand")
    low, high = (x - _PEDESTAL_HALF_M, y - _PEDESTAL_HALF_M, 0.0), (x + _PEDESTAL_HALF_M, y + _PEDESTAL_HALF_M, z)
    for kind in ("visual", "collision"):
        _add_box(stand, kind, low, high)
    inertial = ElementTree.SubElement(stand, "inertial")  # without it PyBullet complains, though nothing moves the base
    ElementTree.SubElement(inertial, "mass", value="10")
    ElementTree.SubElement(inertial, "inertia", ixx="0.1", ixy="0", ixz="0", iyy="0.1", iyz="0", izz="0.1")
    colour = ElementTree.SubElement(stand.find("visual"), "material", name="colour_of_stand")
    ElementTree.SubElement(colour, "color", rgba=_GREY)
    _add_joint(arm, "standing", "stand", root, f"{x:g} {y:g} {z:g}", "0 0 0")


def _add_joint(robot: Element, name: str, parent: str, child: str, xyz: str, rpy: str) -> None:
    joint = ElementTree.SubElement(robot, "joint", name=name, type="fixed")
    ElementTree.SubElement(joint, "parent", link=parent)
    ElementTree.SubElement(joint, "child", link=child)
    ElementTree.SubElement(joint, "origin", xyz=xyz, rpy=rpy)


def _lighten(link: Element, colour: str) -> None:
    """Draws one link, in place, as its collision meshes in one colour."""
    name = link.attrib["name"]
    for visual, collision in zip(link.findall("visual"), link.findall("collision"), strict=True):
        _mesh(visual).attrib["filename"] = _mesh(collision).attrib["filename"]
        for material in visual.findall("material"):
            visual.remove(material)
        material = ElementTree.SubElement(visual, "material", name=f"colour_of_{name}")
        ElementTree.SubElement(material, "color", rgba=_COLOURS.get(name, colour))


def _firm(link: Element) -> None:
    """Changes how one link touches, in place. The convex hull of a finger has a slanted pad from which blocks slip, so
    two boxes stand for each finger."""
    for contact in link.findall("contact"):  # soft, anchored, spinning friction: half the speed of physics; see `grip`
        link.remove(contact)
    name = link.attrib["name"]
    if "finger" in name:
        for collision in link.findall("collision"):
            link.remove(collision)
        for low, high in _FINGER_BOXES_M:
            _add_box(link, "collision", low, high, side=1.0 if name == FINGERS[0] else -1.0)


def _add_box(link: Element, kind: str, low: tuple, high: tuple, side: float = 1.0) -> None:
    center = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    size = [b - a for a, b in zip(low, high, strict=True)]
    shape = ElementTree.SubElement(link, kind)
    ElementTree.SubElement(shape, "origin", rpy="0 0 0", xyz=f"{center[0]} {side * center[1]} {center[2]}")
    geometry = ElementTree.SubElement(shape, "geometry")
    ElementTree.SubElement(geometry, "box", size=" ".join(f"{v:.6f}" for v in size))
