"""A model that is divided between processes, in any way, learns what it learns in one: initial weights, losses,
gradients, what an optimiser remembers, clipped lengths, and where a training goes on that was saved under another
layout. Each layout starts its processes once, for a planner and for decoders of three kinds."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from embodied.data.batches import Batch
from embodied.training.objectives.losses import IGNORED
from embodied.training.parallel import pipeline, tensor
from embodied.training.parallel.divided import Divided, decoder_of, place, refuse_in_line
from embodied.training.parallel.layout import Layout
from embodied.training.placement import CPU, State
from embodied.training.stage import StageSettings
from embodied.typed import SettingError
from tests.embodied.training import layouts, ranks
from tests.embodied.training.layouts import BETWEEN, CASES, OWN, STEPS, Trial, course

LOSS = dict.fromkeys(("mixtral", OWN), 1e-2)  # relative, of any of ten steps; rounding may choose other experts
EXACT = 1e-4  # of the others
ONCE = 1e-4  # length of a difference over the whole, after one step; sums in another order give 1e-7 to 1e-5
LATER = 3e-3  # the same after ten, which steps of AdamW make more of


WHOLE = Layout()


@dataclass(frozen=True)
class Way:
    """size: processes. chosen: of `Trial`."""

    size: int
    layout: Layout = WHOLE
    chosen: dict[str, Any] = field(default_factory=dict)
    is_slow: bool = True


WAYS = {
    "dp2": Way(2),
    "dp2_zero1": Way(2, Layout(zero=1), is_slow=False),
    "dp2_zero2": Way(2, Layout(zero=2)),
    "dp2_zero3": Way(2, Layout(zero=3), is_slow=False),
    "dp4": Way(4),
    "dp4_zero3": Way(4, Layout(zero=3)),
    "tp2": Way(2, Layout(tensor=2)),
    "tp4": Way(4, Layout(tensor=4)),
    "tp2_sp": Way(2, Layout(tensor=2, sequence=True), is_slow=False),
    "pp2": Way(2, Layout(pipeline=2), is_slow=False),
    "pp2_of_2_parts": Way(2, Layout(pipeline=2, micro_batches=2)),
    "pp4": Way(4, Layout(pipeline=4)),
    "dp2_tp2": Way(4, Layout(tensor=2)),
    "dp2_tp2_sp": Way(4, Layout(tensor=2, sequence=True)),
    "dp2_zero3_tp2": Way(4, Layout(tensor=2, zero=3)),
    "dp2_zero2_tp2_sp": Way(4, Layout(tensor=2, zero=2, sequence=True)),
    "dp2_pp2": Way(4, Layout(pipeline=2)),
    "dp2_zero1_pp2": Way(4, Layout(pipeline=2, zero=1)),
    "pp2_tp2": Way(4, Layout(pipeline=2, tensor=2)),
    "accumulate2": Way(1, chosen={"accumulate": 2}),
    "accumulate4": Way(1, chosen={"accumulate": 4}),
    "dp2_accumulate2": Way(2, chosen={"accumulate": 2}, is_slow=False),
    "dp2_zero3_accumulate2": Way(2, Layout(zero=3), {"accumulate": 2}),
    "tp2_accumulate4": Way(2, Layout(tensor=2), {"accumulate": 4}),
    "checkpointing": Way(1, chosen={"is_checkpointed": True}),
    "pp2_checkpointing": Way(2, Layout(pipeline=2), {"is_checkpointed": True}, is_slow=False),
    "dp2_zero3_checkpointing": Way(2, Layout(zero=3), {"is_checkpointed": True}),
}


@cache
def parent(case: str) -> dict[str, Any]:
    """The course of a case in one process."""
    return course(Trial(case, Layout()))


@pytest.mark.filterwarnings("ignore:Grad strides do not match")  # of DDP, which copies them then
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * way.is_slow)
                                  for name, way in WAYS.items()])
def test_a_divided_model_learns_what_a_whole_one_does(name: str, tmp_path: Path):
    way = WAYS[name]
    parents = {case: parent(case) for case in CASES}

    def work(rank: int) -> None:
        for case, alone in parents.items():
            check(course(Trial(case, way.layout, rank, way.size, **way.chosen)), alone, case)
            other = Trial(case, way.layout, rank, way.size, **way.chosen)
            other.take(copy.deepcopy(alone["between"]), BETWEEN)
            assert_alike(other.go_on(STEPS - BETWEEN), alone["told"][BETWEEN:], case)
            saved = other.saved()
            assert saved.weights or not other.placement.is_first
            if saved.weights:
                assert apart(saved, alone["end"]) < LOSS.get(case, LATER), case
            if isinstance(other.placement, Divided) and (case == "planner" or way.is_slow):
                goes_on_from_parts(case, way, rank, alone["between"], tmp_path / case)

    ranks.on_ranks(way.size, work, tmp_path) if way.size > 1 else work(0)
    for folder in tmp_path.glob("*/"):
        alone = Trial(folder.name, Layout())
        with pytest.warns(UserWarning, match="layout .* -> whole.*: not bit-exact"):
            alone.go_on_from(folder)
        assert apart(alone.saved(), parents[folder.name]["between"]) == 0, folder.name


def goes_on_from_parts(case: str, way: Way, rank: int, between: State, folder: Path) -> None:
    """What each process saved of itself is what they hold together, to the bit; none of them saves much more than its
    share."""
    giver, taker = (Trial(case, way.layout, rank, way.size, **way.chosen) for _ in range(2))
    giver.take(copy.deepcopy(between), BETWEEN)
    giver.save_parts(folder)
    taker.go_on_from(folder)
    assert taker.go_on(1) == giver.go_on(1), case
    mine, other = taker.saved(), giver.saved()
    assert not mine.weights or apart(mine, other) == 0, case
    sizes = [path.stat().st_size for path in folder.glob("part-*.safetensors")]
    assert len(sizes) == way.size and max(sizes) < 1.1 * sum(sizes) / way.size, case


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Grad strides do not match")
@pytest.mark.parametrize("name", ["dp2", "dp2_zero3", "pp2", "accumulate2", "checkpointing"])
def test_our_own_decoder_learns_what_it_does_whole(name: str, tmp_path: Path):
    """Dense and block-sparse layers in turn, ALiBi, experts."""
    way, alone = WAYS[name], parent(OWN)

    def work(rank: int) -> None:
        check(course(Trial(OWN, way.layout, rank, way.size, **way.chosen)), alone, OWN)

    ranks.on_ranks(way.size, work, tmp_path) if way.size > 1 else work(0)


def check(found: dict[str, Any], alone: dict[str, Any], case: str) -> None:
    """What every process of a layout finds; the first one has what is saved."""
    assert_alike(found["told"], alone["told"], case)
    if found["begin"].weights:
        assert apart(found["begin"], alone["begin"]) == 0, case
        assert apart(found["first"], alone["first"]) < ONCE, case
        assert apart(found["end"], alone["end"]) < LOSS.get(case, LATER), case


def assert_alike(told: list[tuple[float, float]], alone: list[tuple[float, float]], case: str) -> None:
    """Losses and lengths of gradients."""
    assert told == [pytest.approx(step, rel=LOSS.get(case, EXACT)) for step in alone], case


def apart(one: State, other: State) -> float:
    """The longest difference of any tensor of weights and of the optimiser's memory, over its length."""
    assert one.weights.keys() == other.weights.keys()
    assert one.optimizer["state"].keys() == other.optimizer["state"].keys()
    groups = [{k: v for k, v in group.items() if k != "lr"} for group in one.optimizer["param_groups"]]
    assert groups == [{k: v for k, v in group.items() if k != "lr"} for group in other.optimizer["param_groups"]]
    pairs = [(one.weights[name], other.weights[name]) for name in one.weights]
    pairs += [(torch.as_tensor(slot), torch.as_tensor(other.optimizer["state"][number][key]))
              for number, slots in one.optimizer["state"].items() for key, slot in slots.items()]
    return max(float((a.double() - b.double()).norm() / b.double().norm().clamp(min=1e-12)) for a, b in pairs)


