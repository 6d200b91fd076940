"""`eval.json` of suite=palm_e for people: our table beside the paper's, and a sheet of answers with their pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from embodied.evaluation.page import data_uri, page, section, table
from embodied.evaluation.palm_e.paper import PAPER
from embodied.evaluation.palm_e.sheet import Shown
from embodied.evaluation.palm_e.tables import JUDGED, TASKS

COLUMNS = (*TASKS.values(), *JUDGED)
MEANING = ("q1 color, q2 left, right or center, q3 below, q4 possible; p1 grasp, p2 stack, as planned and judged, any "
           "plan that can be done and grants the instruction; affordance and failure as F1, positive = not possible, "
           "failed. blind: the model with black crops; shuffled: shown other scenes; majority: whoever always gives "
           "the most frequent answer, of affordance and failure no; oracle (PRIVILEGED): the labels, judged.")
NONE = "-"
NAMES = {"oracle": "oracle (PRIVILEGED)"}


def render(result: Mapping[str, Any], sheet: Sequence[Shown], *, config: str = "", curve: bytes | None = None) -> str:
    """The page. result: the content of `eval.json`. sheet: see `draw_sheet`. curve: a PNG of how the weights were
    trained, where there is one."""
    sections = [_ours(result), _paper(), _sureness(result), _speed(result), _curve(curve), _answers(sheet),
                _how(result, config)]
    return page(str(result.get("suite", "palm_e")), sections)


def _ours(result: Mapping[str, Any]) -> str:
    who = "model (PRIVILEGED: it sees by the simulator's masks)" if result.get("is_privileged") else "model"
    rows = {f"{who}, {size} objects": cells for size, cells in result["objects"].items()}
    if "executed" in result:
        rows["model, 3-5 objects, plans carried out"] = result["executed"]
    rows |= {NAMES.get(name, name): cells for name, cells in result["baselines"].items()}
    shown = [(name, *(_cell(cells.get(task)) for task in COLUMNS)) for name, cells in rows.items()]
    return section("Ours", table(("who", *COLUMNS), shown) + f"<p class=soft>{escape(MEANING)}</p>")


def _cell(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return NONE
    low, high = cell["ci95"]
    if "f1" in cell:
        return (f"{cell['f1']:.3f} ({low:.3f}-{high:.3f}), precision {cell['precision']:.3f}, recall "
                f"{cell['recall']:.3f}, n {cell['n']}")
    return f"{cell['success_rate']:.1%} ({100 * low:.1f}-{100 * high:.1f}), n {cell['n']}"


def _paper() -> str:
    rows = [(name, *(_figure(figures.get(task), task) for task in COLUMNS)) for name, figures in PAPER.items()]
    return section("The paper's", table(("who", *COLUMNS), rows))


def _figure(value: float | None, task: str) -> str:
    return NONE if value is None else f"{value:.2f}" if task in JUDGED else f"{value:.1%}"


def _sureness(result: Mapping[str, Any]) -> str:
    rows = [(task, f"{cell['ece']:.3f}", f"{cell['brier']:.3f}", cell["n"])
            for task, cell in result["calibration"].items()]
    head = ("task", "calibration error", "Brier", "n")
    return section("How sure it is of yes and no", table(head, rows)) if rows else ""


def _speed(result: Mapping[str, Any]) -> str:
    rows = [(task, f"{cell['median'] * 1000:.0f} ms", f"{cell['p95'] * 1000:.0f} ms")
            for task, cell in result["latency_s"].items()]
    return section("Time of an answer, one thread", table(("task", "median", "95th percentile"), rows))


def _curve(curve: bytes | None) -> str:
    return "" if curve is None else section("How it learned", f'<img alt="learning curves" style="max-width:100%" '
                                            f'src="{data_uri("image/png", curve)}">')


def _answers(sheet: Sequence[Shown]) -> str:
    if not sheet:
        return ""
    wrong = sum(not shown.answer["right"] for shown in sheet)
    head = f"<p>{len(sheet)} answers drawn at random, {wrong} of them wrong.</p>"
    return section("What it said", f'{head}<div class="gallery">{"".join(map(_shown, sheet))}</div>')


def _shown(shown: Shown) -> str:
    answer = shown.answer
    verdict = "right" if answer["right"] else f"wrong; expected: {answer['truth']}"
    return (f'<figure class="{"win" if answer["right"] else "loss"}"><figcaption><b>{escape(answer["instruction"])}</b>'
            f'<br>{escape(answer["said"])}<br><small>{escape(verdict)} (seed {shown.seed})</small></figcaption>'
            f'<img alt="what the front camera saw" src="{data_uri("image/jpeg", shown.picture)}"></figure>')


def _how(result: Mapping[str, Any], config: str) -> str:
    facts = {key: result[key] for key in ("seeds", "weights", "versions") if key in result}
    return section("How it was made", f"<pre>{escape(str(result.get('command', '')))}</pre>" + "".join(
        f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>"
        for title, text in (("Seeds, weights, versions", json.dumps(facts, indent=2)), ("Configuration", config))))
