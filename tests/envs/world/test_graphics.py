"""Renderers and looks: what is drawn changes, what happens does not, and nothing is left out."""

from __future__ import annotations

import ctypes

import gymnasium
import numpy as np
import pytest

from envs.interface import Camera
from envs.world import graphics
from envs.world.graphics import Graphics


def scene(env_id, **kwargs):
    """The unwrapped environment with a scene, and what was first seen of it."""
    env = gymnasium.make(f"envs:embodied/{env_id}-v0", image_size=96, **kwargs).unwrapped
    return env, env.reset(seed=0)[0]


def has_egl():
    try:
        graphics.egl_plugin()
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("robot", ["panda", "iiwa", "xarm6"])
def test_looks_change_pictures_and_no_motion(robot):
    (light, first), (stock, other) = (scene("SortJoint", looks=looks, robot=robot) for looks in graphics.LOOKS)
    assert np.mean(np.any(first["rgb"]["front"] != other["rgb"]["front"], axis=-1)) > 0.5, "another table, another arm"
    target = light.robot.home + 0.1
    moved = [env.step(target)[0]["joint_pos"] for env in (light, stock)]
    assert np.array_equal(*moved)
    light.close()
    stock.close()


def test_shadows_fall_only_where_they_are_asked_for():
    (bare, first), (shaded, other) = (scene("Sort", shadows=shadows) for shadows in (False, True))
    darker = other["rgb"]["front"].astype(int).sum(axis=-1) < first["rgb"]["front"].astype(int).sum(axis=-1) - 30
    assert 0.002 < darker.mean() < 0.4 and np.array_equal(first["depth"]["front"], other["depth"]["front"])
    bare.close()
    shaded.close()


@pytest.mark.skipif(not has_egl(), reason="EGL cannot run here: no libEGL.so.1")
@pytest.mark.parametrize("env_id", ["Sort", "BoardSortCorners", "KitchenNoun"])
def test_egl_draws_what_tiny_draws(env_id):
    """Bowls, toys and goods have meshes of their own, which EGL leaves out unless they come from files; what a pixel
    shows, and in which colour, must not depend on the renderer by more than edges and shading."""
    tiny, seen = scene(env_id)
    egl, other = scene(env_id, renderer="egl")
    assert (tiny.renderer, egl.renderer) == ("tiny", "egl")
    for camera in seen["rgb"]:
        shown = [env.pictures[camera].bodies for env in (tiny, egl)]
        assert np.mean((shown[0] < 0) == (shown[1] < 0)) > 0.97, "the same background"
        for name, body in zip(tiny.world.names(), tiny.world.body_indices(), strict=True):
            both = (shown[0] == body) & (shown[1] == body)
            if (shown[0] == body).sum() > 30:
                assert both.sum() >= 0.6 * (shown[0] == body).sum(), name
                hues = [picture[camera][both].mean(axis=0) / picture[camera][both].mean() for picture in
                        (seen["rgb"], other["rgb"])]
                assert np.abs(hues[0] - hues[1]).max() < 0.35, name
    tiny.close()
    egl.close()


def test_wrong_names_and_a_missing_library_are_explained(monkeypatch):
    with pytest.raises(ValueError, match=r"renderer: expected one of \['tiny', 'egl'\], got 'gl'"):
        Graphics("gl")
    with pytest.raises(ValueError, match="looks: expected one of"):
        scene("Sort", looks="shiny")

    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(RuntimeError, match=r"install it \(Debian: libegl1"):
        scene("Sort", renderer="egl")


@pytest.mark.parametrize("renderer", [
    "tiny", pytest.param("egl", marks=pytest.mark.skipif(not has_egl(), reason="no EGL on this machine"))])
def test_what_a_camera_measures_is_where_it_is_whoever_draws(renderer: str):
    """A calibration half a pixel off puts everything 2 mm aside, and makes blocks that two cameras see 5 mm wider."""
    env = gymnasium.make("envs:embodied/Tabletop-v0", renderer=renderer, labels=1)
    off_m = []
    for seed in range(4):
        seen, info = env.reset(seed=seed)
        labels = info["labels"]
        for name, depth in seen["depth"].items():
            points = Camera(**seen["cameras"][name]).lift(depth)
            for index, pose in enumerate(labels["poses"]):
                mine = points[(labels["masks"][name] == index) & (points[..., 2] > pose[2] + pose[9] / 2 - 0.003)]
                if "block" in labels["names"][index] and len(mine) > 60:
                    off_m.append(mine[:, :2].mean(axis=0) - pose[:2])
    env.close()
    assert len(off_m) > 15 and np.abs(np.median(off_m, axis=0)).max() < 0.0007
