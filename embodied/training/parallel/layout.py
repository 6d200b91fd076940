"""How a training is laid out over processes: how many share out a batch, and what of the model each of them holds.

What others call it: `data` is data parallelism (DDP); `zero` the stage of ZeRO (Rajbhandari et al. 2020, DeepSpeed), 2
and 3 being FSDP2 (Zhao et al. 2023), also "fully sharded"; `tensor` and `sequence` are Megatron-LM's (Shoeybi et al.
2019; Korthikanti et al. 2022); `pipeline` GPipe's (Huang et al. 2019). Pathways calls tensor and pipeline together
model parallelism. Torch is not imported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from embodied.typed import SettingError, between

if TYPE_CHECKING:
    from embodied.training.stage import StageSettings

MICRO_BATCHES = 2
"""For each stage of a pipeline, where nobody says otherwise: it stands still for (stages - 1) of (that * stages +
stages - 1) turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Of `data * tensor * pipeline` processes; SettingError for what does not go together."""

    data: int | None = between(1, default=None)  # processes that share out each batch; None: all that are left
    zero: int = between(0, 3, default=0)  # what these share out, too: 1 optimiser, 2 and gradients, 3 and weights
    tensor: int = between(1, default=1)  # processes that share out each product of the decoder's layers
    sequence: bool = False  # whether these share out the tokens between the products, too
    pipeline: int = between(1, default=1)  # processes that hold some of the decoder's layers each
    micro_batches: int | None = between(1, default=None)  # of a pipeline, at a time; None: MICRO_BATCHES a process

    def __post_init__(self) -> None:
        if self.sequence and self.tensor == 1:
            raise SettingError("sequence=true: expected tensor of at least 2, whose processes share out the tokens, "
                               "got 1; set it, or leave sequence out")
        if self.sequence and self.pipeline > 1:
            raise SettingError(f"sequence=true: expected pipeline=1, got {self.pipeline}; leave one of them out")
        if self.zero == 1 and self.tensor > 1:
            raise SettingError(f"zero=1: expected tensor=1, got {self.tensor}; with tensor choose zero=0, 2 or 3")
        if self.zero > 1 and self.pipeline > 1:
            raise SettingError(f"zero={self.zero}: expected pipeline=1, got {self.pipeline}; with a pipeline choose "
                               "zero=0 or 1")
        if self.micro_batches is not None and self.pipeline == 1:
            raise SettingError(f"micro_batches={self.micro_batches}: expected pipeline of at least 2, got 1; set it, "
                               "or accumulate=.. of the stage, which divides a batch for one process")

    def check(self, name: str, stage: StageSettings) -> None:
        """Raise SettingError where a stage is set to what cannot be done under this layout."""
        if self.is_plain:
            return
        replay, patience = getattr(stage, "replay", None), getattr(stage, "patience", None)
        in_line = self.pipeline > 1
        refused = {"ema_decay": (stage.ema_decay, "0"), "patience": (patience, "null"),
                   "spike_ratio": (stage.spike_ratio if self.zero == 1 else None, "null"),
                   "accumulate": (stage.accumulate if in_line and stage.accumulate > 1 else None,
                                  "1, and raise parallel.micro_batches"),
                   "replay.share": (replay.share if in_line and replay else None, "0")}
        for key, (value, remedy) in refused.items():
            if value:
                raise SettingError(f"stage.{name}.{key}={value}: expected {remedy} under the layout {self.name}")

    def check_parts(self, name: str, batch_size: int, accumulate: int) -> None:
        """Raise SettingError where a process's share of a batch cannot be made into as many parts as are asked for."""
        mine, parts = batch_size // (self.data or 1), self.parts if self.pipeline > 1 else accumulate
        if mine % parts:
            raise SettingError(f"stage.{name}.batch_size={batch_size}: expected a multiple of {parts} for each of "
                               f"{self.data or 1} processes that share it out, got {mine}; change it, or "
                               f"{'parallel.micro_batches' if self.pipeline > 1 else f'stage.{name}.accumulate'}")

    @property
    def is_plain(self) -> bool:
        """Whether every process holds the whole model, its optimiser too."""
        return self.zero == 0 and self.tensor == self.pipeline == 1

    @property
    def divides_layers(self) -> bool:
        """Whether a process holds some of the decoder's layers, or parts of them."""
        return self.zero > 1 or self.tensor > 1 or self.pipeline > 1

    @property
    def parts(self) -> int:
        """Into how many micro-batches a process divides its part of a batch."""
        return 1 if self.pipeline == 1 else self.micro_batches or MICRO_BATCHES * self.pipeline

    @property
    def name(self) -> str:
        """Such as dp2_zero1, tp2_sp, pp2_dp2: as tables and checkpoints name it."""
        said = {f"dp{self.data}": (self.data or 1) > 1, f"zero{self.zero}": self.zero > 0,
                f"tp{self.tensor}": self.tensor > 1, "sp": self.sequence, f"pp{self.pipeline}": self.pipeline > 1}
        return "_".join(part for part, is_so in said.items() if is_so) or "single"

    def over(self, ranks: int) -> Layout:
        """The same with `data` filled in for so many processes. SettingError where they cannot be laid out so."""
        each = self.tensor * self.pipeline
        if ranks % each or self.data not in (None, ranks // each):
            asked = f"{self.data} x {each}" if self.data else f"a multiple of {each}"
            raise SettingError(f"parallel: expected {asked} processes (data x tensor x pipeline), got {ranks}; set "
                               "distributed.num_workers")
        if self.zero and ranks == each:
            raise SettingError(f"zero={self.zero}: expected at least 2 processes that share out a batch, got 1; set "
                               "data, or leave zero out")
        return replace(self, data=ranks // each)

