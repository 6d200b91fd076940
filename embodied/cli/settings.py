"""Typed settings that several verbs share: the Hydra groups `env`, `task` and `suite`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from embodied.bases.catalogue import BASES
from embodied.cli.errors import UsageError, suggest
from embodied.cli.secret_settings import check_endpoint
from embodied.data.queries import Referrals
from embodied.distributed import storage_address
from embodied.evaluation.suites import PolicyName
from embodied.models.adaptation import Adaptation
from embodied.planning.declaration import why_not_planned
from embodied.typed import between
from envs.interface import DOMAINS, ENV_IDS, GOAL_ID, domain_id, world_of_tasks
from envs.skills.signatures import LANGUAGES, PlanLanguage

Split = Literal["train", "validation", "test"]
Backend = Literal["local", "ray"]
Robot = Literal["panda", "iiwa", "xarm6"]
Renderer = Literal["tiny", "egl"]
Looks = Literal["light", "stock"]
Latency = Literal["free", "charged"]


TABLES = ("tabletop", "tamp")
"""Worlds whose cameras and arm stand before a table: another arm may, and it may look otherwise."""
_USUAL = {"renderer": "tiny", "looks": "light", "shadows": False, "perturbations": 0.0}
"""How worlds are drawn, and left alone, where nobody asks."""


@dataclass(frozen=True, slots=True)
class EnvSettings:
    """Arguments of `gymnasium.make`. robot, realism, appearance: of the groups of their names; None is as the world
    was made. renderer, looks, shadows: see `envs.world.graphics`. perturbations: share of the calls in which something
    goes wrong, of the world's kinds. isolated: physics in a process of its own, of which no call may take longer than
    deadline_s of wall time."""

    image_size: int = between(48, 1024)
    min_objects: int = between(1, 12)
    max_objects: int = between(1, 12)
    robot: Robot | None = None
    realism: dict[str, float] | None = None
    appearance: dict[str, str] | None = None
    renderer: Renderer = "tiny"
    looks: Looks = "light"
    shadows: bool = False
    perturbations: float = between(0, 1, default=0.0)
    isolated: bool = False
    deadline_s: float = between(0.1, 86_400, default=60.0)

    def arguments(self) -> dict[str, Any]:
        """What was chosen; what was not is left out, so that it is the same world as before there was a choice."""
        unasked = {name for name, usual in _USUAL.items() if getattr(self, name) == usual}
        unasked |= set() if self.isolated else {"isolated", "deadline_s"}
        return {name: value for name, value in asdict(self).items() if value is not None and name not in unasked}


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Raises UsageError for a task that no world has."""

    tasks: tuple[str, ...]

    def __post_init__(self) -> None:
        for task in self.tasks:
            if task not in ENV_IDS:
                raise UsageError(f"task.tasks={task}: expected a task of some world" + suggest(task, ENV_IDS))

    @property
    def world(self) -> str:
        """The world of all of them; the table where they are of several."""
        return world_of_tasks(self.tasks)

    def check_looked_at(self, env: EnvSettings) -> None:
        """Raise UsageError where an arm or an appearance is chosen for tasks of a world that has no others."""
        strange = [task for task in self.tasks if world_of_tasks([task]) not in TABLES]
        for key in ("robot", "appearance"):
            if strange and getattr(env, key) is not None:
                raise UsageError(f"{key}: expected none for {strange[0]}, got one; it is for the worlds "
                                 f"{' and '.join(TABLES)}")

    def check_planned_by(self, policy: PolicyName, language: PlanLanguage) -> None:
        """Raise UsageError for worlds that weights which plan in a language cannot plan in: where a skill is missing,
        or questions are asked that it has no answers to."""
        for domain, tasks in DOMAINS.items():
            strange = [task for task in self.tasks if task in tasks]
            if strange and (why := why_not_planned(language, LANGUAGES[domain])):
                raise UsageError(f"policy={policy}: expected oracle for {strange[0]} (PRIVILEGED: it reads the "
                                 f"true state), or weights that learned the world {domain!r}; {why}")


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The endpoint of the chat policy; arguments of `embodied.agents.chat_agent.chat_agents`."""

    base_url: str | None
    model: str
    key_variable: str | None
    reply_format: Literal["schema", "tools", "text"]
    showing: Literal["text", "image", "both"]
    memory_file: str | None
    examples: int = between(0, 7)
    retries: int = between(0, 10)
    most_calls: int = between(1, 64)
    max_tokens: int = between(1, 100_000)
    timeout_s: float = between(0.1, 3600)

    def __post_init__(self) -> None:
        check_endpoint(self.base_url, self.key_variable)

    def arguments(self, policy: PolicyName) -> dict[str, Any]:
        """What the policy needs of it: nothing, unless it is the one that chats. Raises UsageError."""
        if policy != "chat":
            return {}
        if self.base_url is None:
            raise UsageError("chat.base_url is missing: expected the address of an OpenAI-compatible endpoint, such as "
                             "chat.base_url=http://127.0.0.1:8000/v1")
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SuiteSettings:
    name: str
    split: Split
    policies: tuple[PolicyName, ...]
    first: int = between(0)
    episodes: int = between(1)
    baseline_episodes: int = between(1)
    max_calls: int = between(1, 64)
    success_videos: int = between(0, 20)
    failure_videos: int = between(0, 20)
    kind: Literal["episodes", "retention", "language", "palm_e"] = "episodes"  # what is judged: what it does, the
    # language that it kept, how it takes what people say, or what it says about a table
    objects: tuple[int, ...] = (5,)  # of palm_e: most things of a scene, 5 for 3 to 5, another for just so many
    unseen_episodes: int = between(1, 100_000, default=1000)  # of palm_e: scenes of each size that training has not
    acted_episodes: int = between(1, 100_000, default=1000)  # of palm_e: scenes in which something was just done
    executed: int = between(0, 10_000, default=0)  # of palm_e: plans of each task that are carried out
    base: str | None = None  # of retention

    def __post_init__(self) -> None:
        if "chat" in self.policies:
            raise UsageError("suite.policies=chat: expected policies that need no endpoint; a chat model is "
                             "rolled out by embodied rollout policy=chat chat.base_url=..")


REWORDED = ("tamp", "board", "kitchen")
"""Worlds whose words can be put otherwise: those with `rewordings` (a test compares them)."""


@dataclass(frozen=True, slots=True)
class DataSettings:
    """What is collected into `folder`, and what is learned from: that, or the datasets of `mixture`.

    domain: the world. task: of its scenes; None for all; "goal" for scenes that goals are told of. questions: families
    that the queries about a view are drawn from; () for the world's own mix. shard: episodes of one file, 0 for a file
    each. mixture: folder of a dataset -> its weight. options: keywords of the world, such as {naming: index}.
    referrals: how what numbers things is worded when it is learned. reworded: whether other words for the same are
    learned, too, where the world knows some.
    """

    folder: str
    episodes: int = between(1, 1_000_000)
    executed_fraction: float = between(0, 1)
    labels: int = between(1, 64)
    disturbance: float = between(0, 1)
    first_seed: int = between(0)
    domain: str = "tabletop"
    task: str | None = None
    questions: tuple[str, ...] = ()
    shard: int = between(0, 100_000, default=0)
    referrals: Referrals = "numbers"
    reworded: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    mixture: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.domain not in DOMAINS:
            raise UsageError(f"data.domain={self.domain}: expected a world" + suggest(self.domain, DOMAINS))
        if self.task not in (None, *self._scenes):
            raise UsageError(f"data.task={self.task}: expected a task of the world {self.domain!r}"
                             + suggest(self.task, self._scenes))
        if self.reworded and not self.mixture and self.domain not in REWORDED:
            raise UsageError(f"data.reworded=true: expected data.domain {' or '.join(REWORDED)}, whose words can be "
                             f"put otherwise, got {self.domain}; leave it out")
        for folder, weight in self.mixture.items():
            if not weight > 0:
                raise UsageError(f"data.mixture: expected a weight above 0 for {folder}, got {weight}; leave it out")

    @property
    def env_id(self) -> str:
        """What `gymnasium.make` makes the world by."""
        return f"envs:{self._scenes[self.task]}" if self.task else f"envs:{domain_id(self.domain)}"

    @property
    def _scenes(self) -> dict[str, str]:
        """What can be collected in the world: its tasks, and where goals are told, those; with their ids."""
        return {**DOMAINS[self.domain], **({"goal": GOAL_ID} if self.domain == "tabletop" else {})}

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that what was learned is tried on: that of its scenes, or all of the world."""
        return (self.task,) if self.task in DOMAINS[self.domain] else tuple(DOMAINS[self.domain])

    @property
    def folders(self) -> dict[str, float]:
        """The mixture by whole paths."""
        return {str(Path(folder).resolve()): weight for folder, weight in self.mixture.items()}

    @property
    def is_collected(self) -> bool:
        """Whether training learns from `folder`, and so collects it."""
        return not self.mixture or str(Path(self.folder).resolve()) in self.folders


