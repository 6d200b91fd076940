"""Films of chosen episodes for the report: played again from their seeds (which replays them exactly), now watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from embodied.data.video import encode, jpeg
from embodied.evaluation.contest import arena_of
from embodied.evaluation.film import Film, strip
from embodied.evaluation.play import Player, Record, one_thread
from embodied.evaluation.report import Exhibit
from embodied.evaluation.suites import PRIVILEGED, labelled
from embodied.planning.closed_loop import Step
from embodied.planning.spoken import say_call

FPS, SIZE, STRIP_HEIGHT_PX = 6, (240, 320), 150


def choose(records: Sequence[Record], wins: int, losses: int) -> list[Record]:
    """At most so many wins and losses of each task, the first ones; episodes that broke off are not shown."""
    chosen = []
    for task in sorted({r["task"] for r in records}):
        whole = [r for r in records if r["task"] == task and r["calls"] + r["plans"]]
        chosen += [r for r in whole if r["success"]][:wins] + [r for r in whole if r["success"] is False][:losses]
    return chosen


def make_filmer(**arena: Any) -> Callable[[int], dict[str, bytes]]:
    """A function from seed to {"film": mp4, "strip": jpeg}, for a worker process."""
    one_thread()
    player = Player(arena_of(arena))

    def film(seed: int) -> dict[str, bytes]:
        shot = shoot(player, seed, FPS, SIZE)
        return {"film": encode(shot.frames, shot.fps), "strip": jpeg(strip(shot.pictures(), 4, STRIP_HEIGHT_PX))}

    return film


def shoot(player: Player, seed: int, fps: int, size: tuple[int, int]) -> Film:
    """The film of one episode. size: height, width, pixels."""
    film, env = Film(fps), player.env(player.arena.task_of(seed)).unwrapped
    if player.arena.contestant in PRIVILEGED:
        film.title(labelled(player.arena.contestant))
    env.watch(film.add, fps=fps, size=size)
    try:
        player.play(seed, watch=lambda step: _narrate(film, step))
    finally:
        env.watch(None)
    if not film.frames:
        raise ValueError(f"seed {seed}: expected frames, got none; nothing moved in that episode")
    return film


def _narrate(film: Film, step: Step) -> None:
    """Frames come while a step is under way, so its caption follows with its outcome, held for a moment."""
    if step.transition is not None:
        outcome, said = step.transition.outcome, say_call(step.transition.call, step.plan)
        film.caption(f"{said}: {outcome.status} {outcome.reason}", outcome.status)
        film.hold(0.5)
    if step.end is not None:
        film.caption(step.ending, {True: "done", None: "refused"}.get(step.is_success, "failed"))
        film.hold(1.0)


def exhibits(chosen: Sequence[Record], films: Iterable[Any]) -> list[Exhibit]:
    """An exhibit of each chosen record whose film was made."""
    made = {result.seed: result.value for result in films if result.error is None}
    return [Exhibit(f"{r['task'].replace('_', ' ')}, seed {r['seed']}", _detail(r), r["success"], **made[r["seed"]])
            for r in chosen if r["seed"] in made]


def _detail(record: Record) -> str:
    blame = record["blame"]
    return record["instruction"] + ("" if blame is None else f" ({blame['culprit']}: {blame['reason']})")
