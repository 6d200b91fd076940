"""Drafts of those who live stay, those of the dead are swept; a lock ends with its owner."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embodied.data.files import aside_of, put_back, replaced_folder, sweep_drafts, whole_folder, write_whole
from embodied.data.locks import HeldError, Hold

AT_WORK = """
import sys, time
from pathlib import Path
from embodied.data import files
place = Path(sys.argv[1])
if sys.argv[2] == "folder":
    with files.whole_folder(place / "whole") as draft:
        (draft / "part").write_text("half")
        print("begun", flush=True)
        time.sleep(1000)
files.os.fsync = lambda handle: (print("begun", flush=True), time.sleep(1000))
files.write_whole(place / "whole", b"content")
"""


@pytest.fixture(params=["folder", "file"])
def writer(request, tmp_path):
    """A process in the middle of writing."""
    process = subprocess.Popen([sys.executable, "-c", AT_WORK, str(tmp_path), request.param], stdout=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == "begun\n"
    yield process
    process.kill()
    process.communicate()


def test_a_draft_is_swept_once_its_writer_is_dead(writer, tmp_path):
    assert sweep_drafts(tmp_path) == 0 and len(list(tmp_path.iterdir())) == 1
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert sweep_drafts(tmp_path) == 1 and list(tmp_path.iterdir()) == []


def test_the_next_writer_sweeps_what_a_dead_one_left_of_the_same_name(writer, tmp_path):
    write_whole(tmp_path / "other", b"content")
    assert len(list(tmp_path.glob(".whole.*.draft"))) == 1, "a live one's, and another's business"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    write_whole(tmp_path / "whole", b"content")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "whole"]


def test_what_is_published_is_held_by_nobody(tmp_path):
    write_whole(tmp_path / "file", b"content")
    with whole_folder(tmp_path / "folder"):
        assert sweep_drafts(tmp_path) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    for path in tmp_path.iterdir():
        Hold.take(path).release()


def test_a_replaced_folder_holds_the_new_alone_and_leaves_nothing_beside(tmp_path):
    for content in ("old", "new"):
        with replaced_folder(tmp_path / "folder") as draft:
            (draft / content).write_text(content)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["new"]


def test_a_replacement_that_fails_leaves_the_old_folder(tmp_path):
    with replaced_folder(tmp_path / "folder") as draft:
        (draft / "old").touch()
    with pytest.raises(ZeroDivisionError), replaced_folder(tmp_path / "folder"):
        raise ZeroDivisionError
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_folder_that_stepped_aside_for_one_that_never_came_is_put_back(tmp_path):
    folder = tmp_path / "folder"
    aside_of(folder).mkdir()
    put_back(folder)
    assert folder.is_dir() and not aside_of(folder).exists()
    aside_of(folder).mkdir()
    put_back(folder)
    assert aside_of(folder).exists(), "the new one came: what stands aside is left to the next writer"


def test_a_writer_whose_new_draft_is_swept_makes_another(tmp_path, monkeypatch):
    own, swept = Hold.own, []

    def robbed(path: Path) -> Hold:
        if not swept:
            swept.append(sweep_drafts(path.parent))
        return own(path)

    monkeypatch.setattr(Hold, "own", robbed)
    write_whole(tmp_path / "file", b"content")
    assert swept == [1] and (tmp_path / "file").read_bytes() == b"content"


def test_owners_share_and_takers_do_not(tmp_path):
    path = tmp_path / "lock"
    first = Hold.own(path, is_shared=True, is_made=True)
    with Hold.own(path, is_shared=True):
        first.release()
        with pytest.raises(HeldError):
            Hold.take(path)
    with Hold.take(path), pytest.raises(HeldError):
        Hold.own(path, is_shared=True)


def test_without_locks_nothing_counts_as_left(tmp_path, monkeypatch):
    def no_locks(handle: int, kind: int) -> None:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("embodied.data.locks.fcntl.flock", no_locks)
    with Hold.own(tmp_path), pytest.raises(HeldError):
        Hold.take(tmp_path)
