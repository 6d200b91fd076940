"""The messages of version 1, checked before anything else happens: strict types, bounded lengths, no unknown fields.

Numbers are finite. Skills are described by the plan languages of `envs.skills.signatures`, so that what the OpenAPI
document says of them is what a robot does. Bodies that do not fit are answered 422 without being echoed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model

from embodied.planning.instruction import INSTRUCTION_LIMIT
from embodied.serving.planners import NAMES
from envs.interface import ENV_IDS, MAX_CHUNK
from envs.skills.signatures import LANGUAGES, Parameter, Signature

Task = Literal[tuple(ENV_IDS)]
Planner = Literal[NAMES]
Robot = Literal["panda", "iiwa", "xarm6"]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w .:@+-]+$")]
Instruction = Annotated[str, Field(min_length=1, max_length=INSTRUCTION_LIMIT)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Coordinate = Annotated[float, Field(ge=-10, le=10)]
Angle = Annotated[float, Field(ge=-1000, le=1000)]
"""rad or m. What is beyond a limit of the robot is the filter's business; this only keeps out what is no number."""
Sequence = Annotated[int, Field(ge=0, le=2**53)]
Deadline = Annotated[float, Field(gt=0, le=600)]
Joints = Annotated[list[Angle], Field(min_length=1, max_length=16)]


class Strict(BaseModel):
    """No unknown fields, no conversions, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Open(Strict):
    """How to open a session."""

    task: Task
    seed: Seed = 0
    planner: Planner | None = Field(None, description="null: the world's default_planner; refused (planner_needed) "
                                                         "where there is none")
    robot: Robot | None = Field(None, description="null: the world's own")
    speed: float = Field(1.0, ge=0, le=100, description="simulated seconds per second; 0 = as fast as possible")
    client: Name = "anonymous"
    require: list[Name] = Field(default_factory=list, max_length=8, description="things that must be on the table")


class Instruct(Strict):
    instruction: Instruction
    sequence: Sequence | None = None
    deadline_s: Deadline | None = None


class Correct(Strict):
    text: Instruction


class Acquire(Strict):
    client: Name = "anonymous"


class Reset(Strict):
    seed: Seed | None = None
    require: list[Name] = Field(default_factory=list, max_length=8)


class Confirm(Strict):
    """A person's word that it is safe to go on."""

    confirm: Literal["the robot is clear"]


class BoxValues(Strict):
    """An upright box, m and rad, world frame."""

    center: Annotated[list[Coordinate], Field(min_length=3, max_length=3)]
    size: Annotated[list[Annotated[float, Field(gt=0, le=2)]], Field(min_length=3, max_length=3)]  # m
    yaw: Annotated[float, Field(ge=-7, le=7)] = 0.0  # rad


class ByName(Strict):
    """An object that the last plan or observation named."""

    name: Annotated[str, Field(pattern=r"^obj_[0-9]{1,2}$")]


class ByBox(Strict):
    box: BoxValues


class ByPixel(Strict):
    """What is seen at a pixel (column, row) of a camera's observation."""

    camera: Annotated[str, Field(pattern=r"^[a-z_]{1,24}$")]
    pixel: Annotated[list[Annotated[int, Field(ge=0, le=4095)]], Field(min_length=2, max_length=2)]


Thing = ByName | ByBox | ByPixel
Words = Annotated[str, Field(min_length=1, max_length=200)]


class Command(Strict):
    """What every command may carry: its place in the order of commands, and how late it may come to the robot."""

    sequence: Sequence | None = None
    deadline_s: Deadline | None = None


class Joint(Command):
    """Joint targets: one, gone to smoothly, or up to 400, one a control period."""

    joint_pos: Joints | None = None
    joint_chunk: Annotated[list[Joints], Field(min_length=1, max_length=MAX_CHUNK)] | None = None
    tool_position_m: Annotated[list[Coordinate], Field(min_length=3, max_length=3)] | None = None
    jaw_yaw_rad: Annotated[float, Field(ge=-7, le=7)] = 0.0


