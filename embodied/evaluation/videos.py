"""Videos of chosen episodes for the report: played again from their seeds (which replays them exactly), now watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from embodied.data.video import encode, jpeg
from embodied.evaluation.episode import EpisodeRunner, Record, one_thread
from embodied.evaluation.jobs import spec_of
from embodied.evaluation.report import ReportVideo
from embodied.evaluation.rollout_video import RolloutVideo, strip
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


def make_video_maker(**spec: Any) -> Callable[[int], dict[str, bytes]]:
    """A function from seed to {"video": mp4, "strip": jpeg}, for a worker process."""
    one_thread()
    runner = EpisodeRunner(spec_of(spec))

    def video(seed: int) -> dict[str, bytes]:
        shot = record_video(runner, seed, FPS, SIZE)
        return {"video": encode(shot.frames, shot.fps), "strip": jpeg(strip(shot.pictures(), 4, STRIP_HEIGHT_PX))}

    return video


def record_video(runner: EpisodeRunner, seed: int, fps: int, size: tuple[int, int]) -> RolloutVideo:
    """The video of one episode. size: height, width, pixels."""
    video, env = RolloutVideo(fps), runner.env(runner.spec.task_of(seed)).unwrapped
    if runner.spec.policy in PRIVILEGED:
        video.title(labelled(runner.spec.policy))
    env.watch(video.add, fps=fps, size=size)
    try:
        runner.run_episode(seed, watch=lambda step: _narrate(video, step))
    finally:
        env.watch(None)
    if not video.frames:
        raise ValueError(f"seed {seed}: expected frames, got none; nothing moved in that episode")
    return video


def _narrate(video: RolloutVideo, step: Step) -> None:
    """Frames come while a step is under way, so its caption follows with its outcome, held for a moment."""
    if step.transition is not None:
        outcome, said = step.transition.outcome, say_call(step.transition.call, step.plan)
        video.caption(f"{said}: {outcome.status} {outcome.reason}", outcome.status)
        video.hold(0.5)
    if step.end is not None:
        video.caption(step.ending, {True: "done", None: "refused"}.get(step.is_success, "failed"))
        video.hold(1.0)


def report_videos(chosen: Sequence[Record], videos: Iterable[Any]) -> list[ReportVideo]:
    """A video of each chosen record whose video was made."""
    made = {result.seed: result.value for result in videos if result.error is None}
    return [ReportVideo(f"{r['task'].replace('_', ' ')}, seed {r['seed']}", _detail(r), r["success"], **made[r["seed"]])
            for r in chosen if r["seed"] in made]


def _detail(record: Record) -> str:
    attribution = record["attribution"]
    return record["instruction"] + ("" if attribution is None else f" ({attribution['component']}: "
                                                                   f"{attribution['reason']})")
