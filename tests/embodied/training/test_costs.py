"""What is said of a step's time and messages: counted by torch, by hand, and beside what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM

from embodied.training.parallel import estimate
from embodied.training.parallel.costs import DEVICES, effort_of, model_flops, rates_of, sent_of, step_of
from embodied.training.parallel.estimate import Work, shape_of
from embodied.training.parallel.layout import Layout
from tests.embodied.training import layouts

ROOT = Path(__file__).resolve().parents[3]
MEASURED = ROOT / "scripts/bench/costs.jsonl"
ALONE, WORK = Layout(data=1), Work(2, 16, 32)


def config_of(kind: str):
    return AutoConfig.for_model(kind, **layouts.SIZES, **layouts.DECODERS[kind], attn_implementation="eager")


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_operations_of_a_step_are_those_that_torch_counts(kind: str):
    config = config_of(kind)
    model, ids = AutoModelForCausalLM.from_config(config), torch.zeros(WORK.batch, WORK.length, dtype=torch.long)
    states = model.get_input_embeddings()(ids).detach().requires_grad_()  # so that all layers have a way back
    with FlopCounterMode(display=False) as counter:
        model(inputs_embeds=states, use_cache=False).logits.sum().backward()
    assert counter.get_total_flops() == pytest.approx(model_flops(shape_of(config), WORK), rel=1e-3)


def test_a_token_of_a_mixture_meets_as_many_experts_as_it_is_given_to(monkeypatch):
    monkeypatch.setattr(estimate, "_kept_by_layer", lambda config: 0.0)  # experts run in no float32 without numbers
    config = config_of("mixtral")
    one_expert = 3 * config.hidden_size * config.intermediate_size
    shape = shape_of(config)
    norms = 2 * config.hidden_size
    assert shape.numbers - shape.active == norms + 2 * one_expert, "2 of 4 experts"
    dense = shape_of(config_of("llama"))
    assert dense.numbers - dense.active == norms


def test_messages_are_as_the_papers_count_them():
    """ZeRO, section 7: stage 3 sends half as much again as data parallelism. Megatron-LM: 4 sums a layer."""
    shape = shape_of(config_of("llama"))
    layers, rest = 4 * shape.layers * shape.numbers, 4 * shape.rest
    plain, third = (sent_of(shape, Layout(data=4, zero=zero), WORK).data for zero in (0, 3))
    assert plain == pytest.approx(2 * 3 / 4 * (layers + rest))
    assert third - plain == pytest.approx(3 / 4 * layers)
    states = 4 * WORK.batch * WORK.length * shape.width
    assert sent_of(shape, Layout(data=1, tensor=2, sequence=True), WORK).tensor == pytest.approx(
        4 * shape.layers * states)
    assert sent_of(shape, ALONE, WORK).total == 0


def test_a_layout_of_more_processes_computes_less_in_each_and_a_pipeline_stands_still():
    shape = shape_of(config_of("llama"))
    alone = effort_of(shape, ALONE, WORK)
    split = effort_of(shape, Layout(data=1, tensor=2), WORK)
    line = effort_of(shape, Layout(data=1, pipeline=2), Work(2, 16, 32, parts=4))
    head = 6 * WORK.graded * shape.words * shape.width
    assert split.attention == line.attention == alone.attention / 2
    assert line.products - head == pytest.approx((alone.products - head) / 2)
    assert line.idle == pytest.approx((line.products - head + line.attention) / 4), "GPipe: 1 of 4 turns besides"
    again = effort_of(shape, ALONE, Work(2, 16, 32, is_checkpointed=True))
    assert again.products - head == pytest.approx(4 / 3 * (alone.products - head))


def test_a_step_takes_what_its_operations_and_messages_take():
    shape, device, layout = shape_of(config_of("llama")), DEVICES["h100"], Layout(data=8)
    step = step_of(shape, layout, WORK, rates_of(device, 0.5), device.link)
    assert step.computed_s == pytest.approx(model_flops(shape, WORK) / device.peak / 0.5)
    assert step.longest_s == pytest.approx(step.computed_s + step.sent.data / device.link)
    assert step.computed_s <= step.shortest_s <= step.longest_s


def test_what_was_measured_is_said_within_a_quarter():
    """Rates fitted on all but the largest models say what steps of these took; memory within the same."""
    from scripts.bench.costs import fits, read_rows

    lines = {line["what"]: line for line in fits(read_rows(MEASURED))}
    for name in ("rates of all but 135 M, asked about these", "memory, of at least 400 MB"):
        assert lines[name]["cells"] >= 2 and 0.75 <= lines[name]["least"] <= lines[name]["most"] <= 1.25, lines[name]


@pytest.mark.slow
def test_the_bench_of_accelerators_runs_small_on_a_cpu():
    said = subprocess.run([sys.executable, "-m", "scripts.bench.gpu", "--device", "cpu", "--quick"], cwd=ROOT,
                          capture_output=True, text=True, check=True, timeout=500).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    assert {(line["side"], line["compile"]) for line in lines} == {
        (side, how) for side in ("ours", "trainer") for how in ("none", "eager")}
    assert all(0 < line["mfu"] < 1 and line["tokens_per_s"] > 0 for line in lines)


@pytest.mark.slow
def test_the_bench_of_accelerators_steps_on_a_fake_one():
    said = subprocess.run([sys.executable, "-m", "scripts.bench.gpu", "--fake", "--sizes", "tiny"], cwd=ROOT,
                          capture_output=True, text=True, check=True, timeout=500).stdout
    line = json.loads(said)
    assert line["steps"] == 2 and line["logits"] == ["torch.bfloat16"] and line["said_over_counted"] == 1.0


@pytest.mark.slow
def test_the_grid_is_measured_and_gone_on_with(tmp_path: Path):
    command = [sys.executable, "-m", "scripts.bench.costs", "--out", str(tmp_path / "rows.jsonl"), "--sizes", "2",
               "--lengths", "128", "--batches", "1"]
    first, second = (subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout
                     for _ in range(2))
    row = json.loads(first)
    assert row["cell"] == "2m_128x1_1w" and row["cpu_s"] > 0 and row["peak_mb"] > row["said_mb"] * 0.75
    assert second == "", "what stands is not measured again"
