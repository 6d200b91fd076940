"""What is shared out: rates, places, turns of the event loop; a log that collapses; events that are kept no more."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import logging
import os
import threading
import time
from collections import deque

import pytest

from embodied.serving.errors import ApiError
from embodied.serving.events import MAX_EVENTS, EventLog
from embodied.serving.loglines import Collapsed, written_aside
from embodied.serving.rate_limits import OPERATOR, VIEWER, Places, PlacesEach, TokenBuckets, Turnstile


def test_a_bucket_is_empty_after_its_burst_and_says_when_it_is_not():
    now_s = 10.0
    buckets = TokenBuckets(rate_hz=0.5, burst=3, clock_s=lambda: now_s)
    assert [buckets.take("a") for _ in range(3)] == [0.0] * 3
    assert buckets.take("a") == 2.0
    assert buckets.take("b") == 0.0, "another key has its own"
    now_s += 1.5
    assert buckets.take("a") == 0.5
    now_s += 0.5
    assert [buckets.take("a") for _ in range(2)] == [0.0, 2.0], "asking in vain costs nothing"


def test_others_get_their_share_of_places_and_the_operator_finds_one():
    places = Places(4, 2, "things")
    for role in (VIEWER, None):
        places.take(role)
    with pytest.raises(ApiError, match="fewer than 2 things of viewers"):
        places.take(VIEWER)
    for _ in range(2):
        places.take(OPERATOR)
    with pytest.raises(ApiError, match="fewer than 4 things"):
        places.take(OPERATOR)
    places.leave(None)
    places.take(OPERATOR)
    assert places.held == 4


def test_one_address_takes_no_place_of_another():
    places = PlacesEach(2, "things")
    for _ in range(2):
        places.take("a")
    with pytest.raises(ApiError, match="fewer than 2 things"):
        places.take("a")
    places.take("b")
    places.leave("a")
    places.take("a")


def test_work_behind_the_turnstile_takes_turns_with_what_is_not():
    """Between any two pieces of work, the loop has done something else for as long as the one before took."""
    told: list[str] = []

    async def work(turnstile: Turnstile) -> None:
        async with turnstile.turn():
            time.sleep(0.01)
            told.append("work")

    async def tick() -> None:
        while told.count("work") < 4:
            told.append("tick")
            await asyncio.sleep(0.001)

    async def run() -> None:
        turnstile = Turnstile()
        await asyncio.gather(tick(), *(work(turnstile) for _ in range(4)))

    asyncio.run(run())
    places = [i for i, each in enumerate(told) if each == "work"]
    assert all(after - before > 1 for before, after in itertools.pairwise(places)), told


def test_a_turn_that_is_given_up_goes_to_the_next():
    async def run() -> list[int]:
        turnstile, done = Turnstile(), []

        async def work(number: int) -> None:
            async with turnstile.turn():
                done.append(number)

        async with turnstile.turn():
            waiting = [asyncio.ensure_future(work(i)) for i in range(4)]
            await asyncio.sleep(0)
            waiting[0].cancel()
        turnstile._next()  # the next one's turn has come, and it is cancelled before it runs
        waiting[1].cancel()
        await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        return done

    assert asyncio.run(run()) == [2, 3]


class Flooded:
    """A log whose lines of a kind collapse after two in ten seconds of `now_s`."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.now_s = 0.0
        keep = logging.Handler()
        keep.emit = lambda record: self.written.append(record.getMessage())
        self.log = logging.Logger("a flood")
        self.log.addHandler(keep)
        self.log.addFilter(Collapsed(kept=2, window_s=10.0, clock_s=lambda: self.now_s))


def test_lines_of_one_kind_collapse_and_are_counted():
    flooded = Flooded()
    for i in range(100):
        flooded.log.warning("401 %d", i)
    flooded.log.warning("another")
    assert flooded.written == ["401 0", "401 1", "another"]
    flooded.now_s = 10.0
    flooded.log.warning("401 %d", 100)
    assert flooded.written[-1] == "401 100 (98 more like this before)"


def test_nobody_waits_for_a_log_that_takes_no_more():
    """A pipe that nobody reads: who logs goes on, and once it is read, it says how many lines found no room."""
    unread, end = os.pipe()
    fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 4096)
    log = logging.Logger("a pipe")
    with open(unread) as told, open(end, "w") as pipe:
        log.addHandler(logging.StreamHandler(pipe))
        with written_aside(log, most_waiting=10):
            talking = threading.Thread(target=lambda: [log.warning("a" * 100) for _ in range(1000)], daemon=True)
            talking.start()
            talking.join(30)
            assert not talking.is_alive()
            for line in told:
                log.warning("more")
                if "lines found no room" in line:
                    break
            reading = threading.Thread(target=deque, args=(told, 0))
            reading.start()
        pipe.close()
        reading.join(30)
    assert [type(handler) for handler in log.handlers] == [logging.StreamHandler]


def test_errors_of_another_type_or_place_are_of_another_kind():
    flooded = Flooded()
    failures = [lambda: [][0],
                lambda: {}["a"],
                lambda: int("b"),
                lambda: {}["a"]]
    for fail in failures * 3:
        try:
            fail()
        except (LookupError, ValueError) as error:
            flooded.log.error("broken", exc_info=error)
    assert len(flooded.written) == 2 * len(failures)


def test_who_asks_for_events_that_are_kept_no_more_is_told():
    async def run() -> EventLog:
        log = EventLog("s_0", asyncio.get_running_loop(), lambda event: None)
        for i in range(MAX_EVENTS + 10):
            log.append("mode", 0.0, mode=str(i))
        return log

    log = asyncio.run(run())
    gap = log.gap(3)
    assert (gap["type"], gap["from"], gap["to"]) == ("gap", 3, 10) and log.gap(10) is None
    assert log.after(3)[0]["index"] == 10 and log.text(log.after(10)[0]) == log.text(log.after(10)[0])
