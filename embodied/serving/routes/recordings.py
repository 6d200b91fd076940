"""Recordings of sessions that have ended: events, video, joints, dataset."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, StreamingResponse

from embodied.data.recordings import EVENTS, TELEMETRY, NoRecordingError, Recording
from embodied.serving.answers import Placed
from embodied.serving.errors import ApiError, unknown
from embodied.serving.routes.access import FAILURES, ManagerHere

router = APIRouter(prefix="/v1/recordings", tags=["recordings"], responses=FAILURES)
_PIECE_BYTES = 64 << 10


def recording_of(manager: ManagerHere, recording_id: Annotated[str, InPath(max_length=40)]) -> Recording:
    """The recording of the path. Raises ApiError 404."""
    try:
        return Recording.load(manager.recorder.folder, recording_id) if manager.recorder.folder else _none(recording_id)
    except NoRecordingError:
        return _none(recording_id)


def _none(recording_id: str) -> Recording:
    raise unknown("recording", recording_id)


RecordingHere = Annotated[Recording, Depends(recording_of)]


@router.get("")
async def list_all(manager: ManagerHere) -> dict[str, list[dict[str, Any]]]:
    """All recordings, the newest first."""
    return {"recordings": await asyncio.to_thread(manager.recorder.listed)}


@router.get("/{recording_id}/events")
async def events(recording: RecordingHere, manager: ManagerHere) -> Response:
    """Every event of a session, with its place in the video."""
    return Placed(StreamingResponse(_told(recording.folder / EVENTS), media_type="application/json"), manager.downloads)


def _told(path: Path) -> Iterator[bytes]:
    """The answer with the events of a file, piece by piece: a long session's are some 64 MiB."""
    yield b'{"events": '
    with path.open("rb") as told:
        while piece := told.read(_PIECE_BYTES):
            yield piece
    yield b"}"


@router.get("/{recording_id}/telemetry", response_class=FileResponse)
async def telemetry(recording: RecordingHere) -> FileResponse:
    """What joints and gripper did, a row a frame of the video."""
    return FileResponse(recording.folder / TELEMETRY, media_type="application/json")


@router.get("/{recording_id}/video.mp4", response_class=FileResponse)
async def video(recording: RecordingHere, manager: ManagerHere) -> Response:
    """The video."""
    if recording.video is None:
        raise ApiError(404, "not_found", "expected a recording with a video, nothing moved in this one")
    return Placed(FileResponse(recording.video, media_type="video/mp4"), manager.downloads)


@router.get("/{recording_id}/dataset.zip", response_class=StreamingResponse)
async def dataset(recording: RecordingHere, manager: ManagerHere) -> Response:
    """The same as a LeRobotDataset v3.0."""
    try:
        pieces = recording.dataset_zip()
    except NoRecordingError:
        raise ApiError(404, "not_found", "expected a recording with motion, nothing moved in this one") from None
    name = f'attachment; filename="{recording.recording_id}.zip"'
    return Placed(StreamingResponse(pieces, media_type="application/zip", headers={"content-disposition": name}),
                  manager.downloads)