@pytest.mark.parametrize("layout", [pytest.param(Layout(zero=1), marks=pytest.mark.slow), Layout(zero=2),
                                    Layout(tensor=2, sequence=True),
                                    pytest.param(Layout(pipeline=2), marks=pytest.mark.slow)],
                         ids=lambda one: one.over(2).name)
def test_half_frozen_layers_that_are_measured_between_steps_are_saved_as_they_are(layout: Layout, tmp_path: Path):
    """As a stage does it: what does not learn stays, and a measurement changes nothing of what is saved after it."""
    alone = _frozen_and_measured(Trial("qwen3", Layout(), freezes=True))

    def work(rank: int) -> None:
        found = _frozen_and_measured(Trial("qwen3", layout, rank, 2, freezes=True))
        if rank == 0:
            assert apart(found, alone) < LATER
            before = Trial("qwen3", Layout()).saved().weights
            still = [name for name in before if torch.equal(found.weights[name], before[name])]
            assert sum(".layers.0." in name for name in still) == sum(".layers.0." in name for name in before)
            assert not any(".layers.3." in name for name in still)

    ranks.on_ranks(2, work, tmp_path)


def _frozen_and_measured(trial: Trial) -> State:
    trial.go_on(2)
    with torch.no_grad():
        trial.objective(trial.placement.unwrap(trial.state.model), trial.batch_of(layouts.PLACES))
    trial.saved()
    trial.go_on(2)
    return trial.saved()


def test_parts_without_a_single_name_count_for_nothing():
    """The loss of names, of a batch in which one part alone has one: a mean over parts is less than one name."""
    def one_name(places):
        batch = planner_batch(places)
        names = batch.inputs["name_ids"].clone()
        names[:] = IGNORED
        if 0 in places:
            row = sum(len(((1, 2), (3,), (4, 5), ())[place % 4]) for place in places[:list(places).index(0)])
            names[row, 0] = 5
        return Batch(0, batch.ids, {**batch.inputs, "name_ids": names})

    found = []
    for accumulate in (1, 4):
        trial = Trial("planner", Layout(), accumulate=accumulate)
        planner_batch, trial.batch_of = trial.batch_of, one_name
        trial.go_on(1)
        found.append(trial.saved())
    assert apart(*found) < ONCE