def skill_models() -> dict[str, tuple[type[Strict], ...]]:
    """Skill -> the models of its calls, one for each of the ways in which domains declare it."""
    ways: dict[str, dict[tuple[Parameter, ...], tuple[str, Signature]]] = {}
    for domain, language in LANGUAGES.items():
        for signature in language.signatures:
            ways.setdefault(signature.name, {}).setdefault(signature.parameters, (domain, signature))
    return {skill: tuple(_skill_model(s, domain if len(found) > 1 else "") for domain, s in found.values())
            for skill, found in ways.items()}


def _skill_model(signature: Signature, domain: str) -> type[Strict]:
    title = "".join(part.capitalize() for part in (domain, *signature.name.split("_")))
    fields = {p.name: (_kind_model(p), ...) for p in signature.parameters}
    arguments = create_model(f"{title}Arguments", __base__=Strict, **fields)
    given = (arguments, ...) if fields else (arguments, Field(default_factory=arguments))
    return create_model(f"{title}Call", __base__=Command, __doc__=signature.meaning,
                        skill=(Literal[signature.name], ...), arguments=given)


def _kind_model(parameter: Parameter) -> Any:
    """What the wire takes for a parameter."""
    if parameter.kind == "number":
        return Annotated[float, Field(ge=parameter.low, le=parameter.high)]
    return Thing if parameter.kind == "object" else Words


def _skill_of(body: Any) -> Any:
    """What chooses the models that a body is held against."""
    return body.get("skill") if isinstance(body, Mapping) else getattr(body, "skill", None)


def body_of(models: Mapping[str, tuple[type[Strict], ...]]) -> Any:
    """The type of a body that is a call of one of the skills."""
    ways = (Annotated[reduce(or_, of_skill), Tag(skill)] for skill, of_skill in models.items())
    return Annotated[reduce(or_, ways), Discriminator(
        _skill_of, custom_error_type="unknown_skill",
        custom_error_message=f"Input should have a skill of: {', '.join(models)}")]


SkillCallBody = body_of(skill_models())
"""The body of a skill call: one of all skills."""


def skills_of(domain: str) -> list[dict[str, Any]]:
    """The skills of a domain as clients list them."""
    return [{"name": s.name, "meaning": s.meaning, "parameters": [_parameter(p) for p in s.parameters]}
            for s in LANGUAGES[domain].signatures]


def _parameter(parameter: Parameter) -> dict[str, str | float]:
    bounds = {"low": parameter.low, "high": parameter.high} if parameter.kind == "number" else {}
    return {"name": parameter.name, "kind": parameter.kind, **bounds}


class Problem(BaseModel):
    """Code for programs, message for people."""

    code: str
    message: str


class Failure(BaseModel):
    error: Problem


class LeaseAnswer(BaseModel):
    lease: str
    expires_in_s: float


class Expiry(BaseModel):
    expires_in_s: float


class Step(BaseModel):
    skill: str
    arguments: list[str | float]
    status: str
    reason: str
    duration_s: float


class Meaning(BaseModel):
    """What the planner took a person's words to mean."""

    goal: str = Field(description="in the goal language")
    words: str = Field(description="in English")


class SelfReport(BaseModel):
    """What the planner says at the end, by what it perceives alone."""

    holds: bool = Field(description="whether it sees that all that was wanted holds")
    words: str


class RunAnswer(BaseModel):
    run_id: str
    instruction: str
    end: str | None
    is_success: bool | None = Field(description="judged by the simulator; null where it knows no goal of such words")
    steps: list[Step]
    hint: str
    plans: int
    understood: Meaning | None = Field(None, description="null: the planner does not say")
    self_report: SelfReport | None = Field(None, description="null: the planner does not look back, or had nothing to "
                                                             "do; is_success is the simulator's word")


