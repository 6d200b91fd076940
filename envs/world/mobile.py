"""A mobile manipulator as one URDF text: an arm on a holonomic base with a mast for the head camera."""

from __future__ import annotations

from xml.etree import ElementTree

from envs.world.floorplan import BASE_RADIUS_M

BASE_JOINTS = ("base_x", "base_y", "base_yaw")
"""Prismatic, prismatic, revolute: where the base stands in the world."""
ARM_MOUNT_M = (0.10, 0.0, 0.62)
"""Of the arm's foot in the base's frame."""
HEAD_M = (0.20, 0.22, 1.68)
"""Of the head camera in the base's frame: before and left of the arm's shoulder, which hid what lay near."""
_MAST_M = (0.02, 0.20)
BASE_LINK, HEAD_LINK = "base", "head"

_DARK, _GREY, _BLUE = "0.20 0.22 0.26 1", "0.72 0.74 0.77 1", "0.20 0.42 0.62 1"
_BODY = (  # geometry, place, colour
    (f'<cylinder radius="{BASE_RADIUS_M - 0.01}" length="0.20"/>', "0 0 0.13", _DARK),
    (f'<cylinder radius="{BASE_RADIUS_M - 0.03}" length="0.06"/>', "0 0 0.26", _BLUE),
    ('<box size="0.24 0.26 0.34"/>', "0.06 0 0.45", _GREY),
    ('<cylinder radius="0.025" length="1.44"/>', f"{_MAST_M[0]} {_MAST_M[1]} 1.0", _GREY),
    ('<box size="0.14 0.03 0.03"/>', f"{_MAST_M[0] + 0.06} {_MAST_M[1] + 0.01} {HEAD_M[2] + 0.02}", _GREY),
)
_HEAD = (('<box size="0.08 0.16 0.09"/>', "-0.05 0 0.02", _GREY),
         ('<box size="0.01 0.12 0.045"/>', "-0.008 0 0.02", _DARK))


def on_wheels(arm_urdf: str, arm_root: str) -> str:
    """URDF text of the arm on the base. arm_root: the link by which the arm is screwed on."""
    root = ElementTree.fromstring(arm_urdf)
    head = " ".join(map(str, HEAD_M))
    added = "".join((
        _link("ground", (), 1.0), _link("base_x_slide", (), 1.0), _link("base_y_slide", (), 1.0),
        _link(BASE_LINK, _BODY, 40.0, collision=f'<origin xyz="0 0 0.2"/><geometry><cylinder radius="'
              f'{BASE_RADIUS_M - 0.01}" length="0.3"/></geometry>'), _link(HEAD_LINK, _HEAD, 0.5),
        _joint("base_x", "prismatic", "ground", "base_x_slide", "1 0 0"),
        _joint("base_y", "prismatic", "base_x_slide", "base_y_slide", "0 1 0"),
        _joint("base_yaw", "continuous", "base_y_slide", BASE_LINK, "0 0 1"),
        _joint("head_mount", "fixed", BASE_LINK, HEAD_LINK, "0 0 1", head),
        _joint("arm_mount", "fixed", BASE_LINK, arm_root, "0 0 1", " ".join(map(str, ARM_MOUNT_M)))))
    for element in ElementTree.fromstring(f"<robot>{added}</robot>"):
        root.append(element)
    return ElementTree.tostring(root, encoding="unicode")


def _link(name: str, visuals: tuple, mass_kg: float, collision: str = "") -> str:
    drawn = "".join(f'<visual><origin xyz="{place}"/><geometry>{shape}</geometry><material name="{name}{i}">'
                    f'<color rgba="{rgba}"/></material></visual>' for i, (shape, place, rgba) in enumerate(visuals))
    inertia = 0.05 * mass_kg
    solid = f"<collision>{collision}</collision>" if collision else ""
    return (f'<link name="{name}"><inertial><mass value="{mass_kg}"/><inertia ixx="{inertia}" iyy="{inertia}" '
            f'izz="{inertia}" ixy="0" ixz="0" iyz="0"/></inertial>{drawn}{solid}</link>')


def _joint(name: str, kind: str, parent: str, child: str, axis: str, xyz: str = "0 0 0") -> str:
    limit = '<limit lower="-4" upper="4" effort="5000" velocity="3"/>' if kind == "prismatic" else ""
    return (f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/><origin xyz="{xyz}"/>'
            f'<axis xyz="{axis}"/>{limit}</joint>')
