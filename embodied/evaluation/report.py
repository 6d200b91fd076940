"""`eval.json` for people: one HTML page that needs no other file, readable on a phone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from embodied.evaluation.attribution import COMPONENTS
from embodied.evaluation.charts import histogram, rate_bars
from embodied.evaluation.page import data_uri, page, section, table

BASELINE_MEANING = {
    "model": "the model, from camera images and depth",
    "unconstrained": "the same model alone, decoding without the plan grammar, its plans not judged",
    "blind": "the same model, its images blanked",
    "shuffled": "the same model, shown the images of another scene; where it drives about, what things there look like",
    "random": "a random valid plan over what is in sight",
    "majority": "one plan, whatever is asked: what the expert begins with most often in these tasks' training scenes",
    "oracle": "PRIVILEGED, the scripted expert, which alone is told the truth",
}


@dataclass(frozen=True, slots=True)
class ReportVideo:
    """One episode on video. strip: JPEG bytes; video: mp4 bytes."""

    title: str
    detail: str
    is_win: bool
    strip: bytes
    video: bytes


def render(result: Mapping[str, Any], *, plan_times_s: Sequence[float] = (), videos: Sequence[ReportVideo] = (),
           config: str = "") -> str:
    """The page. result: the content of `eval.json`; plan_times_s: wall-clock time of each plan; config: YAML text."""
    sections = [_headline(result), _tasks(result), _baselines(result), _plans(result), _failures(result),
                _latency(result, plan_times_s), _gallery("Losses", [e for e in videos if not e.is_win]),
                _gallery("Wins", [e for e in videos if e.is_win]), _how(result, config)]
    return page(str(result.get("suite", "evaluation")), sections)


def _headline(result: Mapping[str, Any]) -> str:
    low, high = result["ci95"]
    cards = [(f"{result['success_rate']:.1%}", f"success, 95 % interval {low:.1%} to {high:.1%}"),
             (f"{result['episodes']}", "episodes on unseen seeds"),
             (f"{result['latency_s']['median'] * 1000:.0f} ms", "median time of a plan")]
    if "plan_success" in result:
        cards.append((f"{result['plan_success']['success_rate']:.1%}", "succeeded, or failed by a skill alone"))
    oracle = result["baselines"].get("oracle")
    if oracle:
        cards.append((f"{oracle['success_rate']:.1%}", "the oracle's success"))
    shown = (f'<div class="card"><b>{escape(number)}</b><span>{escape(what)}</span></div>' for number, what in cards)
    return f'<div class="cards">{"".join(shown)}</div>'


def _tasks(result: Mapping[str, Any]) -> str:
    rows = [(task.replace("_", " "), r["episodes"], f"{r['success_rate']:.1%}", _interval(r))
            for task, r in result["per_task"].items()]
    bars = rate_bars({task.replace("_", " "): r for task, r in result["per_task"].items()})
    return section("Success per task", bars + table(("task", "episodes", "success", "95 % interval"), rows))


def _baselines(result: Mapping[str, Any]) -> str:
    blocks = {"model": result, **({"unconstrained": result["unconstrained"]} if "unconstrained" in result else {}),
              **result["baselines"]}
    rows = [(name, r["episodes"], f"{r['success_rate']:.1%}", _interval(r)) for name, r in blocks.items()]
    meaning = "; ".join(f"{name}: {BASELINE_MEANING[name]}" for name in blocks if name in BASELINE_MEANING)
    per_task = [(task.replace("_", " "), *(_cell(r["per_task"].get(task)) for r in blocks.values()))
                for task in result["per_task"]]
    return section("Beside its baselines", rate_bars(blocks) + f"<p class=soft>{escape(meaning)}.</p>" + table(
        ("who decides", "episodes", "success", "95 % interval"), rows) + table(("task", *blocks), per_task))


def _cell(rate: Mapping[str, Any] | None) -> str:
    return "" if rate is None else f"{rate['success_rate']:.0%}"


def _plans(result: Mapping[str, Any]) -> str:
    plans = result["plans"]
    kinds = {"under the plan grammar": plans}
    if "unconstrained" in plans:
        kinds["unconstrained"] = plans["unconstrained"]
    rows = [(n, p["decoded"], _share(p["parsed_fraction"]), _share(p["grounded_fraction"])) for n, p in kinds.items()]
    return section("Decoded plans", table(("decoding", "plans", "parse", "name only things in the scene"), rows))


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _failures(result: Mapping[str, Any]) -> str:
    failures = result["failures"]
    if not failures["count"]:
        return section("Reasons of failure", "<p>No episode failed.</p>")
    split = table(("whose fault", "episodes"), [(c, failures[c]) for c in COMPONENTS if failures[c] or c != "other"])
    return section("Reasons of failure", split + table(("reason", "episodes"), list(failures["reasons"].items())))


def _latency(result: Mapping[str, Any], times_s: Sequence[float]) -> str:
    latency = result["latency_s"]
    median_ms, p95_ms = latency["median"] * 1000, latency["p95"] * 1000
    words = f"<p>Median {median_ms:.0f} ms, 95th percentile {p95_ms:.0f} ms, one thread.</p>"
    return section("Time of a plan", words + histogram([t * 1000 for t in times_s], "ms"))


def _gallery(title: str, videos: Sequence[ReportVideo]) -> str:
    if not videos:
        return ""
    return section(title, '<div class="gallery">' + "".join(map(_figure, videos)) + "</div>")


def _figure(video: ReportVideo) -> str:
    poster = data_uri("image/jpeg", video.strip)
    return (f'<figure class="{"win" if video.is_win else "loss"}"><figcaption><b>{escape(video.title)}</b><br>'
            f'{escape(video.detail)}</figcaption><img alt="video strip" src="{poster}">'
            f'<video controls muted playsinline preload="metadata" src="{data_uri("video/mp4", video.video)}"></video>'
            "</figure>")


def _how(result: Mapping[str, Any], config: str) -> str:
    facts = {k: result[k] for k in ("command", "seeds", "weights", "versions") if k in result}
    command = escape(str(facts.pop("command", "")))
    more = {"Seeds, weights, versions": json.dumps(facts, indent=2), "Configuration": config}
    return section("How it was made", f"<pre>{command}</pre>" + "".join(
        f"<details><summary>{title}</summary><pre>{escape(text)}</pre></details>" for title, text in more.items()))


def _interval(rate: Mapping[str, Any]) -> str:
    return f"{rate['ci95'][0]:.1%} to {rate['ci95'][1]:.1%}"
