"""The suite `palm_e`: PaLM-E's questions and plans about a table, and its plans carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embodied.planning.declaration import why_not_planned
from envs.skills.signatures import LANGUAGES

EXECUTED = {"grasp": "p1", "build": "p2"}
"""Task of an episode -> PaLM-E's name of it."""


def enter(suite: Any, weights: str, env: Mapping[str, Any], folder: Path, sha256: str) -> tuple[list[Any], list[Any]]:
    """Rows to ask and jobs to play, checked: the weights can answer, every policy is one of this suite, and the folder
    holds no other run's results. Raises ValueError."""
    from embodied.evaluation.episode import EpisodeSpec
    from embodied.evaluation.jobs import EvaluationJob
    from embodied.evaluation.jobs import check_free as check_jobs
    from embodied.evaluation.palm_e.rows import TRAINED, check_free, rows_of
    from embodied.evaluation.suites import episode_seeds

    _check(suite, Path(weights), env)
    seeds = episode_seeds(suite.split, suite.first, suite.episodes)
    others = episode_seeds(suite.split, suite.first, min(suite.episodes, suite.baseline_episodes))
    unseen = episode_seeds(suite.split, suite.first, min(suite.episodes, suite.unseen_episodes))
    rows = rows_of(suite.policies, weights, env, suite.objects, seeds, others, unseen,
                   suite.acted_episodes)
    jobs = []
    if suite.executed:
        played = episode_seeds(suite.split, suite.first, len(EXECUTED) * suite.executed)
        spec = EpisodeSpec("model", tuple(EXECUTED), played[0], weights, {**env, "max_objects": TRAINED},
                           suite.max_calls)
        jobs.append(EvaluationJob(spec, played, folder / "episodes" / "executed.jsonl"))
    check_free(rows, folder / "asked", sha256)
    check_jobs(jobs, sha256)
    return rows, jobs


def _check(suite: Any, weights: Path, env: Mapping[str, Any]) -> None:
    from embodied.cli.weights import is_privileged, language_of
    from embodied.evaluation.palm_e.rows import BASELINES, SIZES, TRAINED

    if why := why_not_planned(language_of(weights, "tamp"), LANGUAGES["tamp"]):
        raise ValueError(f"suite=palm_e: expected weights that learned the tamp table; {why}; train some: embodied "
                         "train experiment=palm_e_tiny")
    if is_privileged(weights) and (suite.executed or not {*suite.policies} <= {"model", "oracle"}):
        raise ValueError("suite=palm_e: expected a planner that finds objects by itself, got one that is shown the "
                         "simulator's, which carries nothing out and has no baselines; choose suite.executed=0 "
                         "'suite.policies=[model,oracle]'")
    if unknown := [policy for policy in suite.policies if policy not in ("model", *BASELINES)]:
        raise ValueError(f"suite.policies: expected of model, {', '.join(BASELINES)}, got {', '.join(unknown)}")
    if strange := [most for most in suite.objects if most not in SIZES]:
        raise ValueError(f"suite.objects: expected {SIZES[0]} to {SIZES[-1]} blocks, got {strange}")
    if TRAINED not in suite.objects:
        raise ValueError(f"suite.objects: expected {TRAINED}, the scenes as of training, among them, got "
                         f"{list(suite.objects)}")
    for name in ("policies", "objects"):
        if len({*(chosen := getattr(suite, name))}) < len(chosen):
            raise ValueError(f"suite.{name}: expected each once, got {', '.join(map(str, chosen))}")
    if env.get("isolated"):
        raise ValueError("env.isolated=true: expected false, for suite=palm_e judges answers where the world is")


def judge(rows: Sequence[Any], jobs: Sequence[Any], suite: Any, sha256: str, context: Mapping[str, Any], run: Any,
          map_seeds: Any) -> float:
    """The mean of p1 and p2, as planned; writes eval.json and report.html into the folder of the run."""
    from embodied.cli.weights import is_privileged
    from embodied.data.files import write_json
    from embodied.data.progress import progress
    from embodied.evaluation.jobs import run_jobs
    from embodied.evaluation.palm_e.rows import ask_rows, summarise

    folder = run.folder
    with progress("scenes", sum(len(row.seeds) for row in rows)) as asked:
        records = ask_rows(rows, folder / "asked", sha256, map_seeds, asked)
    with progress("episodes", sum(len(job.seeds) for job in jobs)) as played:
        episodes = run_jobs(jobs, map_seeds=map_seeds, weights_sha256=sha256, played=played) if jobs else []
    result = {**summarise(records, suite.objects), **({"executed": _executed(episodes[0])} if episodes else {}),
              "is_privileged": is_privileged(Path(rows[0].spec.weights)), **context, "timing_keys": ["latency_s"]}
    write_json(folder / "eval.json", result)
    print("\n".join(_lines(result)))
    print(f"wrote {folder / 'eval.json'}")
    _report(result, rows, records, run)
    plans = [result["per_task"][task]["success_rate"] for task in EXECUTED.values()]
    return sum(plans) / len(plans)


def _report(result: Mapping[str, Any], rows: Sequence[Any], records: Mapping[str, Any], run: Any) -> None:
    """Writes report.html, with the curves of the training that left the weights, where they lie beside them."""
    from embodied.data.files import write_whole
    from embodied.evaluation.palm_e.report import render
    from embodied.evaluation.palm_e.rows import KINDS, TRAINED, row_name
    from embodied.evaluation.palm_e.sheet import draw_sheet

    shown = [row for row in rows if row.name in {row_name("model", kind, TRAINED) for kind in KINDS}]
    curve = Path(shown[0].spec.weights).parent / "curve.png"
    page = render({**result, "command": run.command}, draw_sheet(shown, records),
                  config=(run.folder / "config.yaml").read_text("utf-8"),
                  curve=curve.read_bytes() if curve.is_file() else None)
    write_whole(run.folder / "report.html", page.encode())
    print(f"wrote {run.folder / 'report.html'}")


def _executed(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from embodied.evaluation.palm_e.tables import share

    return {name: share([{"right": r["success"]} for r in records if r["task"] == task])
            for task, name in EXECUTED.items()}


def _lines(result: Mapping[str, Any]) -> list[str]:
    lines = [f"{size} objects: {_told(cells)}" for size, cells in result["objects"].items()]
    lines += [f"executed: {_told(result['executed'])}"] if "executed" in result else []
    return [*lines, *(f"{name}: {_told(cells)}" for name, cells in result["baselines"].items())]


def _told(cells: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{task} {cell.get('success_rate', cell.get('f1')):.1%} [{cell['ci95'][0]:.1%}, "
                     f"{cell['ci95'][1]:.1%}] of {cell['n']}" for task, cell in cells.items())
