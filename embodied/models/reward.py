"""A reward model: a planner with one number more, what a plan is worth at a moment (InstructGPT: Ouyang et al. 2022,
arXiv 2203.02155, section 3.5: the head that says words gives its place to one that says a score).

B plans, T tokens, D width. Scores are in no unit, and only differences of plans of one moment count. Departures: the
planner keeps its words, which are saved beside; the score is read at the end token of the plan; `log_tie`, Davidson's
log v, is learned with it, where ties are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from embodied.data.files import replaced_folder, write_whole
from embodied.models.folder import REMEDY, CheckpointError
from embodied.models.headed import HeadedPlanner
from embodied.models.loading import load as load_model
from embodied.models.loading import save as save_model
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.processor import PalmEProcessor
from embodied.prompt import Prompt

if TYPE_CHECKING:
    from jaxtyping import Float, Int

PLANNER, HEAD = "planner", "head.safetensors"
"""In the folder of a reward model: the planner, a checkpoint of its own, and what stands on it."""


class RewardModel(HeadedPlanner):
    """Scores of plans. A new one calls all plans equal."""

    def __init__(self, planner: PalmEForConditionalGeneration) -> None:
        super().__init__(planner)
        self.log_tie = nn.Parameter(torch.zeros(()))

    def forward(self, input_ids: Int[Tensor, "B T"], attention_mask: Int[Tensor, "B T"], **inputs: Any
                ) -> tuple[Float[Tensor, " B"], Float[Tensor, ""]]:
        """(float[B], the score at the last token of each sentence, and log v). inputs: as of `PalmEModel.forward`,
        without labels."""
        seen = self.planner.body(input_ids=input_ids, attention_mask=attention_mask, use_cache=False, **inputs)
        places = torch.arange(attention_mask.shape[1], device=attention_mask.device)
        last = (attention_mask * places).argmax(dim=1)
        rows = torch.arange(len(last), device=last.device)
        return self.head(seen.last_hidden_state[rows, last])[:, 0], self.log_tie


def score_plans(model: RewardModel, processor: PalmEProcessor, prompt: Prompt, plans: Sequence[str]) -> list[float]:
    """The score of each plan's text after a prompt."""
    inputs = dict(processor([prompt] * len(plans), list(plans)).to(model.head.weight.device))
    inputs.pop("labels")
    with torch.inference_mode():
        return model(**inputs)[0].tolist()


def save_reward(model: RewardModel, processor: PalmEProcessor, folder: str | Path) -> Path:
    """The folder, published whole; OSError as of `loading.save`."""
    folder = Path(folder).resolve()
    head = {"head.weight": model.head.weight, "head.bias": model.head.bias, "log_tie": model.log_tie}
    with replaced_folder(folder) as draft:
        save_model(model.planner, processor, draft / PLANNER)
        write_whole(draft / HEAD, save({name: value.detach().cpu().contiguous() for name, value in head.items()}))
    return folder


def load_reward(folder: str | Path, device: str = "cpu") -> tuple[RewardModel, PalmEProcessor]:
    """The model, in evaluation mode on `device`, and its processor. CheckpointError for a folder that `save_reward`
    did not write, or that was damaged since."""
    folder = Path(folder).resolve()
    if not (folder / HEAD).is_file():
        raise CheckpointError(f"reward model {folder}: expected {HEAD} and the folder {PLANNER}, got no {HEAD}; name "
                              "the folder that the stage `reward` wrote")
    planner, processor = load_model(folder / PLANNER)
    model = RewardModel(planner)
    try:
        head = load_file(folder / HEAD)
        missing, unexpected = model.load_state_dict(head, strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise CheckpointError(f"reward model {folder}: {HEAD} cannot be read ({error}); {REMEDY}") from error
    if unexpected or {name for name in missing if not name.startswith(f"{PLANNER}.")}:
        raise CheckpointError(f"reward model {folder}: expected a head in {HEAD}, got {', '.join(sorted(head))}; "
                              f"{REMEDY}")
    return model.to(device).eval(), processor