def test_an_optimizer_is_shared_out_of_any_decoder(tmp_path: Path):
    """ZeRO-1 divides no layers: what has none that could be divided learns under it, too."""
    def work(rank: int) -> None:
        sizes = {"n_embd": 32, "n_layer": 1, "n_head": 2, "vocab_size": 67, "bos_token_id": 1, "eos_token_id": 2}
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", **sizes))
        placement = place(Layout(zero=1), CPU, rank, 2)
        assert placement.shares(placement.wrap(model), 4) == 1

    ranks.on_ranks(2, work, tmp_path)


def test_a_pipeline_of_layers_that_drop_out_is_refused():
    model = layouts.decoder("llama")[0]
    model.config.attention_dropout = 0.1
    with pytest.raises(ValueError, match="one whose layers drop out"):
        refuse_in_line(model, 2)


def test_the_comparison_would_see_a_wrong_gradient():
    """Of a layer that learns from half of a batch: far beyond what is allowed."""
    trial, alone = Trial("llama", Layout()), parent("llama")
    trial.batch_of = lambda places: layouts.text_batch(places[:4])
    trial.go_on(1)
    assert apart(trial.saved(), alone["first"]) > 100 * ONCE


@pytest.mark.parametrize("layout", [Layout(zero=3), Layout(tensor=2), Layout(pipeline=2)], ids=lambda one: one.name)
def test_each_process_holds_half_of_the_layers(layout: Layout, tmp_path: Path):
    whole = sum(p.numel() for p in decoder_of(layouts.decoder("llama")[0]).layers.parameters())

    def work(rank: int) -> None:
        held = decoder_of(Trial("llama", layout, rank, 2).state.model).layers.parameters()
        (tmp_path / str(rank)).write_text(str(sum(getattr(p, "to_local", lambda p=p: p)().numel() for p in held)))

    ranks.on_ranks(2, work, tmp_path)
    for rank in range(2):
        assert int((tmp_path / str(rank)).read_text()) == pytest.approx(whole / 2, rel=0.02)


@pytest.mark.parametrize(("chosen", "said"), [
    ({"sequence": True}, "expected tensor of at least 2"), ({"zero": 1, "tensor": 2}, "expected tensor=1"),
    ({"zero": 3, "pipeline": 2}, "expected pipeline=1"), ({"sequence": True, "tensor": 2, "pipeline": 2}, "pipeline=1"),
    ({"micro_batches": 4}, "expected pipeline of at least 2")])
def test_what_does_not_go_together_is_refused(chosen: dict[str, Any], said: str):
    with pytest.raises(SettingError, match=said):
        Layout(**chosen)


@pytest.mark.parametrize(("layout", "size", "said"), [
    (Layout(tensor=2), 3, "a multiple of 2 processes"), (Layout(data=2, tensor=2), 2, "2 x 2 processes"),
    (Layout(zero=2), 1, "at least 2 processes that share out")])
def test_processes_that_do_not_fit_are_refused(layout: Layout, size: int, said: str):
    with pytest.raises(SettingError, match=said):
        layout.over(size)


def test_names_say_what_a_layout_is():
    assert Layout().over(1).name == "single"
    assert Layout(tensor=2, sequence=True).over(4).name == "dp2_tp2_sp"
    assert Layout(pipeline=2, zero=1).over(4).name == "dp2_zero1_pp2"


def test_decoders_that_cannot_be_divided_are_refused_with_what_to_choose():
    llama, gpt2 = layouts.decoder("llama")[0], torch.nn.Module()
    gpt2.base_model = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="expected a decoder with layers"):
        decoder_of(gpt2)
    with pytest.raises(ValueError, match="at least as many layers, got 4"):
        pipeline.divide(llama.model, pipeline.Line(tuple(range(8)), 0, None))
    with pytest.raises(ValueError, match="a divisor of num_attention_heads=4"):
        tensor.divide(llama.model, list(llama.model.layers), _Mesh(3), is_sequence=False)


class _Mesh:
    def __init__(self, count: int) -> None:
        self.count = count

    def size(self) -> int:
        return self.count


def test_what_hangs_on_whole_weights_is_refused_under_a_layout_that_divides_them():
    stage = StageSettings(steps=1, batch_size=2, lr=1e-3, weight_decay=0.0, warmup_steps=0, clip_norm=1.0, save_every=1,
                          validate_every=1, keep=1, ema_decay=0.9)
    Layout(data=2).check("sft", stage)
    with pytest.raises(SettingError, match=r"stage.sft.ema_decay=0.9: expected 0 under the layout tp2"):
        Layout(tensor=2).check("sft", stage)
    with pytest.raises(SettingError, match="batch_size=6: expected a multiple of 4 for each of 2 processes"):
        Layout(pipeline=2).over(4).check_parts("sft", 6, 1)
