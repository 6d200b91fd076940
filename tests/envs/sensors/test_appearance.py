"""Other appearances of a table: drawn by the seed, truly reported, and what is held out is never learned from."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import yaml

from embodied.cli.configs import config_dir, group_options
from embodied.data.collect import CollectSpec, box_of_pose, collect
from envs.interface import Camera, Referent, SkillCall
from envs.sensors import held_out
from envs.sensors.appearance import APPEARANCES, Appearance
from envs.sensors.held_out import HELD_OUT, named_in, refuse_held_out
from envs.sensors.textures import TEXTURES
from envs.world.distractors import SHAPES

TABLE = "envs:embodied/Tabletop-v0"
VARIED = {"texture": "varied", "colors": "varied", "cameras": "varied", "distractors": "varied", "arm": "above"}


def first(seed: int = 3, **appearance: str) -> tuple[dict, dict]:
    env = gymnasium.make(TABLE, image_size=96, labels=1, appearance=appearance)
    seen, info = env.reset(seed=seed)
    env.close()
    return seen, info["labels"]


def test_what_is_held_out_is_there_and_something_is_left_to_learn_from():
    assert {*held_out.TEXTURES} < {*TEXTURES} and {*held_out.SHAPES} < {*SHAPES}
    assert {field.name for field in fields(Appearance)} == {*APPEARANCES}


def test_a_seed_looks_the_same_twice_and_another_otherwise():
    one, again, other = first(**VARIED), first(**VARIED), first(4, **VARIED)
    assert all((one[0]["rgb"][c] == again[0]["rgb"][c]).all() for c in one[0]["rgb"])
    assert (one[0]["cameras"]["top"]["pose"] == again[0]["cameras"]["top"]["pose"]).all()
    assert (one[0]["cameras"]["top"]["pose"] != other[0]["cameras"]["top"]["pose"]).any()


def test_off_is_the_table_as_it_is():
    plain = gymnasium.make(TABLE, image_size=96)
    seen = plain.reset(seed=3)[0]
    plain.close()
    assert all((seen["rgb"][c] == first()[0]["rgb"][c]).all() for c in seen["rgb"])


@pytest.mark.parametrize("family", ["varied", "held_out"])
def test_cameras_see_all_that_the_arm_serves_and_say_truly_where_they_stand(family: str):
    """Each thing's own pixels, lifted by the reported calibration, lie where the thing is."""
    for seed in range(4):
        seen, labels = first(seed, cameras=family)
        for name, depth in seen["depth"].items():
            assert (labels["masks"][name] >= 0).sum() > 20
            points = Camera(**seen["cameras"][name]).lift(depth)
            for index, pose in enumerate(labels["poses"]):
                mine = points[labels["masks"][name] == index]
                if len(mine):
                    assert np.linalg.norm(np.median(mine, axis=0) - pose[:3]) < 0.07


def test_held_out_cameras_stand_where_no_trained_one_does():
    def azimuth(seen: dict) -> list[float]:
        eyes = [camera["pose"][:2, 3] - [0.55, 0.0] for camera in seen["cameras"].values()]
        return [float(np.degrees(abs(np.arctan2(y, x)))) for x, y in eyes]

    trained = [a for seed in range(8) for a in azimuth(first(seed, cameras="varied")[0])]
    kept = [a for seed in range(8) for a in azimuth(first(seed, cameras=HELD_OUT)[0])]
    assert max(trained) < held_out.AZIMUTHS_DEG[0] <= min(kept)


@pytest.mark.parametrize("family", ["varied", "held_out"])
def test_distractors_stand_on_the_table_beside_the_things(family: str):
    for seed in range(4):
        _, labels = first(seed, distractors=family)
        strange = [i for i, name in enumerate(labels["names"]) if name.startswith("distractor")]
        assert strange
        for i in strange:
            pose, others = labels["poses"][i], np.delete(labels["poses"], i, axis=0)
            assert abs(pose[2] - pose[9] / 2) < 0.02, "it stands"
            assert (np.linalg.norm(others[:, :2] - pose[:2], axis=1) > 0.03).all()


@pytest.mark.parametrize("shape", [name for name, form in SHAPES.items() if form.share > 1])
def test_drawn_forms_are_of_their_size_about_their_middle_and_no_two_are_alike(shape: str):
    """None of them is a cone (its top is a third of it at least) or a ring (it is there in its middle)."""
    form, rng, seen = SHAPES[shape], np.random.default_rng(0), set()
    for _ in range(60):
        width, height = rng.uniform(*form.width_m), rng.uniform(*form.height_m)
        mesh = form.mesh(width, height, rng)
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        assert np.abs(low + high).max() < 1e-6 and (high - low)[:2].max() == pytest.approx(width)
        assert (high - low)[2] == pytest.approx(height)
        top = mesh.vertices[mesh.vertices[:, 2] > high[2] - 1e-6]
        assert np.ptp(top[:, :2], axis=0).max() > 0.2 * width, "no tip"
        seen.add(mesh.vertices.tobytes())
    assert len(seen) == 60


