"""The command line: wrong requests are answered in one readable line, right ones run under Hydra."""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from embodied.cli import configs, main, overrides
from embodied.cli.errors import UsageError
from embodied.typed import between, read

VERBS = list(main.VERBS)


def refused(capsys: pytest.CaptureFixture, *argv: str) -> str:
    """The line that a wrong request is answered with."""
    assert main.main(list(argv)) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and "Traceback" not in shown.err and len(shown.err.splitlines()) == 1
    return shown.err


@pytest.mark.parametrize(("argv", "expected"), [
    (("evalaute",), "did you mean 'evaluate'?"),
    (("evaluate", "epsiodes=3"), "did you mean 'episodes'?"),
    (("evaluate", "suite.epsiodes=3"), "did you mean 'suite.episodes'?"),
    (("evaluate", "suite=tabeltop"), "suite has no option 'tabeltop'; did you mean 'tabletop'?"),
    (("train", "experiment=tabletop_tinny"), "did you mean 'tabletop_tiny'?"),
    (("train", "size=tiny", "stage.sftt.steps=2"), "did you mean 'stage.sft.steps'?"),
    (("rollout", "suite=tabletop"), "rollout has no group 'suite'"),
    (("evaluate", "+colour=red"), "unknown key 'colour'"),
    (("evaluate", "episodes=0"), "episodes=0: expected between 1"),
    (("rollout", "episodes=0"), "episodes=0: expected between 1"),
    (("collect", "data.episodes=0"), "data.episodes=0"),
    (("train", "stage.sft.steps=0"), "stage.sft.steps=0: expected at least 1"),
    (("evaluate", "episodes=many"), "expected a whole number, got str"),
    (("evaluate", "episodes=1.5"), "expected a whole number, got float"),
    (("train", "stage.sft.lr=.nan"), "expected"),
    (("train", "stage=[segmenter,sfft]"), "stage has no option 'sfft'; did you mean 'sft'?"),
    (("train", "model.seeing=image"), "model.seeing: is called model.scene_encoder now"),
    (("train", "+stage.rewrd.steps=3"),
     "stage: expected one of ['align', 'pretrain', 'reward', 'rl', 'segmenter', 'sft', 'understand'], got 'rewrd'"),
    (("train", "+stage.planner={steps: 3}"), "got 'planner'; it is called 'sft' now"),
    (("train", "device=gpu"), "device=gpu: expected one of auto, cpu, cuda"),
    (("train", "objective.planner.steps=2"), "objective.planner.steps: is called stage.sft.steps now"),
    (("train", "objective.jitter.drop=0"), "objective.jitter.drop: is called stage.sft.jitter.drop now"),
    (("train", "objective=smoke"), "objective: is called stage now"),
    (("train", "+objective={planner: {steps: 2}}"), "objective: is called stage now"),
    (("rollout", "policy=modle"), "did you mean 'model'?"),
    (("rollout", "policy=oracle", "batch=8"), "batch=8: expected policy= one of model, unconstrained"),
    (("evaluate", "task.tasks=[stak]"), "did you mean 'stack'?"),
    (("rollout", "+_target_=os.system"), "_target_ is refused"),
    (("train", "language.config={_target_: os.system}"), "_target_ is refused"),
    (("rollout", "hydra.launcher._target_=os.system"), "_target_ is refused"),
    (("rollout", "hydra.searchpath=[file:///tmp]"), "may not be changed here"),
    (("rollout", "weights=${oc.env:HOME}"), "reading the environment"),
    (("rollout", "episodes=1,2"), "need -m"),
    (("rollout", "episodes"), "expected key=value"),
    (("rollout", "--config-dir=/tmp"), "expected key=value"),
    (("rollout", "episodes=[1"), "not key=value"),
])
def test_a_wrong_request_is_answered_in_one_line(capsys, argv, expected):
    assert expected in refused(capsys, *argv)


