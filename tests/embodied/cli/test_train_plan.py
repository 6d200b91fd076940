"""plan=256 says what a training would need, by layout, and trains nothing."""

from __future__ import annotations

import pytest

from embodied.cli.main import main
from embodied.training.parallel.estimate import Work, need, shape_of
from embodied.training.parallel.layout import Layout
from tests.embodied.training import layouts


def test_it_is_said_and_nothing_is_made(tmp_path, capsys):
    main(["train", "experiment=tabletop_tiny", "plan=64", f"data.folder={tmp_path}/data",
          f"hydra.run.dir={tmp_path}/run"])
    said = capsys.readouterr().out
    assert "1.3 M parameters: layers of the decoder 0.9 M" in said and "MB of each process" in said
    assert "32 sentences of 64 tokens" in said and "\nsingle " in said
    assert not (tmp_path / "data").exists() and not (tmp_path / "run" / "recipe.json").exists()


@pytest.mark.parametrize(("layout", "less"), [
    (Layout(data=2, zero=1), "optimizer"), (Layout(data=2, zero=2), "gradients"), (Layout(data=2, zero=3), "gradients"),
    (Layout(data=1, tensor=2), "weights"), (Layout(data=1, pipeline=2), "weights"),
    (Layout(data=1, tensor=2, sequence=True), "activations")], ids=lambda one: getattr(one, "name", one))
def test_what_a_layout_divides_is_less(layout: Layout, less: str):
    config, work = layouts.decoder("llama")[0].config, Work(2, 16, 32)
    alone, shared = (need(shape_of(config, one), one, work) for one in (Layout(data=1), layout))
    assert getattr(shared, less) < 0.8 * getattr(alone, less)
    assert shared.activations <= alone.activations


@pytest.mark.parametrize(("words", "said"), [
    (("language=gpt2",), "expected a decoder of Llama's"), (("stage=[segmenter]",), "expected a stage that trains a"),
    (("distributed=ray", "distributed.num_workers=8", "parallel.tensor=3"), "a multiple of 3 processes")])
def test_of_what_nothing_can_be_said_that_is_said(tmp_path, capsys, words, said):
    main(["train", "experiment=tabletop_tiny", "plan=64", f"hydra.run.dir={tmp_path}/run", *words])
    assert said in capsys.readouterr().err


def test_more_workers_than_this_machine_has_can_be_asked_about(tmp_path, capsys):
    main(["train", "experiment=tabletop_tiny", "plan=64", "distributed=ray", "distributed.num_workers=8",
          f"hydra.run.dir={tmp_path}/run"])
    said = capsys.readouterr().out
    assert "dp8_zero3" in said and "tp8" not in said and "pp8" not in said, "it has 4 heads and 4 layers"


def test_parameters_are_counted_as_they_are():
    model = layouts.decoder("llama")[0]
    shape = shape_of(model.config)
    assert shape.layers * shape.numbers + shape.rest == sum(p.numel() for p in model.parameters())
    assert need(shape, Layout(data=1), Work(1, 8, 8)).weights == 4 * sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("length", [31, 32, 33])
def test_activations_grow_with_tokens_also_where_a_sentence_is_as_long_as_the_model_is_wide(length: int):
    config = layouts.decoder("llama")[0].config
    assert config.hidden_size == 32
    of = need(shape_of(config), Layout(data=1), Work(1, length, length)).activations / length
    assert of == pytest.approx(need(shape_of(config), Layout(data=1), Work(1, 8, 8)).activations / 8)
