"""Reinforcement learning on live rollouts: the planner plays scenes many times over, and what ended well becomes
likelier (docs/rl.md).

One iteration: `scenes` are played `group` times each by the present weights, every decision is given an advantage, and
`updates` steps learn from them. No data is read. What is played in is a world of this project or somebody else's,
by its gymnasium id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from embodied.training import stage
from embodied.training.stage import StageSettings
from embodied.typed import SettingError, between
from envs.names import unknown

if TYPE_CHECKING:
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder

ObjectiveName = Literal["reinforce", "rloo", "grpo", "dr_grpo", "ppo", "rejection", "dpo", "ipo"]
"""Losses of `objectives.policy`, by advantages; rejection: what succeeded is imitated; and losses of
`objectives.preferences`, of pairs of answers at one moment."""
PAIRED = ("dpo", "ipo")
PairsName = Literal["return", "flip"]
"""Which answers of a moment make a pair: the one that most followed from and the one that least did, or only where the
one always ended in success and the other never."""
RewardName = Literal["progress", "success"]
"""What an episode is worth: how much of the task was done at its end, 0..1, or whether all of it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RlSettings(StageSettings):
    """batch_size: the most decisions of a step; those beyond are left out, by chance."""

    weights: str | None  # shipped, or a checkpoint folder; None: what an earlier stage of the run trained
    env_id: str  # of gymnasium
    env: dict[str, Any] = field(default_factory=dict)  # its keywords
    max_calls: int = between(1, 1000, default=20)  # of an episode
    first_seed: int = between(0, default=0)  # of the scenes that are played, in the training split
    scenes: int = between(1)  # of an iteration
    group: int = between(1)  # episodes of each
    updates: int = between(1)  # steps of an iteration
    epochs: int = between(1, 64, default=1)  # times that what an iteration drew is learned from in them
    temperature: float = between(0.01, 10)  # of what is drawn
    draws: int = between(1, 256, default=1)  # answers drawn at once for a plan, of which the first that stands is done
    tries: int | None = between(1, 1000, default=None)  # most answers asked for one by one; None: as a planner in use
    objective: ObjectiveName
    advantage: str | None  # a name of `embodied.training.advantages`, where the objective reads one
    pairs: PairsName = "return"  # of an objective that reads pairs
    beta: float = between(0.0, 100.0, default=0.1)  # of such a one: the factor of the divergence from the reference
    reward: RewardName
    reward_model: str | None = None  # folder of the stage `reward`: plans earn its score, and not what they led to
    vetoes: bool = False  # whether answers that were turned down count, as episodes that ended with them
    call_weight: float = between(0.0, 100.0, default=0.0)  # of the calls of such an answer that stood; of rejection
    replayed: int = between(0, 1000, default=0)  # of the updates those that learn from earlier iterations; of rejection
    clip: float = between(0.0, 1.0)  # furthest that a ratio is rewarded for going from 1; of ppo, (dr_)grpo and rloo
    kl: float = between(0.0, 10)  # weight of the divergence from the weights that the stage begins with
    discount: float = between(0.0, 1.0, default=1.0)  # factor of the reward of each later decision
    gae_lambda: float = between(0.0, 1.0, default=0.95)  # 0 trusts the critic, 1 what followed; of advantage=gae
    value_weight: float = between(0.0, 100.0, default=0.5)  # of the critic's loss, where the advantage needs one
    step_weight: float = between(0.0, 100.0, default=1.0)  # of a decision's own part beside its episode's
    forks: int = between(0, 64, default=0)  # episodes that go on from each moment, to say what it is worth
    validation_scenes: int = between(0, 100_000, default=100)  # played by the likeliest plans
    deadline_s: float = between(1, 86400, default=300.0)  # of an episode

    def __post_init__(self) -> None:
        StageSettings.__post_init__(self)
        if self.accumulate > 1:
            raise SettingError(f"accumulate={self.accumulate}: expected 1 of a stage that plays; lower batch_size, or "
                               "raise updates")
        if self.spike_ratio is not None:
            raise SettingError(f"spike_ratio={self.spike_ratio}: expected null of a stage that plays, whose losses "
                               "say nothing of how well it does")
        for key in ("save_every", "validate_every", "steps"):
            if getattr(self, key) % self.updates:
                raise SettingError(f"{key}={getattr(self, key)}: expected a multiple of updates={self.updates}, the "
                                   "steps of an iteration")
        if self.overfit_one_batch:
            raise SettingError("overfit_one_batch=true: expected false of a stage that plays, whose first batch is of "
                               "other weights after a pause; lower scenes and group instead")
        _check_advantage(self)
        _check_told(self)

    @property
    def reads_advantages(self) -> bool:
        """Whether the objective is told an advantage of each decision."""
        return self.objective != "rejection" and not self.reads_pairs

    @property
    def reads_pairs(self) -> bool:
        """Whether it is told a better and a worse answer of one moment."""
        return self.objective in PAIRED


