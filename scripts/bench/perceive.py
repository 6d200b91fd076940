"""How fast and how well segmenters see: any number of weights side by side, on the same scenes, in turn.

    python scripts/bench/perceive.py tabletop-tiny FOLDER [--episodes 100] [--rounds 60] [--realism strong]
    python scripts/bench/perceive.py tabletop-tiny FOLDER --rounds 0 --split test --looks held_cameras 128 panda_gym

JSON lines. "latency": milliseconds of processor time of one core, two cameras: the network alone, all of perception
(median, 95 %), and its ratio to the first of the weights in the same run; they take turns on each view. "seeing": over
all views of episodes of a split's seeds, half of them acted out by the expert with disturbances: the share of
visible objects that a slot shows (within 3 cm of centre and size together), slots that show none, and the errors of
the boxes; of what is neither block nor bowl, and of blocks and bowls, how many are said to be distractors. An object is
visible that shows at least as many pixels, at the pitch that segmenters look at, as one asks for. A row for each of the
looks: a name of configs/appearance, "egl", pixels of the pictures' sides, or "panda_gym". What is held out of training
stands in envs/sensors/held_out.py. Eyes that need no depth are shown the front camera's colors alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from embodied.agents.shipped import weights_folder  # noqa: E402
from embodied.cli.configs import config_dir, group_options  # noqa: E402
from embodied.data.collect import CollectSpec, is_executed, make_env, record  # noqa: E402
from embodied.data.episodes import View  # noqa: E402
from embodied.evaluation.success import Rate  # noqa: E402
from embodied.models.framing import framed_input  # noqa: E402
from embodied.models.loading import load  # noqa: E402
from embodied.models.resampling import at_pitch  # noqa: E402
from embodied.models.scene import best_matches, perceive  # noqa: E402
from embodied.models.segmenter import ObjectSegmenter  # noqa: E402
from embodied.prompt import Slot  # noqa: E402
from envs.interface import SEED_RANGES, PlainView  # noqa: E402
from scripts.examples.panda_gym_sights import scenes as panda_gym_scenes  # noqa: E402

PANDA_GYM = "panda_gym"
MM_PER_M = 1000.0
MS_PER_S = 1000.0
Segmenters = Mapping[str, ObjectSegmenter]


def views_of(look: str, seeds: range, realism: str) -> Iterator[View]:
    """Every view of the episodes of seeds. realism: one of the presets."""
    if look == PANDA_GYM:
        yield from panda_gym_scenes(seeds)
        return
    spec = CollectSpec(labels=1, env_kwargs={**_preset("realism", realism), **kwargs_of(look)})
    env = make_env(spec)
    for seed in seeds:
        yield from record(env, seed, spec, acts=is_executed(seed, 0.5)).views
    env.close()


def kwargs_of(look: str) -> dict[str, Any]:
    """What makes an environment look so."""
    if look.isdigit():
        return {"image_size": int(look)}
    return {"renderer": look} if look == "egl" else _preset("appearance", look)


def _preset(group: str, name: str) -> dict[str, Any]:
    return yaml.safe_load((config_dir() / group / f"{name}.yaml").read_text("utf-8"))


def visible(view: View, least_px: int) -> list[int]:
    """Places of the objects that stand in sight; one in the hand is not asked for."""
    taken = at_pitch(view.observation)
    masks = [mask[np.ix_(taken.rows[name], taken.columns[name])] for name, mask in view.masks.items()]
    shown = [sum(int((mask == place).sum()) for mask in masks) for place in range(len(view.names))]
    return [place for place, pixels in enumerate(shown) if pixels >= least_px and view.names[place] != view.held]


def judge(slots: list[Slot], view: View, least_px: int) -> dict[str, list[float]]:
    """{"objects", "missed", "false": counts of this view; "center_mm", "width_mm": errors of each slot that fits}."""
    standing = [i for i, name in enumerate(view.names) if name != view.held]
    found = best_matches(slots, [view.names[i] for i in standing], view.poses[standing])
    asked = [view.names[place] for place in visible(view, least_px)]
    poses = dict(zip(view.names, view.poses, strict=True))
    pairs = [(slots[place].box, poses[name]) for name, place in found.items()]
    odd = dict(zip(view.names, view.is_distractor, strict=True))
    said = {is_odd: [slots[place].is_distractor for name, place in found.items() if odd[name] == is_odd]
            for is_odd in (True, False)}
    return {"distractors_told": said[True], "known_denied": said[False], "objects": [len(asked)],
            "missed": [sum(name not in found for name in asked)],
            "false": [len(slots) - len(found)],
            "center_mm": [MM_PER_M * float(np.linalg.norm(box.center - pose[:3])) for box, pose in pairs],
            "width_mm": [MM_PER_M * abs(max(box.size[:2]) - float(pose[7:9].max())) for box, pose in pairs]}


def seeing(segmenters: Segmenters, look: str, seeds: range, realism: str) -> Iterator[dict]:
    """One row for each of the weights."""
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in segmenters}
    for taken in views_of(look, seeds, realism):
        for name, segmenter in segmenters.items():
            view = plain(taken) if segmenter.config.is_flat else taken
            slots = perceive(segmenter, view.observation)
            for key, values in judge(slots, view, segmenter.config.min_pixels).items():
                found[name][key] += values
    for name, told in found.items():
        objects, missed = sum(told["objects"]), sum(told["missed"])
        seen = Rate(objects - missed, objects)
        yield {"what": "seeing", "look": look, "weights": name, "realism": realism, "views": len(told["objects"]),
               "objects": objects, "recall": round(seen.value, 5), "ci95": [round(end, 4) for end in seen.ci95],
               "missed": missed, "false_slots": sum(told["false"]),
               "false_per_object": round(sum(told["false"]) / max(objects, 1), 4),
               **{key: [int(sum(told[key])), len(told[key])] for key in ("distractors_told", "known_denied")},
               **{f"{key}_{share}": _percentile(told[key], share)
                  for key in ("center_mm", "width_mm") for share in (50, 95, 99)}}


def plain(view: View) -> View:
    """The same as one picture without depth shows it."""
    name = PlainView.camera_of(view.observation.cameras)
    return replace(view, observation=PlainView.of(view.observation), masks={name: view.masks[name]})


def _percentile(values: list[float], share: int) -> float | None:
    return round(float(np.percentile(values, share)), 2) if values else None


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of this process's processor time: what else runs counts less than by the clock."""
    start_s = time.process_time()
    call()
    return MS_PER_S * (time.process_time() - start_s)


