"""No order of what happens to a robot loses a stop or a pause, or moves it after a confirmed stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from embodied.serving import latch
from embodied.serving.errors import ApiError
from embodied.serving.interlock import Interlock
from embodied.serving.latch import Latch
from embodied.serving.shared_state import Halt
from tests.embodied.serving import losing_latch
from tests.embodied.serving.interleaving import Turns, every_order
from tests.embodied.serving.losing_latch import LosingLatch

FILES = {latch.__file__, losing_latch.__file__}


class Board:
    """The shared state's words about stops, in this process."""

    def __init__(self, rest: Callable[[], None] = lambda: None) -> None:
        """rest: where another thread may have its turn: after each word that is read, before each that is written."""
        self._words = {"halt": int(Halt.NONE), "is_paused": False, "stop_number": 0}
        self._confirmed, self._rest = (0, 0), rest
        self.moved: list[str] = []
        """What happened in the world, in order."""

    def __getattr__(self, name: str) -> Any:
        value = self._words[name]
        self._rest()
        return value

    def write(self, **words: Any) -> None:
        for name, value in words.items():
            self._rest()
            self._words[name] = value

    def take_over(self) -> None:
        """A list of words is never half written."""

    def confirm(self, number: int, at_ns: int) -> None:
        self._confirmed = number, at_ns
        self.moved.append("confirmed")

    def confirmed(self) -> tuple[int, int]:
        return self._confirmed


def commanded(turns: Turns, kind: type = Latch, board: Board | None = None) -> tuple[Board, Any, Callable[[], None]]:
    """A board, its latch, and the rest of a command that has begun."""
    board = board or Board()
    made = kind(board)
    made._lock = turns.lock()
    ticket = made.begin("a skill", changes=True)

    def command() -> None:
        try:
            made.arm(ticket)
        finally:
            made.end()

    return board, made, command


def stop(level: Halt) -> Callable[[type], Callable[[Turns], None]]:
    """A stop beside a robot that was stopped before and is being armed for the command that has just begun."""
    def scenario_of(kind: type) -> Callable[[Turns], None]:
        def scenario(turns: Turns) -> None:
            board, made, command = commanded(turns, kind)
            board.write(halt=Halt.STOP)
            made.level = Halt.STOP
            turns.run(command, lambda: made.halt(level))
            assert board.halt == level, "a stop was lost"

        return scenario

    return scenario_of


def two_stops(kind: type) -> Callable[[Turns], None]:
    """A stop and an emergency stop at once."""
    def scenario(turns: Turns) -> None:
        board, made, _ = commanded(turns, kind)
        turns.run(lambda: made.halt(Halt.STOP), lambda: made.halt(Halt.ESTOP))
        assert board.halt == Halt.ESTOP, "the stronger stop was lost"
        assert made.counters["stops"] == 2, "a stop was not counted"

    return scenario


def closing(kind: type) -> Callable[[Turns], None]:
    """The end of a session beside the arming for a command."""
    def scenario(turns: Turns) -> None:
        board, made, command = commanded(turns, kind)
        board.write(halt=Halt.STOP)
        made.level = Halt.STOP
        turns.run(command, made.close)
        assert board.halt == Halt.ESTOP, "a closed session's robot may move"

    return scenario


def pausing(kind: type) -> Callable[[Turns], None]:
    """A pause beside the end of what was under way."""
    def scenario(turns: Turns) -> None:
        board, made, command = commanded(turns, kind)
        turns.run(command, lambda: made.pause(True))
        assert board.is_paused, "the end of a run ended a pause"

    return scenario


ORDERS = {"stop": stop(Halt.STOP), "estop": stop(Halt.ESTOP), "two stops": two_stops, "close": closing,
          "pause": pausing}


@pytest.mark.parametrize("name", ORDERS)
def test_no_order_of_steps_loses_a_stop_or_a_pause(name: str):
    assert every_order(FILES, ORDERS[name](Latch)) >= 2


@pytest.mark.parametrize("name", ORDERS)
def test_the_search_finds_what_the_earlier_logic_lost(name: str):
    """Each of them was lost in some order by the code that read first and wrote later."""
    with pytest.raises(AssertionError, match=r"lost|ended a pause|may move|not counted"):
        every_order(FILES, ORDERS[name](LosingLatch))


def test_three_at_once_lose_nothing():
    """A stop, a pause and an emergency stop beside the arming for a command and its end."""
    def scenario(turns: Turns) -> None:
        board, made, command = commanded(turns, board=Board(turns.rest))
        made.halt(Halt.STOP)
        turns.run(command, lambda: made.pause(True), lambda: made.halt(Halt.ESTOP))
        assert (board.halt, board.is_paused) == (Halt.ESTOP, True)
        assert made.counters["stops"] == board.stop_number == 2 and made.doing == ""
        with pytest.raises(ApiError, match="emergency stop"):
            made.begin("another skill", changes=True)

    assert every_order((), scenario) >= 6


def test_of_two_commands_at_once_one_begins():
    def scenario(turns: Turns) -> None:
        board = Board()
        made = Latch(board)
        made._lock = turns.lock()
        errors = turns.run(*[lambda: made.begin("a skill", changes=True)] * 2)
        assert [type(e) for e in errors if e] == [ApiError]

    every_order(FILES, scenario)


