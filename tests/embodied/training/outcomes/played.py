"""Episodes without a world: plans that a small model draws, and what somebody says that they led to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import replace

from embodied.agents.backends.local import LocalBackend
from embodied.agents.rollouts import Decision, Rollout
from embodied.data.pool import Kept, Result
from embodied.models.weights import load_weights
from embodied.planning.grammar import plan_grammar
from embodied.prompt import Prompt, Sample
from envs.skills.signatures import TABLETOP
from tests.embodied.agents.test_batches import prompt

MOST = 12  # tokens of an answer


class Workers(Kept):
    """Plays in this process: an episode is one plan, and `reward(answer)` is what follows."""

    def __init__(self, backend: LocalBackend, reward: Callable[[Sample], float], group: int, broken: Set[int]):
        self.backend, self.reward, self.group, self.broken, self.tickets = backend, reward, group, broken, []
        self.is_open = False

    def __enter__(self) -> Workers:
        self.is_open = True
        return self

    def close(self) -> None:
        self.is_open = False

    def run(self, seeds: Iterable[int]) -> Iterator[Result]:
        load_weights(self.backend.model, self.weights.content)
        for ticket in [*seeds][::-1]:  # whoever plays may end in any order
            self.tickets.append(ticket)
            if ticket in self.broken:
                yield Result(ticket, error="it broke")
                continue
            seed, draw = divmod(ticket, self.group)
            sample = self.backend.complete(prompt(seed % 3, 3), plan_grammar(TABLETOP, 3), max_new_tokens=MOST,
                                           seed=ticket)
            reward = self.reward(sample)
            made = Decision((replace(sample, version=self.weights.version),), reward, state=str(seed))
            yield Result(ticket, Rollout(seed, draw, (made,), reward, reward == 1.0, "success", calls=1))


def sample_of(text: str, grammar: str = "all", stood: int | None = None) -> Sample:
    """An answer of a token a letter, of a prompt of nothing."""
    return Sample(text, Prompt(()), grammar, token_ids=tuple(text.encode()), pieces=tuple(text), stood=stood)
