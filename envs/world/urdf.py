"""Robot descriptions from files, checked before PyBullet reads them: it loads a mass of -1 or NaN without a word, takes
1 kg where none is given, and opens whatever mesh it is pointed to."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from math import isfinite
from pathlib import Path
from xml.etree import ElementTree

Element = ElementTree.Element

_MOST_BYTES, _MOST_ELEMENTS, _DEEPEST = 4 << 20, 20_000, 32
_MESHES = (".obj", ".stl", ".dae")
_LIMITED, _FREE, _STILL = ("revolute", "prismatic"), ("continuous",), ("fixed",)
_NUMBERS = frozenset({"xyz", "rpy", "value", "ixx", "ixy", "ixz", "iyy", "iyz", "izz", "size", "radius", "length",
                      "scale", "lower", "upper", "effort", "velocity", "damping", "friction", "rgba"})
_INERTIAS = ("ixx", "iyy", "izz")


class UnsafeRobotError(ValueError):
    """A robot description that shall not be loaded, and why."""


def read_robot(file: Path, mesh_root: Path | None = None) -> Element:
    """The <robot> of a URDF file, every mesh's path absolute. Raises UnsafeRobotError for whatever would break physics
    or reach beyond mesh_root, the folder that all meshes must lie in; the file's own if not given."""
    root = _parsed(file)
    if root.tag != "robot":
        _refuse(file, f"expected a <robot>, got <{root.tag}>")
    for element in root.iter():
        for name in _NUMBERS & element.attrib.keys():
            _numbers(file, element, name)
    movers = _movers(file, root)
    for link in root.findall("link"):
        _check_mass(file, link, link.attrib["name"] in movers)
    folder = (mesh_root or file.parent).resolve()
    for mesh in root.iter("mesh"):
        mesh.attrib["filename"] = _mesh_path(file, mesh.attrib.get("filename", ""), folder)
    return root


def _refuse(file: Path, reason: str) -> None:
    raise UnsafeRobotError(f"{file.name}: {reason}; mend the description")


class _Bounded(ElementTree.TreeBuilder):
    """Builds a tree of bounded depth and size, so that a hostile one costs nothing."""

    def __init__(self, refuse: Callable[[str], None]) -> None:
        super().__init__()
        self._refuse, self._depth, self._count = refuse, 0, 0

    def start(self, tag: str, attributes: dict[str, str]) -> Element:
        self._depth, self._count = self._depth + 1, self._count + 1
        if self._depth > _DEEPEST or self._count > _MOST_ELEMENTS:
            self._refuse(f"expected at most {_MOST_ELEMENTS} elements, {_DEEPEST} deep")
        return super().start(tag, attributes)

    def end(self, tag: str) -> Element:
        self._depth -= 1
        return super().end(tag)