class Started(BaseModel):
    run_id: str


class LeaseState(BaseModel):
    is_held: bool
    holder: str
    expires_in_s: float


class StopTimes(BaseModel):
    """A stop, on the monotonic clock of the server's machine, as `last_motion_s` is."""

    number: int
    kind: Literal["stop", "estop"]
    latched_s: float = Field(description="when it came into force for every later command")
    confirmed_s: float | None = Field(description="when the world's process said that nothing more passes, which no "
                                                  "motion is later than; null: latched, not yet confirmed, for a "
                                                  "picture or a reset holds the world up; a safety event of kind "
                                                  "confirmed follows, unless the world has crashed or is never made, "
                                                  "where nothing moves")


class StoppedAll(BaseModel):
    mode: Literal["estopped"]
    robots: int
    confirmed: int = Field(description="how many of them have confirmed it already")


class SessionState(BaseModel):
    session_id: str
    task: str
    domain: str
    robot: str | None
    seed: int
    planner: str
    privileged: bool = Field(description="whether the planner reads the simulator's true state, as no robot could")
    mode: Literal["idle", "running", "paused", "stopped", "estopped", "crashed"]
    instruction: str
    run_id: str | None
    stop: StopTimes | None = Field(description="the last stop, whether it still holds or not")
    speed: float  # simulated seconds per second; 0: as fast as possible
    cameras: list[str]
    objects_camera: str
    joint_names: list[str]
    joint_low: list[float]  # rad or m
    joint_high: list[float]  # rad or m
    lease: LeaseState
    time_s: float
    counters: dict[str, int]
    recording_id: str
    created_unix_s: float
    control_hz: int
    last_motion_s: float = Field(description="monotonic clock of the server's machine: when a command that moves "
                                             "something was last let through")


class Opened(BaseModel):
    session: SessionState
    lease: str


class Sessions(BaseModel):
    sessions: list[SessionState]


class OutcomeAnswer(BaseModel):
    status: Literal["done", "failed", "timeout", "refused"]
    reason: str
    duration_s: float


class Moved(OutcomeAnswer):
    limited: int = Field(description="control periods whose targets the safety filter bent to a limit")
    joint_pos: list[float]  # rad or m


class SnapshotAnswer(BaseModel):
    snapshot_id: str


class ObjectAnswer(BaseModel):
    name: str
    looks: str = Field(description="measured color and kind, such as \"red block\"")
    camera: str
    pixel: list[int]
    image_size: list[int]
    box: dict[str, Any]
    outlines: dict[str, list[list[float]]]  # camera -> corners (column, row), pixels


class ObservationAnswer(BaseModel):
    time_s: float
    joint_pos: list[float]  # rad or m
    joint_vel: list[float]  # rad/s or m/s
    setpoint: list[float]  # rad or m
    tool_pose: list[float]  # position m, quaternion x y z w
    gripper_width_m: float
    objects: list[ObjectAnswer]


class History(BaseModel):
    runs: list[RunAnswer]


class Health(BaseModel):
    status: Literal["ok", "loading"]
    version: str
    sessions: int
    uptime_s: float
    notice: str | None = Field(None, description="what the loaded weights lack, for people; null where nothing")


class Skill(BaseModel):
    name: str
    meaning: str
    parameters: list[dict[str, str | float]] = Field(description="name and kind; of a number also low and high")


class PlannerAnswer(BaseModel):
    name: str
    privileged: bool = Field(description="whether it reads the simulator's true state, as no robot could")
    meaning: str


class WorldAnswer(BaseModel):
    task: str
    domain: str
    env_id: str
    planners: list[PlannerAnswer]
    default_planner: str | None = Field(description="who plans where a session names nobody; null: a name is needed")
    examples: list[str]
    skills: list[Skill]
    robots: list[str]


class Worlds(BaseModel):
    worlds: list[WorldAnswer]