class Stage(stage.Stage[RlSettings]):
    Settings = RlSettings
    reads_datasets = False
    plays = True

    def check(self, run: RunFolder) -> None:
        from embodied.training.outcomes import policy_stage

        policy_stage.check(run, self.name, self.settings)

    def begin(self, run: RunFolder) -> None:
        from embodied.training.outcomes import policy_stage

        policy_stage.begin(run, self.name, self.settings)

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        from embodied.training.outcomes import policy_stage

        return policy_stage.prepare(run, self.name, self.settings, placement)

    def publish(self, run: RunFolder, last: Path) -> None:
        from embodied.training.outcomes import policy_stage

        policy_stage.publish(run, self.name, last, self.settings)


def _check_advantage(settings: RlSettings) -> None:
    """Raise SettingError for an advantage that is not there, or that these settings leave without what it needs."""
    from embodied.training.advantages import advantage_named, advantage_names

    name = settings.advantage
    if settings.reads_advantages != (name is not None):
        wanted = f"one of {', '.join(advantage_names())}" if settings.reads_advantages else "null"
        raise SettingError(f"advantage={name}: expected {wanted} for objective={settings.objective}")
    if name is None:
        if settings.forks:
            raise SettingError(f"forks={settings.forks}: expected 0 for objective={settings.objective}")
        return
    if name not in advantage_names():
        raise SettingError(unknown(name, advantage_names(), what="advantage"))
    chosen = advantage_named(name)
    if ("fork_value" in chosen.needs) != bool(settings.forks):
        wanted = "forks of each moment, such as forks=4" if "fork_value" in chosen.needs else "forks=0"
        raise SettingError(f"advantage={name}: expected {wanted}, got forks={settings.forks}")
    if settings.group < chosen.least:
        raise SettingError(f"group={settings.group}: expected at least {chosen.least} episodes of a scene for "
                           f"advantage={name}")


DISCOUNTED = ("gae", "fork_values", "forked_states")
"""Of the advantages that come with this project those that read a discount; one's own may, too."""
_WITHOUT_CRITIC = ("group_relative", "leave_one_out", "cost_to_go", "fork_values", "forked_states")
_BUILT_IN = (*_WITHOUT_CRITIC, "gae")


def _check_told(settings: RlSettings) -> None:
    """Raise SettingError for what is said and would not be heard."""
    if settings.tries is not None and settings.draws > 1:
        raise SettingError(f"tries={settings.tries}: expected null with draws={settings.draws}, which asks once")
    if settings.reward == "success" and not settings.reads_advantages:
        raise SettingError(f"reward=success: expected progress for objective={settings.objective}, which goes by "
                           "success alone, or with pairs=flip; leave it out")
    if settings.reward == "success" and settings.advantage == "fork_values":
        raise SettingError("reward=success: expected progress for advantage=fork_values, whose forks tell theirs")
    if settings.reward_model is not None and (not settings.reads_advantages or settings.reward == "success"
                                              or settings.advantage in ("cost_to_go", "fork_values")):
        raise SettingError(f"reward_model={settings.reward_model}: expected null for what goes by success, by pairs, "
                           "by the expert or by forks; choose reward=progress and another advantage")
    if settings.reward_model is not None and settings.vetoes:
        raise SettingError("vetoes=true: expected false with a reward_model, whose scores have no zero that answers "
                           "which were turned down could earn")
    if settings.vetoes and not settings.reads_advantages:
        raise SettingError(f"vetoes=true: expected false for objective={settings.objective}, which learns from answers "
                           "that stood")
    if settings.call_weight and settings.objective != "rejection":
        raise SettingError(f"call_weight={settings.call_weight:g}: expected 0 for objective={settings.objective}; "
                           "rejection can imitate as much of an answer as stood")
    if settings.replayed and settings.objective != "rejection":
        raise SettingError(f"replayed={settings.replayed}: expected 0 for objective={settings.objective}, which learns "
                           "from what the present weights draw; rejection can learn from older answers")
    if settings.replayed >= settings.updates:
        raise SettingError(f"replayed={settings.replayed}: expected fewer than updates={settings.updates}, so that "
                           "something new is learned from")
    if settings.kl and settings.reads_pairs:
        raise SettingError(f"kl={settings.kl}: expected 0 for objective={settings.objective}, whose beta it is")
    for key, usual in (("gae_lambda", 0.95), ("value_weight", 0.5)):
        if getattr(settings, key) != usual and settings.advantage in (None, *_WITHOUT_CRITIC):
            raise SettingError(f"{key}={getattr(settings, key)}: expected {usual} for advantage={settings.advantage}, "
                               "which has no critic; gae has one")
    is_heard = settings.advantage in DISCOUNTED or settings.advantage not in (None, *_BUILT_IN)
    if settings.discount != 1.0 and not is_heard:
        raise SettingError(f"discount={settings.discount}: expected 1 for advantage={settings.advantage}, which reads "
                           f"none; those that do: {', '.join(DISCOUNTED)}")
