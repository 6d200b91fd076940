"""The object segmenter: each pixel of an RGB-D image says whether it shows an object, and votes for which.

B images, H x W pixels (multiples of 16), M objects. Class-agnostic: it knows of no colour and no kind. A vote is where
the pixel believes its object's box to be centred (x, y, z) and how wide its half is, metres, world frame: the blocks of
a stack differ in z, a block in a bowl differs from the bowl in half-width, so clusters of votes are objects. One that
tells distractors says of each pixel, too, whether its object is neither block nor bowl.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from embodied.models.configuration import COARSEST_PX, SegmenterConfig
from envs.interface import Camera

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float32, Int, UInt8

CHANNELS = 7
"""Of the input: RGB in [0, 1], world x y z in metres, 1 where there is a measured point."""

VOTE_SIZE = 4
VOTE_UNIT_M = 0.1
LOOK_CELLS = 5  # side of the square that a channel of a residual looks at
FEW_PIXELS = 40  # an object that shows fewer in a camera counts less


@dataclass(frozen=True, slots=True)
class SegmenterOutput:
    logits: Float[Tensor, "B H W"]  # > 0 where an object is
    votes: Float[Tensor, "B 4 H W"]  # metres: box centre x y z, half-width
    distractor: Float[Tensor, "B H W"] | None = None  # > 0 where an object is neither block nor bowl; None: cannot tell


class ObjectSegmenter(nn.Module):
    """A U-Net of at most half a million parameters that works on patches of pixels and answers for each pixel."""

    def __init__(self, config: SegmenterConfig):
        super().__init__()
        self.config = config
        first, *deeper = config.widths
        make, depths = FORMS[config.form], config.level_depths
        sides = list(zip(config.widths, deeper, depths, depths[1:], strict=False))
        self.stem = make.stem(config.patch_px, first, depths[0])
        self.down = nn.ModuleList(make.block(a, b, deep) for a, b, _, deep in sides)
        self.up = nn.ModuleList(make.block(a + b, a, shallow) for a, b, shallow, _ in reversed(sides))
        self.head = nn.Conv2d(first, config.patch_px**2 * (1 + VOTE_SIZE + config.tells_distractors), 1)
        self.register_buffer("origin", torch.zeros(3))
        self.register_buffer("reach", torch.ones(3))
        self._set_workspace(config)

    def _set_workspace(self, config: SegmenterConfig) -> None:
        low, high = torch.tensor(config.workspace_low_m), torch.tensor(config.workspace_high_m)
        self.origin.copy_((low + high) / 2)
        self.reach.copy_((high - low) / 2)

    def forward(self, images: Float[Tensor, "B 7 H W"]) -> SegmenterOutput:
        """images: float[B, 7, H, W] as `framing.framed_input` makes them."""
        levels = [self.stem(self._normalise(images))]
        for block in self.down:
            levels.append(block(F.max_pool2d(levels[-1], 2)))
        x = levels.pop()
        for block in self.up:
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), levels.pop()], dim=1))
        answer = F.pixel_shuffle(self.head(x), self.config.patch_px)
        own = F.pad(images[:, 3:6], (0, 0, 0, 0, 0, 1))
        distractor = answer[:, 1 + VOTE_SIZE] if self.config.tells_distractors else None
        return SegmenterOutput(answer[:, 0], own + VOTE_UNIT_M * answer[:, 1:1 + VOTE_SIZE], distractor)

    def _normalise(self, images: Float[Tensor, "B 7 H W"]) -> Float[Tensor, "B 7 H W"]:
        """The same channels, all of order 1; far background is cut at three workspaces away."""
        where = (images[:, 3:6] - self.origin[:, None, None]) / self.reach[:, None, None]
        return torch.cat([2 * images[:, :3] - 1, where.clamp(-3, 3) * images[:, 6:], images[:, 6:]], dim=1)


class _Patches(nn.Sequential):
    """Layers over an image whose patches of pixels became channels."""

    def __init__(self, patch_px: int, *layers: nn.Module):
        super().__init__(*layers)
        self.patch_px = patch_px

    def forward(self, images: Float[Tensor, "B 7 H W"]) -> Float[Tensor, "B C h w"]:
        patches = F.pixel_unshuffle(images, self.patch_px)
        return super().forward(patches.contiguous(memory_format=torch.channels_last))  # 1.25x on CPU


def _dense_stem(patch_px: int, outputs: int, depth: int) -> nn.Sequential:
    return _Patches(patch_px, *_dense_block(patch_px**2 * CHANNELS, outputs, depth))


def _dense_block(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    """Convolutions with GroupNorm: BatchNorm learns nothing usable from the few scenes of a batch."""
    return nn.Sequential(*chain.from_iterable(
        (nn.Conv2d(outputs if i else inputs, outputs, 3, padding=1, bias=False), nn.GroupNorm(8, outputs),
         nn.ReLU(inplace=True)) for i in range(depth)))


class _Mix(nn.Linear):
    """A 1 x 1 convolution, as the one multiplication that it is: 1.4x of `nn.Conv2d` on one core."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Residual(nn.Module):
    """x + what a look around in each channel and a mixing of channels add (ConvNeXt, Liu et al. 2022; GroupNorm)."""

    def __init__(self, width: int):
        super().__init__()
        self.look = nn.Conv2d(width, width, LOOK_CELLS, padding=LOOK_CELLS // 2, groups=width, bias=False)
        self.norm = nn.GroupNorm(8, width)
        self.widen = _Mix(width, 2 * width)
        self.narrow = _Mix(2 * width, width)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x + self.narrow(F.relu(self.widen(self.norm(self.look(x)))))


def _light_stem(patch_px: int, outputs: int, depth: int) -> nn.Sequential:
    """Patches are taken by a convolution of their own stride: half the time of laying them out as channels first."""
    return nn.Sequential(nn.Conv2d(CHANNELS, outputs, patch_px, stride=patch_px), _ChannelsLast(),
                         *(_Residual(outputs) for _ in range(depth)))


def _light_block(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    """As many channels as asked for, then residuals."""
    return nn.Sequential(_Mix(inputs, outputs), *(_Residual(outputs) for _ in range(depth)))


class _ChannelsLast(nn.Module):
    """The same values, laid out as depthwise convolutions and mixings are fastest on a CPU."""

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return x.contiguous(memory_format=torch.channels_last)


class Form(NamedTuple):
    """What makes the parts of a segmenter: stem of (patch_px, channels out, depth), block of (in, out, depth)."""

    stem: Callable[[int, int, int], nn.Module]
    block: Callable[[int, int, int], nn.Module]


FORMS = {"dense": Form(_dense_stem, _dense_block), "light": Form(_light_stem, _light_block)}
"""`SegmenterConfig.form` -> its parts."""


def segmenter_input(rgb: UInt8[np.ndarray, "... 3"], depth: Float[np.ndarray, " ..."], camera: Camera
                    ) -> Float32[np.ndarray, "7 H W"]:
    """float32[7, H, W]: what the segmenter reads of one camera; pixels without a finite depth are marked and emptied.

    rgb: uint8[H, W, 3]. depth: float32[H, W], metres. Raises ValueError when H or W is no multiple of 16.
    """
    if depth.shape != rgb.shape[:2] or depth.shape[0] % COARSEST_PX or depth.shape[1] % COARSEST_PX:
        raise ValueError("camera image: expected rgb [H, W, 3] and depth [H, W] with H, W multiples of "
                         f"{COARSEST_PX}, got {list(rgb.shape)} and {list(depth.shape)}; set the environment's "
                         "image_size")
    is_measured = np.isfinite(depth) & (depth > 0)
    points = camera.lift(np.where(is_measured, depth, 0.0))
    channels = np.empty((CHANNELS, *depth.shape), dtype=np.float32)
    np.divide(np.moveaxis(rgb, -1, 0), np.float32(255.0), out=channels[:3])
    np.multiply(np.moveaxis(points, -1, 0), is_measured, out=channels[3:6], casting="same_kind")
    channels[6] = is_measured
    return channels


def targets_from_masks(masks: Int[np.ndarray, "H W"], poses: Float[np.ndarray, "M 10"],
                       is_distractor: Bool[np.ndarray, " M"] | None = None
                       ) -> dict[str, Float32[np.ndarray, "... H W"]]:
    """{"foreground": float32[H, W], "votes": float32[4, H, W], "weights": float32[H, W], "distractor": float32[H, W]}:
    what each pixel should say.

    All are 0 off the objects. An object's weights add up to 1 (less when few
    pixels show it): by the pixel, a block inside a bowl hardly counts, and the segmenter takes it for a piece of it.
    masks: int16[H, W], index into poses, -1 = no object. poses: float[M, 10], centre m, quaternion, size m.
    is_distractor: bool[M], which are neither blocks nor bowls; None for no object.
    """
    is_object = masks >= 0
    table = np.concatenate([poses[:, :3], poses[:, 7:9].max(axis=1, keepdims=True) / 2], axis=1).astype(np.float32)
    votes = np.zeros((*masks.shape, VOTE_SIZE), dtype=np.float32)
    votes[is_object] = table[masks[is_object]]
    weights = np.zeros(masks.shape, dtype=np.float32)
    area = np.bincount(masks[is_object], minlength=len(poses)).clip(FEW_PIXELS)
    weights[is_object] = 1.0 / area[masks[is_object]]
    distractor = np.zeros(masks.shape, dtype=np.float32)
    if is_distractor is not None:
        distractor[is_object] = is_distractor[masks[is_object]]
    return {"foreground": is_object.astype(np.float32), "votes": np.ascontiguousarray(votes.transpose(2, 0, 1)),
            "weights": weights, "distractor": distractor}
