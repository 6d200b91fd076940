"""From what the cameras saw to object slots: votes of all cameras clustered together, then crops and measured boxes.

P foreground pixels of all cameras. Metres, world frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from embodied.models.configuration import SegmenterConfig
from embodied.models.framing import framed_input, moved, turn_of
from embodied.models.measuring import believed_box, is_in_box, measure_box
from embodied.models.resampling import at_pitch
from embodied.models.segmenter import VOTE_SIZE, ObjectSegmenter, targets_from_masks
from embodied.prompt import MAX_OBJECTS, Slot
from envs.interface import Box, Observation, PlainView

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, UInt8

CROP_MARGIN = 1.15
"""The crop's side over the mask's longer side."""

MOST_CLUSTERS = 40
"""Bounds the work on an image that makes no sense; a table of 12 objects leaves a handful of strays."""

SAME_WIDTH_SHARE = 0.55
"""Of the wider of two groups, for both to be one thing: a block in a bowl is a third as wide."""
INSIDE_SHARE, LEVEL_M = 0.6, 0.012
"""How far apart their middles are at most, of half the narrower one's width, and in height: two things that stand side
by side or on each other are further."""

FLOATING_M, REACHING_M = 0.07, 0.03
"""What is nowhere seen lower stands on the table only if something is below it that reaches so near, at least."""

SHARD_SHARE, SHARD_LEVEL_M = 0.25, 0.02
"""Of its upper face, in pixels of all cameras: of what shows less, and would be in something that shows more (so much
higher or lower at most), the votes are strays of that."""

DISTRACTOR_LOGIT = 1.0
"""The mean of a thing's pixels above which it is called a distractor. Of what `eyes-travel` finds in looks of the kind
that it learned from (validation seeds) no block or bowl of 1,810 comes above it, and 290 of 372 distractors do."""

MATCH_M = 0.03
"""A slot further than this (centre and size together) from every object shows none of them."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """The foreground of all cameras, metres. camera: index into `names`."""

    names: tuple[str, ...]
    camera: Int64[np.ndarray, " P"]
    row: Int64[np.ndarray, " P"]
    column: Int64[np.ndarray, " P"]
    points: Float64[np.ndarray, "P 3"]
    votes: Float64[np.ndarray, "P 4"]  # box centre, half-width
    pitch_m: Float64[np.ndarray, " P"]  # distance between neighbouring pixels on a surface that faces the camera
    distractor: Float64[np.ndarray, " P"]  # large where an object is neither block nor bowl


def perceive(segmenter: ObjectSegmenter, observation: Observation, max_objects: int = MAX_OBJECTS) -> list[Slot]:
    """Slots of the objects in sight, most pixels first, distractors last; those off the workspace or in the gripper are
    left out.

    Pictures may be of any size, each camera's of its own: they are looked at at the pitch that segmenters learn at. One
    that is flat sees the colors of one camera alone.
    """
    seen = at_pitch(PlainView.of(observation) if segmenter.config.is_flat else observation)
    slots = slots_from_pixels(see_pixels(segmenter, seen.observation), seen.observation, segmenter.config, max_objects)
    return [replace(slot, pixel=seen.own_pixel(slot.camera, slot.pixel)) for slot in slots]


def see_pixels(segmenter: ObjectSegmenter, observation: Observation) -> Pixels:
    """The pixels that the segmenter takes for objects, with their votes. Raises ValueError for images that do not fit
    it."""
    views = {name: framed_input(observation.rgb[name], observation.depth[name], camera, segmenter.config)
             for name, camera in observation.cameras.items()}
    alike: dict[tuple[int, ...], list[str]] = {}  # cameras whose images are of one size are looked through at once
    for name, view in views.items():
        alike.setdefault(view.shape, []).append(name)
    said = {name: answer for names in alike.values()
            for name, answer in zip(names, _answers(segmenter, np.stack([views[n] for n in names])), strict=True)}
    turns = {name: turn_of(camera, segmenter.config) for name, camera in observation.cameras.items()}
    answers = {name: _in_the_world((views[name][3:6], *said[name]), turns[name]) for name in views}
    if segmenter.config.is_flat:  # what is seen lies where it is believed to be
        answers = {name: (votes[:3], is_object, votes, *more) for name, (_, is_object, votes, *more) in answers.items()}
    return gather_pixels(observation, answers)


def _answers(segmenter: ObjectSegmenter, images: Float32[np.ndarray, "B 7 H W"]
             ) -> Iterator[tuple[Bool[np.ndarray, "H W"], Float[np.ndarray, "4 H W"], Float[np.ndarray, "H W"]]]:
    """For each image: which pixels are of objects, bool[H, W], their votes, float[4, H, W], and whether
    the objects are distractors, float[H, W], a logit."""
    with torch.inference_mode():
        output = segmenter(torch.from_numpy(images).to(segmenter.head.weight))
    is_object = (output.logits > 0).cpu().numpy() & (images[:, 6] > 0)
    if not segmenter.config.is_flat:
        # Outlines spill onto the table and would vote as rings.
        is_object &= images[:, 5] > segmenter.config.clearance_m
    distractor = torch.full_like(output.logits, -10.0) if output.distractor is None else output.distractor
    return zip(is_object, output.votes.float().cpu().numpy(), distractor.float().cpu().numpy(), strict=True)


Answer = tuple["Float[np.ndarray, '3 H W']", "Bool[np.ndarray, 'H W']", "Float[np.ndarray, '4 H W']",
               "Float[np.ndarray, 'H W']"]
"""Of one camera: world points float[3, H, W], m; which pixels are of objects, bool[H, W]; votes float[4, H, W];
float[H, W], logits of its being a distractor."""


def _in_the_world(answer: Answer, turn: Float64[np.ndarray, "4 4"]) -> Answer:
    """The answer of a camera whose picture was looked at in a turned frame."""
    if (turn == np.eye(4)).all():
        return answer
    (points, is_object, votes, distractor), back = answer, np.linalg.inv(turn)
    return moved(points, back), is_object, np.concatenate([moved(votes[:3], back), votes[3:]]), distractor


def gather_pixels(observation: Observation, answers: Mapping[str, Answer]) -> Pixels:
    """The foreground of all cameras as one list. answers: of each camera, by name."""
    parts = []
    for number, (name, (points, is_object, votes, distractor)) in enumerate(answers.items()):
        row, column = np.nonzero(is_object)
        pitch_m = observation.depth[name][row, column].astype(np.float64) / observation.cameras[name].intrinsics[0, 0]
        parts.append((np.full(len(row), number), row, column, points[:, row, column].T.astype(np.float64),
                      votes[:, row, column].T.astype(np.float64), pitch_m, distractor[row, column].astype(np.float64)))
    return Pixels(tuple(answers), *(np.concatenate(column) for column in zip(*parts, strict=True)))


def slots_from_pixels(pixels: Pixels, observation: Observation, config: SegmenterConfig, max_objects: int = MAX_OBJECTS
                      ) -> list[Slot]:
    """Slots of the clusters that lie in the workspace, most pixels first, distractors last."""
    labels = cluster_votes(pixels.votes, config.cluster_radius_m, config.min_pixels)
    groups = _joined([np.flatnonzero(labels == label) for label in range(labels.max(initial=-1) + 1)], pixels.votes)
    voted = [(group, np.median(pixels.votes[group], axis=0)) for group in groups]
    inside = [(group, vote) for group, vote in voted if _is_inside(vote, config)]
    standing = _standing(pixels, [pair for pair in inside if not _is_a_shard(pixels, pair, inside)])
    standing.sort(key=lambda pair: (_is_distractor(pixels, pair[0]), -len(pair[0])))
    return [_slot(pixels, group, vote, observation, config) for group, vote in standing[:max_objects]]


def _joined(groups: Sequence[Int64[np.ndarray, " _"]], votes: Float64[np.ndarray, "P 4"]
            ) -> list[Int64[np.ndarray, " _"]]:
    """The groups, those together as one that vote for things of about one width, on one level, which would be in each
    other: a bowl that is seen flat from aside is believed in at several places."""
    if len(groups) < 2:
        return list(groups)
    middles = np.stack([np.median(votes[group], axis=0) for group in groups])
    apart_m = np.abs(middles[:, None, :3] - middles[None, :, :3])
    halves = middles[:, None, 3], middles[None, :, 3]
    is_alike = np.minimum(*halves) > SAME_WIDTH_SHARE * np.maximum(*halves)
    aside_m = np.linalg.norm(apart_m[..., :2], axis=-1)
    is_in_it = (aside_m < INSIDE_SHARE * np.minimum(*halves)) & (apart_m[..., 2] < LEVEL_M)
    owner = connected_components(coo_array(is_alike & is_in_it), directed=False)[1]
    return [np.sort(np.concatenate([groups[i] for i in np.flatnonzero(owner == thing)])) for thing in np.unique(owner)]


Voted = tuple["Int64[np.ndarray, ' _']", "Float64[np.ndarray, ' 4']"]
"""Pixels of a group, and the median of their votes."""


def _is_a_shard(pixels: Pixels, thing: Voted, others: Sequence[Voted]) -> bool:
    """Whether a group that shows next to nothing of what it votes for would be in one that shows more."""
    share = _seen_share(pixels, *thing)
    if share >= SHARD_SHARE:
        return False
    _, voted = thing
    return any(np.hypot(*(other[:2] - voted[:2])) < max(other[3], voted[3]) and abs(other[2] - voted[2]) < SHARD_LEVEL_M
               and _seen_share(pixels, group, other) > share for group, other in others if other is not voted)


def _seen_share(pixels: Pixels, group: Int64[np.ndarray, " _"], voted: Float64[np.ndarray, " 4"]) -> float:
    """Of the upper face of what a group votes for, how much its pixels would cover."""
    return float((pixels.pitch_m[group] ** 2).sum() / max(2 * voted[3], 1e-3) ** 2)


def _standing(pixels: Pixels, things: Sequence[Voted]) -> list[Voted]:
    """Those of the groups that stand on the table, or on one that does: what hangs in the air with nothing below it is
    a part of the arm, or what that holds."""
    lowest_m = [float(np.quantile(pixels.points[group, 2], 0.05)) for group, _ in things]
    standing: list[Voted] = []
    for place in np.argsort(lowest_m, kind="stable"):
        thing = things[place]
        if lowest_m[place] < FLOATING_M or any(_carries(other, thing[1], lowest_m[place]) for _, other in standing):
            standing.append(thing)
    return standing


def _carries(other: Float64[np.ndarray, " 4"], voted: Float64[np.ndarray, " 4"], lowest_m: float) -> bool:
    """Whether a thing is under what is seen no lower than so far above the table, and reaches up to it."""
    is_under = np.hypot(*(other[:2] - voted[:2])) < other[3] + voted[3]
    return bool(is_under and lowest_m - other[3] - REACHING_M < other[2] < voted[2])


def cluster_votes(votes: Float[np.ndarray, "P 4"], radius_m: float, min_pixels: int) -> Int64[np.ndarray, " P"]:
    """int64[P]: the cluster of each vote float[P, 4], densest first; -1 for votes that agree with too few others.

    Greedy and deterministic: take the fullest cell of a grid, climb to the mean of the free votes around, claim those.
    """
    labels = np.full(len(votes), -1)
    cells = _cells(votes, radius_m)
    is_free = np.isfinite(votes).all(axis=1)
    found = 0
    for _ in range(MOST_CLUSTERS):
        if is_free.sum() < min_pixels:
            break
        claimed, seed = _claim(votes, cells, is_free, radius_m)
        is_free[claimed] = is_free[seed] = False
        if len(claimed) >= min_pixels:
            labels[claimed] = found
            found += 1
        elif len(seed) < min_pixels // 4:
            break
    return _adopt_strays(votes, labels, 2 * radius_m)


def _cells(votes: Float[np.ndarray, "P 4"], radius_m: float) -> Int64[np.ndarray, " P"]:
    """int64[P]: the cell of a grid of votes, numbered from 0 in the order of the grid; only cells with votes count."""
    steps = np.floor(np.nan_to_num(votes) / radius_m).clip(-500, 499).astype(np.int64) + 500
    return np.unique(steps @ (1000 ** np.arange(VOTE_SIZE, dtype=np.int64)), return_inverse=True)[1]


def _claim(votes: Float[np.ndarray, "P 4"], cells: Int64[np.ndarray, " P"], is_free: Bool[np.ndarray, " P"],
           radius_m: float) -> tuple[Int64[np.ndarray, " claimed"], Int64[np.ndarray, " seed"]]:
    """Indices of the free votes around the densest place, and of those in the cell where the search began."""
    free = np.flatnonzero(is_free)
    fullest = np.bincount(cells[free]).argmax()
    seed = free[cells[free] == fullest]
    center = votes[seed].mean(axis=0)
    claimed = seed
    for _ in range(3):
        near = free[np.abs(votes[free, 0] - center[0]) < radius_m]  # few are left to measure
        claimed = near[((votes[near] - center) ** 2).sum(axis=1) < radius_m**2]
        if len(claimed) == 0:
            break
        center = votes[claimed].mean(axis=0)
    return claimed, seed


def _adopt_strays(votes: Float[np.ndarray, "P 4"], labels: Int64[np.ndarray, " P"], reach_m: float
                  ) -> Int64[np.ndarray, " P"]:
    """Labels in which votes left over join the nearest cluster within reach."""
    found, strays = labels.max(initial=-1) + 1, np.flatnonzero((labels < 0) & np.isfinite(votes).all(axis=1))
    if found == 0 or len(strays) == 0:
        return labels
    centers = np.stack([np.median(votes[labels == label], axis=0) for label in range(found)])
    distance = np.linalg.norm(votes[strays, None] - centers, axis=2)
    nearest = distance.argmin(axis=1)
    labels[strays] = np.where(distance.min(axis=1) < reach_m, nearest, -1)
    return labels


def _is_inside(voted: Float[np.ndarray, " 4"], config: SegmenterConfig) -> bool:
    """Whether the voted centre lies in the workspace; above it hangs what the gripper holds."""
    center = voted[:3]
    low, high = np.array(config.workspace_low_m) - config.margin_m, np.array(config.workspace_high_m)
    high[:2] += config.margin_m
    return bool((center > low).all() and (center < high).all())


def _slot(pixels: Pixels, group: Int64[np.ndarray, " P"], voted: Float64[np.ndarray, " 4"], observation: Observation,
          config: SegmenterConfig) -> Slot:
    """The slot of the pixels of a group; voted: the median of their votes."""
    if config.is_flat:
        box, width_m = believed_box(voted)
    else:
        box, width_m = measure_box(pixels.points[group], voted, pixels.pitch_m[group], pixels.camera[group])
        group = group[is_in_box(pixels.points[group], box)]
    cameras = pixels.camera[group]
    camera = int(np.bincount(cameras, minlength=len(pixels.names)).argmax())
    mine = group[cameras == camera]
    rows, columns = pixels.row[mine], pixels.column[mine]
    rgb, window = observation.rgb[pixels.names[camera]], window_of(rows, columns)
    middle = int(((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2).argmin())
    return Slot(crop=masked_crop(rgb, rows, columns, window, config.crop_size), box=box, camera=pixels.names[camera],
                pixel=(int(columns[middle]), int(rows[middle])), area_px=len(group),
                window=_share(window, rgb.shape[:2]), width_m=width_m,
                is_distractor=_is_distractor(pixels, group))


def _is_distractor(pixels: Pixels, group: Int64[np.ndarray, " P"]) -> bool:
    return bool(pixels.distractor[group].mean() > DISTRACTOR_LOGIT)


def masked_crop(rgb: UInt8[np.ndarray, "H W 3"], rows: Int64[np.ndarray, " P"], columns: Int64[np.ndarray, " P"],
                window: tuple[int, int, int], size: int) -> UInt8[np.ndarray, "S S 3"]:
    """uint8[size, size, 3]: a window (left, top, side, pixels) that holds the pixels rows, columns int64[P], black off
    them. rgb: uint8[H, W, 3]."""
    left, top, side = window
    canvas = np.zeros((side, side, 3), dtype=np.uint8)
    canvas[rows - top, columns - left] = rgb[rows, columns]
    return np.asarray(Image.fromarray(canvas).resize((size, size), Image.Resampling.BILINEAR))


def window_of(rows: Int64[np.ndarray, " P"], columns: Int64[np.ndarray, " P"]) -> tuple[int, int, int]:
    """Left, top and side, pixels, of the square that the crop around some pixels is cut from; it may pass the edge."""
    side = int(np.ceil(CROP_MARGIN * (max(np.ptp(rows), np.ptp(columns)) + 1)))
    top, left = (round(float(values.min() + values.max() + 1 - side) / 2) for values in (rows, columns))
    return left, top, side


def _share(window: tuple[int, int, int], size_px: tuple[int, int]) -> tuple[float, float, float, float]:
    """`Slot.window` of a square of an image of size_px = (height, width)."""
    left, top, side = window
    height, width = size_px
    return left / width, top / height, side / width, side / height


def best_matches(slots: Sequence[Slot], names: Sequence[str], poses: Float[np.ndarray, "M 10"]) -> dict[str, int]:
    """Object name -> index of the slot that shows it; objects that no slot is near are left out.

    poses: float[M, 10], centre m, quaternion, size m. One slot an object, least total distance of centre and size.
    """
    if not slots or not len(names):
        return {}
    poses = np.asarray(poses, dtype=np.float64)
    seen = np.stack([_signature(slot.box) for slot in slots])
    true = np.concatenate([poses[:, :3], poses[:, 7:9].max(axis=1, keepdims=True) / 2], axis=1)
    distance = np.linalg.norm(true[:, None] - seen, axis=2)
    rows, columns = linear_sum_assignment(distance)
    return {names[m]: int(s) for m, s in zip(rows, columns, strict=True) if distance[m, s] < MATCH_M}


def _signature(box: Box) -> Float64[np.ndarray, " 4"]:
    """float64[4]: centre and half-width, the space of votes."""
    return np.array([*box.center, max(box.size[:2]) / 2])


def oracle_pixels(observation: Observation, masks: Mapping[str, Int[np.ndarray, "H W"]],
                  poses: Float[np.ndarray, "M 10"]) -> Pixels:
    """PRIVILEGED (tests and ablations): the pixels and votes of a segmenter that makes no mistake."""
    answers = {}
    for name, camera in observation.cameras.items():
        said = targets_from_masks(masks[name], poses)
        answers[name] = (camera.lift(observation.depth[name]).transpose(2, 0, 1), said["foreground"] > 0, said["votes"],
                         20 * said["distractor"] - 10)
    return gather_pixels(observation, answers)


def true_slots(observation: Observation, masks: Mapping[str, Int[np.ndarray, "H W"]],
               poses: Float[np.ndarray, "M 10"]) -> list[Slot]:
    """PRIVILEGED: the slots that a segmenter which makes no mistake would find, most pixels first."""
    return slots_from_pixels(oracle_pixels(observation, masks, poses), observation, SegmenterConfig())