def test_a_distractor_may_be_picked_up_and_nobody_judges_that():
    env = gymnasium.make(TABLE, image_size=96, labels=1, appearance={"distractors": "varied"})
    for seed in range(6):
        _, info = env.reset(seed=seed)
        labels = info["labels"]
        for i in (i for i, name in enumerate(labels["names"]) if name.startswith("distractor")):
            call = SkillCall("pick", (Referent("", box=box_of_pose(labels["poses"][i])),))
            *_, info = env.step(env.unwrapped.encode(call))
            assert info["outcome"]["status"] in ("done", "failed", "refused")
            if info["labels"]["held"] == labels["names"][i]:
                assert info["labels"]["last"] is None
                put = SkillCall("place_on", (Referent("", box=box_of_pose(labels["poses"][0])),))
                *_, info = env.step(env.unwrapped.encode(put))
                assert info["labels"]["last"] is None
    env.close()


def test_a_fork_with_all_of_it_goes_on_bit_by_bit():
    env = gymnasium.make(TABLE, image_size=96, labels=1, appearance=VARIED, realism={"rgb_noise_levels": 2.0}).unwrapped
    env.reset(seed=2)
    moment = env.snapshot()
    call = env.expert_plan()[0]
    first = env.step(env.encode(call))[0]
    env.restore(moment)
    again = env.step(env.encode(call))[0]
    env.close()
    assert all((first["rgb"][c] == again["rgb"][c]).all() for c in first["rgb"])


def test_a_camera_stands_where_it_does_whoever_looks_through_it():
    chosen = {"appearance": VARIED, "realism": {"camera_shift_m": 0.02}}
    both, one = (gymnasium.make(TABLE, image_size=96, cameras=names, **chosen).unwrapped
                 for names in (None, ("top",)))
    seen, alone = both.reset(seed=5)[0], one.reset(seed=5)[0]
    assert (alone["rgb"]["top"] == seen["rgb"]["top"]).all()
    glanced = both.glance("top", size_px=96)
    assert (glanced.cameras["top"].pose == seen["cameras"]["top"]["pose"]).all()
    assert (glanced.depth["top"] == seen["depth"]["top"]).all()
    assert both.picture("top", (96, 96)).shape == (96, 96, 3)
    both.close()
    one.close()


def test_textures_are_of_what_is_there_however_badly_it_is_measured():
    env = gymnasium.make(TABLE, image_size=96, appearance={"texture": "varied"},
                         realism={"depth_noise_m": 0.003, "depth_hole_share": 0.1}).unwrapped
    first = env.reset(seed=1)[0]
    again = env.glance("front", "top", size_px=96)
    assert all((first["rgb"][c] == again.rgb[c]).all() for c in first["rgb"])
    assert any((first["depth"][c] != again.depth[c]).any() for c in first["depth"])
    env.close()


def test_the_arm_is_in_the_picture():
    env = gymnasium.make(TABLE, image_size=96, appearance={"arm": "above"})
    for seed in range(3):
        tool = env.reset(seed=seed)[0]["tool_pose"][:3]
        assert 0.35 < tool[0] < 0.75 and 0.1 < tool[2] < 0.45
    env.close()


@pytest.mark.parametrize("kwargs", [
    {"appearance": {"texture": "held_out"}}, {"appearance": {"cameras": "held_out"}}, {"renderer": "egl"},
    {"looks": "stock"}, {"image_size": 128}, {"image_size": 640}])
def test_held_out_looks_are_named_and_refused(kwargs: dict):
    assert named_in(TABLE, {"image_size": 192, **kwargs})
    with pytest.raises(ValueError, match="held out to test eyes on"):
        refuse_held_out(TABLE, kwargs)
    assert not named_in(TABLE, {"appearance": VARIED, "image_size": 192, "renderer": "tiny"})
    assert named_in("envs:embodied/PandaGymStack-v0", {})


def test_no_dataset_is_made_of_them(tmp_path: Path):
    spec = CollectSpec(env_kwargs={"appearance": {"distractors": "held_out"}})
    with pytest.raises(ValueError, match="held out to test eyes on"):
        collect(spec, tmp_path, episodes=1)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("values, why", [({"texture": "shiny"}, "plain"), ({"textures": "plain"}, "texture")])
def test_unknown_families_are_refused_with_the_known(values: dict, why: str):
    with pytest.raises(ValueError, match=why):
        gymnasium.make(TABLE, appearance=values)


def test_worlds_that_are_no_table_refuse_it():
    with pytest.raises(ValueError, match="before a table"):
        gymnasium.make("envs:embodied/Kitchen-v0", appearance={"texture": "varied"})


def test_each_preset_is_a_known_one():
    for name in group_options(config_dir())["appearance"]:
        values = yaml.safe_load((config_dir() / "appearance" / f"{name}.yaml").read_text("utf-8"))
        assert bool(named_in(TABLE, values)) == name.startswith("held")
        Appearance.of(values["appearance"])