def _parsed(file: Path) -> Element:
    """The root element. No document type is allowed: entities could swell without bound, or name other files."""
    def refuse(reason: str) -> None:
        _refuse(file, reason)

    with open(file, "rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        refuse(f"expected at most {_MOST_BYTES} bytes, got more")
    try:
        text = data.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text or "\0" in text:
            refuse("expected no document type, entity or NUL")
        parser = ElementTree.XMLParser(target=_Bounded(refuse))
        parser.feed(text)
        return parser.close()
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise UnsafeRobotError(f"{file.name}: expected well-formed XML in UTF-8, got {error}") from error


def _numbers(file: Path, element: Element, name: str) -> list[float]:
    """The finite numbers of an attribute."""
    try:
        values = [float(v) for v in element.attrib[name].split()]
    except ValueError:
        values = []
    if not values or not all(map(isfinite, values)):
        _refuse(file, f"<{element.tag} {name}>: expected finite numbers, got {element.attrib[name][:40]!r}")
    return values


def _number(file: Path, parent: Element, tag: str, name: str) -> float:
    """An attribute of the child `tag`, which must be there."""
    child = parent.find(tag)
    if child is None or name not in child.attrib:
        _refuse(file, f"{parent.tag} {parent.attrib.get('name')!r}: expected <{tag} {name}>, got none")
    return _numbers(file, child, name)[0]


def _movers(file: Path, root: Element) -> set[str]:
    """Links that a joint moves. Refuses joints without limits, and links that do not make one tree."""
    names = [link.attrib.get("name", "") for link in root.findall("link")]
    below: dict[str, list[str]] = {name: [] for name in names}
    if len(below) != len(names) or "" in below:
        _refuse(file, "expected links of different names, got some twice or without")
    carried, movers = set(), set()
    for joint in root.findall("joint"):
        parent, child = (_end(file, joint, side, below) for side in ("parent", "child"))
        if child in carried:
            _refuse(file, f"link {child!r}: expected one joint that carries it, got two")
        carried.add(child)
        below[parent].append(child)
        if _check_joint(file, joint):
            movers.add(child)
    _check_tree(file, below, carried)
    return movers


def _check_tree(file: Path, below: Mapping[str, list[str]], carried: set[str]) -> None:
    """Refuses anything but one root from which every link can be reached. No link is carried twice."""
    reached = [name for name in below if name not in carried]
    if len(reached) != 1:
        _refuse(file, f"expected one link that nothing carries, got {len(reached)}")
    for name in reached:  # grows while it is walked
        reached.extend(below[name])
    if len(reached) != len(below):
        _refuse(file, f"expected a tree, got a loop of joints around {min(below.keys() - set(reached))!r}")


def _end(file: Path, joint: Element, side: str, links: Container[str]) -> str:
    """The link at one side of a joint."""
    end = joint.find(side)
    name = "" if end is None else end.attrib.get("link", "")
    if name not in links:
        _refuse(file, f"joint {joint.attrib.get('name')!r}: expected a {side} among the links, got {name!r}")
    return name


def _check_joint(file: Path, joint: Element) -> bool:
    """Whether the joint moves. Refuses unknown kinds and missing or empty limits."""
    name, kind = joint.attrib.get("name"), joint.attrib.get("type")
    if kind not in (*_LIMITED, *_FREE, *_STILL):
        _refuse(file, f"joint {name!r}: expected type {', '.join((*_LIMITED, *_FREE, *_STILL))}, got {kind!r}")
    if kind in _STILL:
        return False
    if kind in _LIMITED and _number(file, joint, "limit", "lower") >= _number(file, joint, "limit", "upper"):
        _refuse(file, f"joint {name!r}: expected a lower limit below the upper one")
    for most in ("effort", "velocity"):
        if _number(file, joint, "limit", most) <= 0:
            _refuse(file, f"joint {name!r}: expected a positive limit of {most}")
    axis = joint.find("axis")
    if axis is not None and not any(_numbers(file, axis, "xyz")):
        _refuse(file, f"joint {name!r}: expected an axis with a direction, got 0 0 0")
    return True


def _check_mass(file: Path, link: Element, is_moved: bool) -> None:
    """Refuses negative masses, and for what a joint moves missing ones and zero: frames and bases may weigh nothing."""
    inertial = link.find("inertial")
    if inertial is None and not is_moved:
        return
    if inertial is None:
        _refuse(file, f"link {link.attrib['name']!r}: expected <inertial>, got none")
    values = [_number(file, inertial, "mass", "value"), *(_number(file, inertial, "inertia", i) for i in _INERTIAS)]
    if min(values) < 0 or (is_moved and min(values) == 0):
        _refuse(file, f"link {link.attrib['name']!r}: expected a positive mass and inertia, got {min(values):g}")


def _mesh_path(file: Path, name: str, folder: Path) -> str:
    """Absolute path of a mesh, which must exist inside the folder, links followed."""
    path = (file.parent / name.removeprefix("package://")).resolve()
    if not path.is_relative_to(folder):
        _refuse(file, f"mesh {name!r}: expected a file inside {folder}, got {path}")
    if path.suffix.lower() not in _MESHES or not path.is_file():
        _refuse(file, f"mesh {name!r}: expected an existing {', '.join(_MESHES)} file, got {path}")
    return str(path)