def test_a_wrong_key_is_refused_within_two_seconds():
    """Counted as processor time, which other work on the machine does not lengthen."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-m", "embodied.cli.main", "evaluate", "epsiodes=3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "did you mean 'episodes'?" in done.stderr and "Traceback" not in done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 2.0


@pytest.mark.parametrize("override, expected", [
    ("seed=range(100000000)", "at most 10000 jobs"), ("seed=shuffle(range(100000000))", "at most 10000 jobs"),
    ("seed=range(0.0,inf,1)", "at most 10000 jobs"), ("seed=range(1,10,0)", "a step that leads somewhere"),
    ("seed=" + "0," * 3999 + "0", "at most 4000 characters"), ("+a=" + "[" * 3000 + "]" * 3000, "at most 24 levels"),
    ("+" + ".".join("a" * 3000) + "=1", "at most 24 levels"), ("seed=" + "str(" * 1000 + "1" + ")" * 1000, "24 levels"),
    ("+a=[" + "1," * 9000 + "1]", "at most 4000 characters")], ids=lambda text: text[:30])
def test_what_would_take_for_ever_is_refused_before_it_is_read(capsys, override: str, expected: str):
    before_s = time.process_time()
    assert expected in refused(capsys, "rollout", "-m", override)
    assert time.process_time() - before_s < 1.0


def test_many_sweeps_that_are_short_are_counted_together(capsys):
    assert "at most 10000 jobs" in refused(capsys, "rollout", "-m", "seed=range(200)", "episodes=range(1,100)")


def test_nothing_heavy_is_imported_before_the_request_is_valid():
    code = ("import sys; from embodied.cli.main import main; main(['evaluate', 'epsiodes=3']); "
            "print([m for m in ('torch', 'transformers', 'timm', 'ray', 'pybullet') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_its_keys(capsys, verb):
    assert main.main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"embodied {verb}" in shown and "Keys and their defaults" in shown


def test_the_overview_names_every_verb(capsys):
    assert main.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {verb} " in shown for verb in main.VERBS)
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("embodied 0.")


@pytest.mark.parametrize("verb", VERBS)
def test_every_default_configuration_is_valid(verb):
    [values] = overrides.check(configs.config_dir(), verb, [], is_multirun=False)
    settings = settings_of(verb)
    assert isinstance(read(settings, values), settings)


def settings_of(verb: str) -> type:
    return importlib.import_module(f"embodied.cli.{verb}").Settings


def _options(verb: str) -> list[str]:
    groups = configs.group_options(configs.config_dir())
    chosen = overrides.groups_of(configs.config_dir(), verb)
    return [_choice(group, option) for group in chosen for option in groups[group]]


def _choice(group: str, option: str) -> str:
    """A stage other than the first needs what that gives."""
    return f"stage=[segmenter,{option}]" if group == "stage" and "segmenter" not in option else f"{group}={option}"


@pytest.mark.parametrize(("verb", "choice"), [(v, c) for v in VERBS for c in _options(v)])
def test_every_option_of_every_group_is_valid(verb, choice):
    [values] = overrides.check(configs.config_dir(), verb, [choice], is_multirun=False)
    read(settings_of(verb), values)


@dataclass(frozen=True, slots=True)
class TrivialSettings:
    instruction: str
    steps: int = between(1, 10)


@pytest.fixture
def trivial(tmp_path, monkeypatch) -> Path:
    """A verb that only writes down what it was asked; its configs lie in a folder of their own."""
    def act(settings, run):
        (run.folder / "asked.txt").write_text(f"{settings.steps} {settings.instruction}", "utf-8")
        return float(settings.steps)

    verb = types.SimpleNamespace(__doc__="A trivial verb.", Settings=TrivialSettings, act=act, TAKES_TEXT="instruction")
    monkeypatch.setitem(sys.modules, "embodied.cli.trivial", verb)
    monkeypatch.setitem(main.VERBS, "trivial", "does nothing")
    monkeypatch.setattr(main, "config_dir", lambda: tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "trivial.yaml").write_text("steps: 1\ninstruction: nothing\n")
    return tmp_path


def test_a_run_leaves_its_resolved_configuration(trivial):
    assert main.main(["trivial", "steps=3", "hydra.run.dir=here"]) == 0
    saved = yaml.safe_load((trivial / "here" / "config.yaml").read_text())
    assert saved == {"steps": 3, "instruction": "nothing"}
    assert "steps=3" in (trivial / "here" / "config.yaml").read_text().splitlines()[0]
    assert (trivial / "here" / ".hydra" / "overrides.yaml").is_file()
    assert Path.cwd() == trivial, "the working folder stays where the person is"


def test_multirun_runs_every_combination(trivial):
    assert main.main(["trivial", "-m", "steps=1,2", "instruction=a,b", "hydra.sweep.dir=sweep"]) == 0
    asked = sorted(p.read_text() for p in trivial.glob("sweep/*/asked.txt"))
    assert asked == ["1 a", "1 b", "2 a", "2 b"]


def test_a_bad_job_of_a_sweep_stops_it_before_the_first(trivial, capsys):
    assert main.main(["trivial", "-m", "steps=1,99", "hydra.sweep.dir=sweep"]) == 2
    assert "steps=99: expected between 1 and 10" in capsys.readouterr().err
    assert not (trivial / "sweep").exists()


@pytest.mark.parametrize("text", ["put ${oc.env:HOME} in 'it' \\ \"x\"", "把红色的方块放进蓝色的碗里", "a, b=c [d] {e}",
                                  "x" * 10_000], ids=["signs", "Chinese", "brackets", "long"])
def test_a_sentence_arrives_as_it_was_typed(trivial, text):
    assert main.main(["trivial", text, "hydra.run.dir=here"]) == 0
    assert (trivial / "here" / "asked.txt").read_text("utf-8") == f"1 {text}"


def test_what_a_verb_cannot_do_is_one_line_and_exit_code_1(trivial, capsys, monkeypatch):
    def act(settings, run):
        raise ValueError("the dataset\nwas made with another camera")
    monkeypatch.setattr(sys.modules["embodied.cli.trivial"], "act", act)
    assert main.main(["trivial", "hydra.run.dir=here"]) == 1
    assert "the dataset was made with another camera" in capsys.readouterr().err


def test_ctrl_c_is_130_without_a_traceback(trivial, capsys, monkeypatch):
    def act(settings, run):
        raise KeyboardInterrupt
    monkeypatch.setattr(sys.modules["embodied.cli.trivial"], "act", act)
    assert main.main(["trivial", "hydra.run.dir=here"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_target_hidden_in_a_config_file_is_refused(trivial):
    (trivial / "configs" / "trivial.yaml").write_text("steps: 1\ninstruction: {_target_: os.system}\n")
    with pytest.raises(UsageError, match="_target_"):
        overrides.check(trivial / "configs", "trivial", [], is_multirun=False)
