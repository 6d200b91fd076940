"""Broken and hostile robot descriptions are refused with a reason before PyBullet sees them."""

from __future__ import annotations

from pathlib import Path

import pybullet_data
import pytest

from envs.world.urdf import UnsafeRobotError, read_robot

SOUND = """<robot name="r">
  <link name="base"><visual><geometry><mesh filename="package://meshes/a.obj"/></geometry></visual></link>
  <link name="hand"><inertial><mass value="0.5"/><inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.1"/>
  </inertial></link>
  <link name="frame"/>
  <joint name="turn" type="revolute"><parent link="base"/><child link="hand"/><axis xyz="0 0 1"/>
    <limit lower="-1" upper="1" effort="5" velocity="2"/></joint>
  <joint name="weld" type="fixed"><parent link="hand"/><child link="frame"/></joint>
</robot>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "robot"
    (home / "meshes").mkdir(parents=True)
    (home / "meshes" / "a.obj").write_text("v 0 0 0\n")
    (tmp_path / "secret.obj").write_text("v 0 0 0\n")
    (home / "way_out.obj").symlink_to(tmp_path / "secret.obj")
    return home


def read(folder: Path, text: str | bytes, **kwargs):
    (folder / "robot.urdf").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_robot(folder / "robot.urdf", **kwargs)


def test_a_sound_robot_is_read_with_absolute_meshes(folder):
    root = read(folder, SOUND)
    assert root.find(".//mesh").attrib["filename"] == str((folder / "meshes" / "a.obj").resolve())


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)) + ']><robot name="&j;"/>'

REFUSED = {
    "entity bomb": (BOMB, "no document type"),
    "bomb in UTF-16": (BOMB.encode("utf-16"), "UTF-8"),
    "nesting": ("<robot>" + "<a>" * 200_000 + "</a>" * 200_000 + "</robot>", "32 deep"),
    "many elements": ("<robot>" + "<a/>" * 30_000 + "</robot>", "20000 elements"),
    "too long": ("<robot>" + " " * (5 << 20) + "</robot>", "bytes"),
    "cut off": (SOUND[:-20], "well-formed XML"),
    "no robot": ("<sdf/>", "expected a <robot>"),
    "mass -1": (SOUND.replace('"0.5"', '"-1"'), "positive mass"),
    "mass 0": (SOUND.replace('"0.5"', '"0"'), "positive mass"),
    "mass nan": (SOUND.replace('"0.5"', '"nan"'), "finite numbers, got 'nan'"),
    "mass 1e999": (SOUND.replace('"0.5"', '"1e999"'), "finite numbers"),
    "no mass": (SOUND.replace('<mass value="0.5"/>', ""), "expected <mass value>"),
    "no inertial": (SOUND.replace("<inertial>", "<x>").replace("</inertial>", "</x>").replace("  </x>", "</x>"),
                    "expected <inertial>"),
    "no inertia": (SOUND.replace('ixx="0.1"', 'ixx="0"'), "positive mass and inertia"),
    "no limits": (SOUND.replace("limit lower", "bound lower"), "expected <limit lower>"),
    "no effort": (SOUND.replace('effort="5"', ""), "expected <limit effort>"),
    "empty range": (SOUND.replace('upper="1"', 'upper="-1"'), "lower limit below"),
    "still velocity": (SOUND.replace('velocity="2"', 'velocity="0"'), "positive limit of velocity"),
    "no axis": (SOUND.replace("0 0 1", "0 0 0"), "axis with a direction"),
    "odd joint": (SOUND.replace("fixed", "floating"), "expected type"),
    "prose for numbers": (SOUND.replace("0 0 1", "up"), "finite numbers, got 'up'"),
    "mesh above": (SOUND.replace("meshes/a.obj", "../secret.obj"), "expected a file inside"),
    "mesh by link": (SOUND.replace("meshes/a.obj", "way_out.obj"), "expected a file inside"),
    "mesh from the root": (SOUND.replace("package://meshes/a.obj", "/etc/passwd"), "expected a file inside"),
    "missing mesh": (SOUND.replace("a.obj", "b.obj"), "expected an existing"),
    "no mesh": (SOUND.replace("meshes/a.obj", "robot.urdf"), "expected an existing"),
    "two carriers": (SOUND.replace('<child link="frame"/>', '<child link="hand"/>'), "one joint that carries it"),
    "loop": (SOUND.replace('<parent link="base"/>', '<parent link="frame"/>'), "a loop of joints"),
    "unknown link": (SOUND.replace('<parent link="hand"/>', '<parent link="arm"/>'), "among the links, got 'arm'"),
    "two roots": (SOUND.replace("</robot>", '<link name="far"/></robot>'), "nothing carries, got 2"),
    "no name": (SOUND.replace('<link name="frame"/>', "<link/>"), "or without"),
    "same name": (SOUND.replace('<link name="frame"/>', '<link name="frame"/><link name="frame"/>'), "different names"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_broken_or_hostile_is_refused_with_a_reason(folder, case):
    text, reason = REFUSED[case]
    with pytest.raises(UnsafeRobotError, match=reason):
        read(folder, text)


def test_meshes_may_lie_elsewhere_only_where_it_is_said(folder):
    text = SOUND.replace("meshes/a.obj", "../secret.obj")
    assert read(folder, text, mesh_root=folder.parent) is not None


@pytest.mark.parametrize("file", ["franka_panda/panda.urdf", "kuka_iiwa/model.urdf", "xarm/xarm6_robot.urdf"])
def test_the_arms_of_the_house_pass(file):
    assert read_robot(Path(pybullet_data.getDataPath()) / file).tag == "robot"
