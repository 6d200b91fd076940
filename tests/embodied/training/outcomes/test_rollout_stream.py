"""Batches that the live model draws: repeatable from the weights, kept for whoever is stopped within an iteration."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from embodied.agents.rollouts import Decision, Rollout
from embodied.models.weights import weights_to_bytes
from embodied.training.advantages import Context, advantage_named
from embodied.training.hooks import STOP_ASKED
from embodied.training.loop import train
from embodied.training.outcomes.examples import by_advantage, pairs, successes
from embodied.training.outcomes.objective import policy_objective
from embodied.training.outcomes.rollout_stream import RolloutStream
from embodied.training.stages.rl import RlSettings
from embodied.typed import SettingError
from tests.embodied.training.outcomes.played import Workers, sample_of

SETTINGS = RlSettings(
    weights="shipped", env_id="none", scenes=2, group=4, updates=2, temperature=2.0, objective="grpo",
    advantage="group_relative", reward="progress", clip=0.2, kl=0.0, steps=4, batch_size=64, lr=1e-2, weight_decay=0.0,
    warmup_steps=0, clip_norm=1.0, save_every=2, validate_every=2, keep=1)
GROUP_RELATIVE = by_advantage(advantage_named("group_relative"), Context(), is_success_alone=False)


def is_even(sample):
    """What is rewarded: answers with an even number of tokens."""
    return float(len(sample.token_ids) % 2 == 0)


def drawing(backend, folder, make_examples=GROUP_RELATIVE, reward=is_even, broken=frozenset(), **changed):
    settings = replace(SETTINGS, **changed)
    workers = Workers(backend, reward, settings.group, broken)
    return RolloutStream(backend.model, backend.processor, workers, make_examples, settings, seed=5, folder=folder)


def first_samples(backend, folder):
    """What the first iteration draws."""
    stream = drawing(backend, folder)
    return [decision.samples[0] for group in stream._play(0) for one in group for decision in one.decisions]


def equal(one, other):
    return one.ids == other.ids and one.step == other.step and one.inputs.keys() == other.inputs.keys() and all(
        torch.equal(value, other.inputs[name]) for name, value in one.inputs.items())


def test_the_same_weights_draw_the_same_batches(backend, tmp_path):
    first, again = (iter(drawing(backend, tmp_path / name)) for name in "ab")
    for _ in range(2):
        one, other = next(first), next(again)
        assert equal(one, other) and one.ids
    assert {sample.version for sample in first_samples(backend, tmp_path)} == {0}


def test_what_was_drawn_is_kept_for_a_training_that_is_stopped_within_it(backend, tmp_path):
    stream = drawing(backend, tmp_path)
    batches = iter(stream)
    next(batches)
    said, rest = stream.state_dict(), next(batches)
    resumed = drawing(backend, tmp_path)
    resumed.load_state_dict(said)
    assert equal(next(iter(resumed)), rest) and not resumed.workers.tickets
    assert resumed.stats.episodes == 8 and resumed.stats.calls == 8
    lost = drawing(backend, tmp_path / "elsewhere")
    lost.load_state_dict(said)
    with pytest.warns(UserWarning, match="expected what this iteration drew .* not bit-exact"):
        assert next(iter(lost)).step == 1


def test_what_was_drawn_is_kept_as_long_as_a_checkpoint_may_need_it(backend, tmp_path):
    batches = iter(drawing(backend, tmp_path, scenes=1, group=2, updates=1, save_every=2, keep=2))
    for _ in range(8):
        next(batches)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{number:06d}_0.safetensors" for number in range(3, 8)]


def test_each_answer_of_an_iteration_is_learned_from_so_many_times(backend, tmp_path):
    once, thrice = ([name for _, batch in zip(range(2), drawing(backend, tmp_path / str(epochs), epochs=epochs),
                                              strict=False) for name in batch.ids] for epochs in (1, 3))
    assert len(once) == len(set(once)) and sorted(thrice) == sorted(once * 3)


def test_workers_end_with_whoever_reads(backend, tmp_path):
    stream = drawing(backend, tmp_path)
    batches = iter(stream)
    next(batches)
    assert stream.workers.is_open
    batches.close()
    assert not stream.workers.is_open


def test_who_is_asked_to_stop_plays_no_further(backend, tmp_path):
    stream = drawing(backend, tmp_path)
    STOP_ASKED.set()
    try:
        assert list(stream) == [] and not stream.workers.is_open and stream.state_dict()["step"] == 0
    finally:
        STOP_ASKED.clear()
    assert next(iter(stream)).step == 0


def test_ranks_share_out_the_scenes(backend, tmp_path):
    whole = drawing(backend, tmp_path, scenes=5)
    parts = [RolloutStream(backend.model, backend.processor, None, GROUP_RELATIVE, replace(SETTINGS, scenes=5), seed=5,
                     folder=tmp_path, rank=rank, ranks=2).seeds(3) for rank in range(2)]
    assert sorted(seed for part in parts for seed in part) == list(whole.seeds(3)) == [15, 16, 17, 18, 19]


def test_broken_episodes_are_left_out_and_said(backend, tmp_path):
    with pytest.warns(UserWarning, match="1 episodes broke and are left out; the first one: it broke"):
        stream = drawing(backend, tmp_path, broken={3})
        next(iter(stream))
    assert (stream.stats.episodes, stream.stats.lost) == (7, 1)
    with pytest.raises(RuntimeError, match="5 of 8 episodes broke"):
        next(iter(drawing(backend, tmp_path, broken=set(range(5)))))


def test_where_all_end_alike_nothing_is_learned(backend, tmp_path):
    before = weights_to_bytes(backend.model)
    stream = drawing(backend, tmp_path, reward=lambda sample: 1.0)
    objective = stream.told(policy_objective("grpo", clip=0.2, kl=0.0, beta=0.1, max_tokens=12))
    state = train(backend.model, stream, objective, torch.optim.SGD(backend.model.parameters(), lr=1.0), steps=2)
    assert state.metrics["rollout/examples"] == 0.0 and state.metrics["rollout/success"] == 1.0
    assert weights_to_bytes(backend.model) == before


@pytest.mark.parametrize(("name", "make_examples"), [
    ("grpo", GROUP_RELATIVE), pytest.param("ppo", GROUP_RELATIVE, marks=pytest.mark.slow),
    pytest.param("reinforce", GROUP_RELATIVE, marks=pytest.mark.slow),
    pytest.param("rejection", successes, marks=pytest.mark.slow)])
def test_what_is_rewarded_becomes_likelier(backend, tmp_path, name, make_examples):
    changed = {"objective": name} | ({"advantage": None} if name == "rejection" else {})
    stream = drawing(backend, tmp_path, make_examples, scenes=6, group=8, updates=1, **changed)
    objective = stream.told(policy_objective(name, clip=0.2, kl=0.0, beta=0.1, max_tokens=12))
    optimizer = torch.optim.AdamW(backend.model.parameters(), lr=3e-3, weight_decay=0.0)
    seen = []

    class Note:
        def step(self, state):
            seen.append((state.metrics["rollout/progress"], state.metrics["ratio"]))

        end = step

    train(backend.model, stream, objective, optimizer, steps=8, hooks=[Note()])
    assert abs(seen[0][1] - 1) < 1e-3, "the first step is of the very policy that drew"
    assert sum(s for s, _ in seen[-3:]) > sum(s for s, _ in seen[:3])


def test_pairs_stay_together_and_the_better_one_becomes_likelier(backend, tmp_path):
    from copy import deepcopy
    from functools import partial

    stream = drawing(backend, tmp_path, partial(pairs, is_flip=False), scenes=4, group=6, updates=1, objective="dpo",
                     advantage=None)
    stream.reference = deepcopy(backend.model)
    batch = next(iter(stream))
    assert batch.inputs["advantages"].tolist() == [1.0, -1.0] * (len(batch.ids) // 2)
    assert [a.split(".")[0] for a in batch.ids[::2]] == [b.split(".")[0] for b in batch.ids[1::2]]
    objective = policy_objective("dpo", clip=0.2, kl=0.0, beta=0.5, max_tokens=12)
    before, _ = objective(backend.model, batch)
    torch.testing.assert_close(before.item(), 0.6931, atol=1e-3, rtol=0)
    before.backward()
    torch.optim.SGD(backend.model.parameters(), lr=1e-3).step()
    assert objective(backend.model, batch)[0] < before
    backend.model.zero_grad()


def episode(draw, *decided, success):
    """decided: of each decision its samples, the one that stood first, and the reward."""
    made = tuple(Decision(samples, reward, state=f"{place}", progress=0.5 * place, cost_to_go=2.0 - place)
                 for place, (samples, reward) in enumerate(decided))
    return Rollout(7, draw, made, float(success), success, "success" if success else "refused",
                   cost_to_go=0.0 if success else 2.0)


def test_answers_that_were_turned_down_count_as_episodes_that_ended_with_them():
    """Two decisions, the second of which stood after another: rewards 1, 0 and, of the one turned down, 0.5."""
    won = episode(0, ((sample_of("a"),), 0.5), ((sample_of("b", "less"), sample_of("c")), 0.5), success=True)
    lost = episode(1, ((sample_of("d"),), 0.0), success=False)
    make_examples = by_advantage(advantage_named("leave_one_out"), Context(), is_success_alone=False,
                                 counts_vetoes=True)
    told = {row.name: (row.sample.text, row.advantage) for [row] in make_examples([won, lost])}
    assert told == {"7.0.0": ("a", 0.75), "7.0.1": ("b", 0.75), "7.0.1.1": ("c", 0.0), "7.1.0": ("d", -0.75)}
    costs = by_advantage(advantage_named("cost_to_go"), Context(is_scaled=False), is_success_alone=False,
                         counts_vetoes=True)
    cost = {row.name: row.advantage for [row] in costs([won, lost])}
    assert cost["7.0.1"] > cost["7.0.1.1"] > cost["7.1.0"], "one that leads nowhere is worth less than one that does"


def test_of_a_reward_model_episodes_earn_the_mean_of_their_scores(backend, tmp_path):
    class Scores:
        """A plan is worth as many points as its text has letters."""

        def __call__(self, **inputs):
            return self.texts.pop(0), None

    stream = drawing(backend, tmp_path, scenes=1, group=2)
    [group] = stream._play(0)
    model = stream.reward = Scores()
    twice = replace(group[0], decisions=group[0].decisions * 2)
    sizes = [float(len(one.decisions[0].samples[0].text)) for one in (twice, twice, group[1])]
    model.texts = [torch.tensor(sizes)]
    scored = stream._scored([twice, group[1]])
    assert [one.reward for one in scored[0].decisions] == [sizes[0] / 2] * 2
    assert [one.reward for one in scored[1].decisions] == [sizes[2]] and scored[1].progress == group[1].progress


def test_what_stood_after_others_is_imitated_as_the_answer_to_what_was_asked_first():
    won = episode(0, ((sample_of("b", "less"), sample_of("c")), 1.0), success=True)
    [[row]] = successes([won, episode(1, ((sample_of("d"),), 0.0), success=False)])
    assert (row.sample.text, row.sample.grammar) == ("b", "all")


def test_as_much_of_an_answer_as_stood_is_imitated_by_its_weight():
    lost = episode(1, ((sample_of("e();f();done", stood=1), sample_of("e();g();done", stood=1),
                        sample_of("h();done", stood=0)), 0.0), success=False)
    [[row]] = successes([lost], call_weight=0.5)
    assert "".join(row.sample.pieces) == "e();" and row.advantage == 0.5 and row.sample.is_cut
    assert successes([lost]) == []


def test_rejection_learns_again_from_what_earlier_iterations_drew(backend, tmp_path):
    changed = {"objective": "rejection", "advantage": None, "updates": 4, "replayed": 3, "save_every": 4,
               "validate_every": 4}
    drawn = drawing(backend, tmp_path, successes, lambda sample: 1.0, **changed)
    found = [batch for _, batch in zip(range(12), drawn, strict=False)]
    assert [batch.step for batch in found] == list(range(12)) and len(drawn.workers.tickets) == 3 * 8
    seeds = [{int(name.split(".")[0]) // 2 for name in batch.ids} for batch in found]
    assert [seeds[place] for place in (0, 4, 8)] == [{0}, {1}, {2}], "an iteration begins with what is new"
    assert set().union(*seeds[9:]) - {2}, "and goes on with what is older"
    resumed = drawing(backend, tmp_path, successes, lambda sample: 1.0, **changed)
    resumed.load_state_dict({**drawn.state_dict(), "step": 9})
    again = [batch for _, batch in zip(range(3), resumed, strict=False)]
    assert all(equal(one, other) for one, other in zip(found[9:], again, strict=True))
    assert not resumed.workers.tickets


@pytest.mark.parametrize(("changed", "said"), [
    ({"vetoes": True, "objective": "rejection", "advantage": None}, "vetoes=true: expected false for objective=rej"),
    ({"tries": 20, "draws": 2}, "tries=20: expected null with draws=2, which asks once"),
    ({"gae_lambda": 0.5}, "gae_lambda=0.5: expected 0.95 for advantage=group_relative, which has no critic"),
    ({"value_weight": 1.0}, "value_weight=1.0: expected 0.5 for advantage=group_relative"),
    ({"call_weight": 1.0}, "call_weight=1: expected 0 for objective=grpo"),
    ({"reward_model": "r", "advantage": "cost_to_go"}, "reward_model=r: expected null for what goes by success"),
    ({"reward_model": "r", "vetoes": True}, "vetoes=true: expected false with a reward_model"),
    ({"reward_model": "r", "reward": "success"}, "choose reward=progress and another advantage"),
    ({"replayed": 1}, "replayed=1: expected 0 for objective=grpo"),
    ({"replayed": 2, "objective": "rejection", "advantage": None}, "replayed=2: expected fewer than updates=2"),
    ({"save_every": 3}, "save_every=3: expected a multiple of updates=2"),
    ({"accumulate": 2}, "accumulate=2: expected 1 of a stage that plays"),
    ({"advantage": "fork_value"}, "advantage: .*'fork_values'"),
    ({"advantage": "fork_values"}, "expected forks of each moment"),
    ({"forks": 2}, "expected forks=0, got forks=2"),
    ({"group": 1}, "group=1: expected at least 2 episodes"),
    ({"objective": "dpo"}, "advantage=group_relative: expected null for objective=dpo"),
    ({"advantage": None}, "advantage=None: expected one of group_relative"),
    ({"spike_ratio": 5.0}, "spike_ratio=5.0: expected null"),
    ({"overfit_one_batch": True}, "overfit_one_batch=true: expected false"),
    ({"discount": 0.9}, "discount=0.9: expected 1 for advantage=group_relative"),
    ({"reward": "success", "advantage": "fork_values", "forks": 2}, "expected progress for advantage=fork_values"),
    ({"reward": "success", "objective": "rejection", "advantage": None}, "expected progress for objective=rejection"),
    ({"kl": 0.1, "objective": "dpo", "advantage": None}, "kl=0.1: expected 0 for objective=dpo")])
def test_settings_that_cannot_work_are_refused(changed, said):
    with pytest.raises(SettingError, match=said):
        replace(SETTINGS, **changed)
