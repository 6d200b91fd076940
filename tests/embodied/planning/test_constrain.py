"""The mask: whatever it lets through parses, for our tokenizer and for one of GPT-2's kind."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import torch
from llguidance import LLMatcher
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from embodied.agents.shipped import WEIGHTS
from embodied.models.tokens import add_plan_tokens, train_tokenizer
from embodied.planning.constrain import Grammars, PlanConstraint, compile_tokenizer
from embodied.planning.goal_grammar import goal_grammar
from embodied.planning.grammar import Without, plan_grammar
from embodied.planning.language import PlanError, parse
from envs.interface import SkillCall
from envs.skills.signatures import BOARD, TABLETOP, TAMP, PlanLanguage
from tests.embodied.planning.languages import ALL, MANY_SHAPES

CORPUS = ["pick(obj_3); place_in(obj_4); put_down_beside(obj_1); done() refuse(I see no purple block) home();"] * 3
QWEN_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
SCENES = [(3, 0, False), (12, 0, False), (2, 0, True), (1, 0, False), (0, 0, True), (0, 0, False), (0, 64, False),
          (0, 64, True)]


def foreign(kind: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer made as GPT-2's or Qwen's is: one mark for padding and end, special tokens last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "gpt2")
    if kind == "qwen":
        split = pre_tokenizers.Split(Regex(QWEN_SPLIT), behavior="isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, tokenizer.pre_tokenizer])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    fast.add_special_tokens({"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"})
    add_plan_tokens(fast)
    return fast


@pytest.fixture(scope="module", params=["ours", "gpt2", "qwen"])
def tokenizer(request) -> PreTrainedTokenizerFast:
    return train_tokenizer(CORPUS, 420) if request.param == "ours" else foreign(request.param)


@pytest.fixture(scope="module")
def compiled(tokenizer):
    return compile_tokenizer(tokenizer)


def draw(tokenizer, compiled, grammars: list[str], seed: int, steps: int = 160) -> list[str | None]:
    """Texts of a batch drawn from random logits (None: no end within the steps), as `generate` would."""
    generator, end = torch.Generator().manual_seed(seed), tokenizer.eos_token_id
    constraint, prompt = PlanConstraint(compiled, grammars), 4
    ids = torch.zeros(len(grammars), prompt, dtype=torch.long)
    is_over = torch.zeros(len(grammars), dtype=torch.bool)
    for _ in range(steps):
        scores = constraint(ids, 3 * torch.randn(len(grammars), len(tokenizer) + 5, generator=generator))
        new = torch.where(is_over, tokenizer.pad_token_id, scores.argmax(-1))
        ids, is_over = torch.cat([ids, new[:, None]], dim=1), is_over | (new == end)
        if is_over.all():
            break
    return [tokenizer.decode(row[prompt:], skip_special_tokens=True) if over else None
            for row, over in zip(ids, is_over, strict=True)]


@pytest.mark.parametrize(("objects", "locations", "is_holding"), SCENES)
def test_every_text_the_mask_allows_parses(tokenizer, compiled, objects: int, locations: int, is_holding: bool):
    grammar = plan_grammar(TABLETOP, objects, locations=locations, is_holding=is_holding)
    texts = draw(tokenizer, compiled, [grammar] * 25, seed=objects + locations)  # 25 draws x 8 scenes = 200 a tokenizer
    whole = [text for text in texts if text is not None]
    assert len(whole) > 10
    for text in whole:
        plan = parse(text, TABLETOP, objects=objects, locations=locations)
        assert_hand_allows([call.skill for call in plan.calls], is_holding)
        assert locations or not is_onto_itself(plan.calls)
        assert plan.refusal is not None or not is_holding or plan.calls


OTHERS = [name for name in ALL if name != "tabletop"]


@pytest.mark.parametrize(("objects", "locations", "is_holding"), [
    (3, 0, False), (2, 0, True), (0, 0, False), (0, 0, True), (0, 8, False)])
@pytest.mark.parametrize("name", OTHERS)
def test_every_text_the_mask_allows_parses_in_every_language(name: str, objects: int, locations: int, is_holding: bool):
    language, tokenizer = ALL[name], train_tokenizer(CORPUS, 420)
    grammar = plan_grammar(language, objects, locations=locations, is_holding=is_holding)
    drawn = draw(tokenizer, compile_tokenizer(tokenizer), [grammar] * 12, seed=objects + locations, steps=300)
    whole = [text for text in drawn if text is not None]
    assert whole
    for text in whole:
        plan = parse(text, language, objects=objects, locations=locations)
        assert_hand_follows(plan.calls, language, is_holding)


def assert_hand_follows(calls: Sequence[SkillCall], language: PlanLanguage, is_holding: bool) -> None:
    """That each call finds the hand as it needs it, and none releases a thing onto itself."""
    held, is_first = None, True
    for call in calls:
        signature = language.skills[call.skill]
        if signature.effect == "grasp":
            assert not is_holding, calls
            is_holding, held = True, call.arguments[0]
        elif signature.effect == "release":
            assert is_holding, calls
            assert held not in call.arguments or str(getattr(held, "words", "<")).startswith("<"), calls
            is_holding, held = False, None
        else:
            assert is_first or not is_holding or signature.carries, calls
        is_first = False


@pytest.mark.parametrize(("name", "answer"), [
    ("tamp", ' answer("A: Yes, the red block is below the blue one."); done()'),
    ("kitchen", ' go_to("counter"); pick("rice chips"); go_to("table"); put_down("table"); done(); done()'),
    ("board", ' push("push the red star to the top left corner"); done()'),
    ("foreign", " push_to(obj_1, obj_2); pick(obj_2); place_at(obj_1); done()"),
    ("many_shapes", ' grab_from(obj_1, obj_2, -1.570); carry("slowly", obj_1); put_between(obj_2, obj_3); '
                    "lift(10.050); done()")])
def test_calls_of_every_shape_pass_the_mask(tokenizer, compiled, name: str, answer: str):
    ids = [0, *tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    constraint = PlanConstraint(compiled, [plan_grammar(ALL[name], 3)])
    for length in range(1, len(ids)):
        scores = constraint(torch.tensor([ids[:length]]), torch.zeros(1, len(tokenizer)))
        assert scores[0, ids[length]] == 0, (answer, tokenizer.convert_ids_to_tokens(ids[length]))


@pytest.mark.parametrize("answer", [
    " grab(obj_1); put_between(obj_1, obj_2); done()", " grab(obj_1); put_between(obj_2, obj_1); done()",
    " grab_from(obj_1, obj_1, 0.000); drop(); done()", " lift(12.001); done()", " lift(0.049); done()",
    " grab(obj_1); lift(1.000); drop(); done()", " refuse(I can only move blocks)"])
def test_what_cannot_be_meant_does_not_pass_the_mask(tokenizer, compiled, answer: str):
    ids = [0, *tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    matcher = LLMatcher(compiled, LLMatcher.grammar_from_lark(plan_grammar(MANY_SHAPES, 3)))
    assert matcher.try_consume_tokens(ids[1:]) < len(ids) - 1


@pytest.mark.parametrize(("language", "answer", "is_holding", "passes"), [
    (TAMP, " pick(obj_1); done()", False, True), (TABLETOP, " pick(obj_1); done()", False, False),
    (TAMP, " pick(obj_2); put_down_beside(obj_1); pick(obj_1); done()", False, True),
    (TAMP, " done()", True, True), (TABLETOP, " done()", True, False),
    (TAMP, " put_down_beside(obj_2); pick(obj_1); done()", True, True),
    (TAMP, " pick(obj_1); pick(obj_2); done()", False, False), (TAMP, " pick(obj_1); done()", True, False)])
def test_a_plan_may_end_with_a_full_hand_where_its_language_says_so(tokenizer, compiled, language, answer, is_holding,
                                                                    passes):
    ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    matcher = LLMatcher(compiled, LLMatcher.grammar_from_lark(plan_grammar(language, 3, is_holding=is_holding)))
    assert (matcher.try_consume_tokens(ids) == len(ids) and matcher.is_accepting()) == passes


def assert_hand_allows(skills: list[str], is_holding: bool) -> None:
    for skill in skills:
        assert skill not in (TABLETOP.grasping if is_holding else TABLETOP.releasing), skills
        is_holding = is_holding if skill == "home" else not is_holding


def is_onto_itself(calls: tuple[SkillCall, ...]) -> bool:
    return any(call.skill in TABLETOP.grasping and call.arguments == release.arguments
               for call, release in itertools.pairwise(calls))


ANSWERS = [" pick(obj_3); place_in(obj_12); done()", " done()", " refuse(I see no purple block)", " home(); done()",
           " pick(obj_1); put_down_beside(obj_2); pick(obj_3); place_on(obj_1); done()"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_answers_as_they_are_trained_pass_the_mask(tokenizer, compiled, answer: str):
    ids = [0, *tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    constraint = PlanConstraint(compiled, [plan_grammar(TABLETOP, 12)])
    for length in range(1, len(ids)):
        scores = constraint(torch.tensor([ids[:length]]), torch.zeros(1, len(tokenizer)))
        assert scores[0, ids[length]] == 0, (answer, tokenizer.convert_ids_to_tokens(ids[length]))
        is_whole = length == len(ids) - 1
        assert (scores[0, tokenizer.eos_token_id] == 0) == is_whole, "the end token only after a whole plan"


def test_locations_are_single_tokens_that_pass_the_mask(tokenizer, compiled):
    ids = tokenizer(" pick(<loc_12><loc_40>); place_in(<loc_0><loc_63>); done()", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_tokens_to_ids("<loc_12>") in ids
    constraint = PlanConstraint(compiled, [plan_grammar(TABLETOP, 0, locations=64)])
    for length in range(len(ids)):
        assert constraint(torch.tensor([ids[:length]]).long(), torch.zeros(1, len(tokenizer)))[0, ids[length]] == 0


def test_rows_of_a_batch_keep_their_own_grammars(tokenizer, compiled):
    scenes = [(2, 0), (0, 0), (0, 64)]
    texts = draw(tokenizer, compiled, [plan_grammar(TABLETOP, o, locations=n) for o, n in scenes], seed=3)
    for text, (objects, locations) in zip(texts, scenes, strict=True):
        assert text is None or parse(text, TABLETOP, objects=objects, locations=locations)


def test_the_same_logits_give_the_same_text(tokenizer, compiled):
    first, again = (draw(tokenizer, compiled, [plan_grammar(TABLETOP, 5)] * 3, seed=1) for _ in range(2))
    assert first == again


def test_a_cut_off_answer_is_no_plan():
    whole = " pick(obj_1); place_in(obj_2); done()"
    for length in range(len(whole)):
        with pytest.raises(PlanError):
            parse(whole[:length], TABLETOP, objects=2)


def test_wrong_batch_sizes_and_grammars_are_refused(tokenizer, compiled):
    with pytest.raises(ValueError, match="expected 1 rows, got 2"):
        PlanConstraint(compiled, [plan_grammar(TABLETOP, 1)])(torch.zeros(2, 1).long(), torch.zeros(2, len(tokenizer)))
    with pytest.raises(ValueError, match="not accepted"):
        PlanConstraint(compiled, ["start: nowhere"])


def test_the_grammar_knows_every_skill():
    assert {*TABLETOP.grasping, *TABLETOP.releasing} < TABLETOP.skills.keys()
    for skill in TABLETOP.skills:
        assert f'"{skill}(' in plan_grammar(TABLETOP, 3)


def test_objects_and_locations_exclude_each_other():
    with pytest.raises(ValueError, match="objects or locations"):
        plan_grammar(TABLETOP, 2, locations=64)


@pytest.mark.weights
def test_what_may_come_next_hangs_on_no_state_that_was_asked_for_before():
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS / "mind-tiny")
    grammar = goal_grammar("grab whichever red cube is nearer to the blue bowl")
    told = ["Ġred", "Ġblock", "Ġ[", "nearest", "Ġblue", "Ġbowl"]
    held, at = (tuple(tokenizer.convert_tokens_to_ids([*begun, *told]))
                for begun in (["held", "(", "the"], ["a", "t", "(", "a"]))
    alone, after = (Grammars(compile_tokenizer(tokenizer), len(tokenizer)).guide(grammar) for _ in range(2))
    after.allowed(held)
    assert after.allowed(at).tolist() == alone.allowed(at).tolist()
    assert tokenizer.convert_tokens_to_ids("])") not in after.allowed(at), "something at a place needs the place"


@pytest.mark.parametrize(("words", "is_allowed"), [
    ("push the red star up", False), ("push the red star up and to the left", False), ("push the red moon (up)", False),
    ("push the red star", True), ("push the red moon up", True), ("move to the red star", False)])
def test_words_that_begin_as_barred_ones_are_not_said(tokenizer, compiled, words: str, is_allowed: bool):
    grammar = plan_grammar(BOARD, 0, without=Without(texts=frozenset({"push the red star up", "move to the red star"})))
    matcher = LLMatcher(compiled, LLMatcher.grammar_from_lark(grammar))
    tokens = tokenizer(f' push("{words}"); done()', add_special_tokens=False)["input_ids"]
    assert (matcher.validate_tokens(tokens) == len(tokens)) is is_allowed