def latency(segmenters: Segmenters, rounds: int, seeds: range, realism: str) -> Iterator[dict]:
    """One row for each of the weights; they take turns on each view."""
    took_ms: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in segmenters}
    views = list(views_of("own", seeds[:10], realism))
    for i in range(rounds + 2):
        o = views[i % len(views)].observation
        for name, segmenter in segmenters.items():
            batch = torch.from_numpy(np.stack([framed_input(o.rgb[n], o.depth[n], camera, segmenter.config)
                                               for n, camera in o.cameras.items()]))
            with torch.inference_mode():
                took_ms[name]["network"].append(timed(lambda s=segmenter, x=batch: s(x)))
            took_ms[name]["perception"].append(timed(lambda s=segmenter, seen=o: perceive(s, seen)))
    first = np.median(next(iter(took_ms.values()))["perception"][2:])
    for name, told in took_ms.items():
        network, all_of_it = (np.array(told[key][2:]) for key in ("network", "perception"))
        yield {"what": "latency", "weights": name, "network_ms": round(float(np.median(network)), 2),
               "perception_ms": round(float(np.median(all_of_it)), 2),
               "perception_p95_ms": round(float(np.percentile(all_of_it, 95)), 2),
               "ratio": round(float(first / np.median(all_of_it)), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="names of shipped weights, or folders")
    parser.add_argument("--episodes", type=int, default=100, help="of the split's seeds; 0 = latency alone")
    parser.add_argument("--split", choices=sorted(SEED_RANGES), default="validation")
    parser.add_argument("--looks", nargs="+", default=["own"], help="own, held_cameras .., egl, 640, panda_gym")
    parser.add_argument("--rounds", type=int, default=60, help="of timing; 0 = none")
    parser.add_argument("--realism", choices=group_options(config_dir())["realism"], default="off")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    segmenters = {name: load(weights_folder(name))[0].segmenter for name in asked.weights}
    first = SEED_RANGES[asked.split].start
    for row in latency(segmenters, asked.rounds, range(first, first + 10), asked.realism) if asked.rounds else ():
        print(json.dumps(row), flush=True)
    for look in asked.looks if asked.episodes else ():
        for row in seeing(segmenters, look, range(first, first + asked.episodes), asked.realism):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