@dataclass(frozen=True, slots=True)
class PictureSettings:
    """The group `model`: what a picture is to the planner."""

    scene_encoder: str
    soft_tokens: int = between(1, 1024)
    image_size: int = between(8, 1024)
    patch_size: int = between(1, 256)
    naming_weight: float = between(0, 100)
    projector: Literal["own", "linear", "mlp", "perceiver"] = "own"


@dataclass(frozen=True, slots=True)
class LanguageSettings:
    config: dict[str, Any]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """The group `adapter`: what of a published language model learns, see `embodied.models.adaptation`. auto: lora
    beside a base of the catalogue, else whole."""

    kind: Literal["auto", "whole", "lora", "frozen", "last", "full", "random"]
    targets: tuple[str, ...]
    dora: bool
    rank: int = between(1, 1024)
    alpha: float = between(0, 10_000)
    dropout: float = between(0, 1)
    layers: int = between(1, 256)

    def values(self, language: str | None) -> dict[str, Any] | None:
        """What a configuration holds beside the language model of a name; None where that is whole and the planner's
        own."""
        kind = self.kind if self.kind != "auto" else "lora" if language in BASES else "whole"
        return None if kind == "whole" else Adaptation(**{**asdict(self), "kind": kind}).values()


@dataclass(frozen=True, slots=True)
class VisionSettings:
    source: Literal["timm", "transformers"]
    image_size: int
    pretrained: bool
    name: str | None = None
    options: dict[str, Any] | None = None
    encoder: dict[str, Any] | None = None
    levels: int | None = None
    is_frozen: bool = False

    def fields(self) -> dict[str, Any]:
        """What the model's vision configuration takes: everything that was given but `pretrained`."""
        given = {"source": self.source, "image_size": self.image_size, "name": self.name, "options": self.options,
                 "encoder": self.encoder, "levels": self.levels, "is_frozen": self.is_frozen or None}
        return {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class SizeSettings:
    language: dict[str, Any]
    vision: dict[str, Any]
    segmenter: dict[str, Any]
    vocab_size: int = between(300, 1_000_000)
    projector_width: int = between(1, 65_536)
    base: str | None = None  # published language model of this size


def _check_storage(address: str) -> None:
    try:
        storage_address.check(address)
    except ValueError as error:
        raise UsageError(str(error)) from error


@dataclass(frozen=True, slots=True)
class DistributedSettings:
    """Who trains. min_workers: how many are enough to go on with. storage: an address of fsspec for checkpoints.
    Raises UsageError for what is a Ray job's alone, and for an address that cannot be or holds a secret."""

    name: Backend
    num_workers: int = between(1, 4096)
    address: str | None
    max_failures: int = between(0, 100)
    min_workers: int | None = between(1, 4096, default=None)
    sharded_checkpoints: bool = False
    storage: str | None = None

    def __post_init__(self) -> None:
        given = {"min_workers": self.min_workers, "sharded_checkpoints": self.sharded_checkpoints,
                 "storage": self.storage, "address": self.address}
        if self.storage is not None:  # first: it may hold a secret, and says none
            _check_storage(self.storage)
        for key in (key for key, value in given.items() if value and self.name != "ray"):
            raise UsageError(f"distributed.{key}={given[key]}: expected distributed=ray, got {self.name}")