class HastyInterlock(Interlock):
    """Confirms what it has seen, whatever is still under way."""

    def over(self) -> None:
        self._is_passing = False
        self._confirm()

    def stops(self) -> str | None:
        reason = self._latch()
        self._is_passing = reason is None
        return reason


def one_motion(kind: type) -> Callable[[Turns], None]:
    """A stop beside a control period, and the thread that looks for stops."""
    def scenario(turns: Turns) -> None:
        board = Board(turns.rest)
        made, held = Latch(board), kind(board, lambda: "a stop" if board.halt else None)
        made._lock, held._lock = turns.lock(), turns.lock()

        def move() -> None:
            if held.stops() is None:
                turns.rest()  # physics
                board.moved.append("moved")
            held.over()

        turns.run(move, lambda: made.halt(Halt.STOP), lambda: check(held))
        held.over()
        assert board.moved.count("confirmed") == 1 and board.moved[-1] == "confirmed", "moved after the confirmation"

    return scenario


def check(held: Interlock) -> None:
    """One look of its thread."""
    with held._lock:
        held._confirm()


def test_nothing_moves_after_the_world_has_confirmed_a_stop():
    assert every_order((), one_motion(Interlock)) > 20


def test_the_search_finds_a_confirmation_that_came_too_soon():
    with pytest.raises(AssertionError, match="moved after the confirmation"):
        every_order((), one_motion(HastyInterlock))


class Robot(RuleBasedStateMachine):
    """A robot, whoever stops it, whoever commands it, and its world; beside it what must be so, in plain words."""

    @initialize()
    def make(self) -> None:
        self.board = Board()
        self.latch = Latch(self.board)
        self.interlock = Interlock(self.board, lambda: "a stop" if self.board.halt else None)
        self.stopped, self.estopped, self.paused, self.closed = False, False, False, False
        self.ticket: int | None = None
        self.stopped_since_begin = self.is_armed = False
        self.stops = 0

    @rule()
    def stop(self) -> None:
        self.latch.halt(Halt.STOP)
        self.stopped = self.stopped_since_begin = True
        self.stops += 1

    @rule()
    def estop(self) -> None:
        self.latch.halt(Halt.ESTOP)
        self.stopped = self.estopped = self.stopped_since_begin = True
        self.stops += 1

    @rule()
    def close(self) -> None:
        self.latch.close()
        self.stopped = self.estopped = self.stopped_since_begin = self.closed = True
        self.stops += 1

    @rule()
    def reset_estop(self) -> None:
        try:
            self.latch.reset_estop()
            assert not self.closed
            self.estopped = False
        except ApiError as error:
            assert self.closed and error.status == 409

    @rule()
    def pause(self) -> None:
        self.latch.pause(True)
        self.paused = True

    @rule()
    def resume(self) -> None:
        self.latch.pause(False)
        self.paused = False

    @rule()
    def begin(self) -> None:
        may = not (self.closed or self.estopped or self.paused or self.ticket is not None)
        try:
            self.ticket = self.latch.begin("a skill", changes=True)
            assert may
            self.stopped_since_begin = False
        except ApiError as error:
            assert not may and error.status == 409

    @precondition(lambda self: self.ticket is not None and not self.is_armed)
    @rule()
    def arm(self) -> None:
        try:
            self.latch.arm(self.ticket)
            assert not self.stopped_since_begin
            self.stopped, self.is_armed = False, True
        except ApiError as error:
            assert self.stopped_since_begin and error.code == "stopped"
            self.end()

    @precondition(lambda self: self.ticket is not None)
    @rule()
    def end(self) -> None:
        self.latch.end()
        self.interlock.over()
        self.ticket, self.is_armed = None, False

    @precondition(lambda self: self.is_armed)
    @rule()
    def move(self) -> None:
        passes = self.interlock.stops() is None
        assert passes != self.stopped

    @rule()
    def change(self) -> None:
        """A scene or a moment is put in place of another one, if the gate lets it."""
        try:
            with self.interlock.change():
                assert not self.stopped and not self.paused
        except PermissionError:
            assert self.stopped or self.paused

    @rule()
    def check(self) -> None:
        check(self.interlock)
        if not self.is_armed:
            assert self.board.confirmed()[0] == self.stops

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "board"):
            assert (self.board.halt >= Halt.STOP) == self.stopped and (self.board.halt == Halt.ESTOP) == self.estopped
            assert bool(self.board.is_paused) == self.paused == self.latch.is_paused
            assert self.latch.counters["stops"] == self.board.stop_number == self.stops
            assert self.latch.level == self.board.halt and bool(self.latch.doing) == (self.ticket is not None)
            assert self.latch.mode == self._mode()

    def _mode(self) -> str:
        if self.estopped:
            return "estopped"
        if self.paused:
            return "paused"
        return "running" if self.ticket is not None else "stopped" if self.stopped else "idle"


Robot.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None,
                                   suppress_health_check=list(HealthCheck))
TestRobot = Robot.TestCase
