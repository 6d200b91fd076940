"""Goals in Mandarin."""

from __future__ import annotations

from envs.goals.language import (
    NUMBERS,
    TABLE,
    Clause,
    Description,
    Do,
    Exists,
    Fact,
    Goal,
    If,
    Keep,
    More,
    Not,
    Tell,
    Test,
    Things,
)
from envs.tasks.wordings import chinese_words as zh
from envs.tasks.wordings.chinese_nouns import ChineseNouns
from envs.tasks.wordings.clauses import MATCHING, is_contents
from envs.tasks.wordings.conditions import is_empty_bowl
from envs.tasks.wordings.denials import is_everything
from envs.tasks.wordings.voice import Voice

_NO_THING = ("不要有东西", "什么都不要有", "不能有任何东西")
_DIGITS = {"2": "两", "3": "三", "4": "四", "5": "五", "6": "六", "7": "七", "8": "八", "9": "九"}


class Chinese:
    """Says goals in Mandarin. Texts end without a full stop, mostly."""

    def __init__(self, voice: Voice) -> None:
        self.voice, self.nouns = voice, ChineseNouns(voice)

    def say(self, goal: Goal) -> str:
        """A goal in words. Raises TypeError for what has no words of its own."""
        if isinstance(goal, Do):
            return self._polite(self.do(goal)) if not self.voice.chance(0.1) else self.do(goal)
        if isinstance(goal, If):
            return self._conditional(goal)
        if isinstance(goal, Tell):
            return self._asked(goal)
        raise TypeError(f"expected something to do, a condition or a question, got {goal}")

    def _polite(self, text: str) -> str:
        is_free = not text.startswith(("首先", "第一步", "1. ")) and "。" not in text
        if any(word in text for word in ("应该", "希望", "我要", "我想要", "确保", "最后")):
            return text
        row = (
            zh.POLITE
            if is_free and self.voice.chance(self.voice.style.polite + 0.1)
            else zh.ORDERS
            if is_free
            else ("<do>", "请<do>")
        )
        return (
            self.voice.form(row, {"do": text})
            if row[0] != "<do>" or row is zh.ORDERS
            else self.voice.pick(row).replace("<do>", text)
        )

    # Doing -----------------------------------------------------------------------------------------------------------

    def do(self, goal: Do) -> str:
        """Steps in words."""
        if len(goal.steps) == 1:
            return self._step(goal.steps[0])
        parts = self._parts(goal)
        if len(parts) == 2 and self.voice.chance(0.25):
            return self.voice.form(zh.BEFORE, {"a": self._plain(goal.steps[0]), "b": self._plain(goal.steps[1])})
        first, joint = self.voice.pick(zh.THEN)
        if joint.startswith((" 2", "；第二步")):
            mark = "{}. " if joint.startswith(" 2") else "第{}步，"
            numbers = "1234" if joint.startswith(" 2") else "一二三四"
            numbered = [mark.format(numbers[number]) + part for number, part in enumerate(parts)]
            return (" " if joint.startswith(" 2") else "；").join(numbered)
        return first + joint.join(parts)

    def _plain(self, step: tuple[Clause, ...]) -> str:
        return "，".join(self.clause(clause) for clause in step)

    def _parts(self, goal: Do) -> list[str]:
        """One text a step, with "it" for what was spoken of."""
        parts, last = [], None
        for step in goal.steps:
            fact = step[0]
            if len(step) == 1 and isinstance(fact, Fact) and isinstance(last, Fact):
                it = (
                    "它"
                    if fact.things == last.things and fact.things.quantifier in ("the", "a") and self.voice.chance(0.75)
                    else ""
                )
                place = (
                    "它"
                    if fact.place == last.things
                    and last.things.quantifier in ("the", "a")
                    and not isinstance(last.place, Things)
                    and self.voice.chance(0.6)
                    else ""
                )
                parts.append(self.fact(fact, it, place))
            else:
                parts.append(self._plain(step))
            last = fact
        return parts

    def _step(self, step: tuple[Clause, ...]) -> str:
        facts = [c for c in step if isinstance(c, Fact)]
        if (
            len(facts) == len(step) > 1
            and len({(f.relation, f.place) for f in facts}) == 1
            and facts[0].relation != "held"
            and all(f.things.quantifier == "the" for f in facts)
        ):
            return self.fact(
                facts[0], self.voice.pick(("和", "、", "跟", "与")).join(self.nouns.say(f.things) for f in facts)
            )
        if (
            len(facts) == 2 == len(step)
            and facts[1].things.description.but == facts[0].things.description
            and facts[1].things.quantifier == "all"
        ):
            return (
                f"{self.fact(facts[0])}，{self.fact(facts[1], self.voice.pick(('其他的', '剩下的', '其余的', '别的')))}"
            )
        if (
            len(step) == 2
            and len(facts) == 1
            and isinstance(step[1], Keep)
            and step[1].things.quantifier == "all"
            and step[1].things.description == Description("block", but=facts[0].things.description)
        ):
            return f"{self.fact(facts[0])}，{self.voice.form(zh.REST)}"
        joint = self.voice.pick(("，", "，", "，并且", "；", "，同时", "。"))
        return joint.join(self.clause(clause) for clause in step)

    def clause(self, clause: Clause) -> str:
        """One clause in words."""
        if isinstance(clause, Keep):
            if clause.things == Things("all", Description("block")):
                return self.voice.form(zh.KEEP_ALL)
            return self.voice.form(zh.KEEP, {"x": self.nouns.say(clause.things)})
        return self._denied(clause.test) if isinstance(clause, Not) else self.fact(clause)

    def _denied(self, fact: Fact) -> str:
        if is_everything(fact):
            return (
                self.voice.form(zh.CLEARS, {"p": self.nouns.say(fact.place)})
                if fact.relation == "on"
                else f"{self.nouns.say(fact.place)}里{self.voice.pick(_NO_THING)}"
            )
        x = self.nouns.say(fact.things)
        if fact.relation in ("in", "on") and isinstance(fact.place, Things):
            return self.voice.form(
                zh.OUT_OF if fact.relation == "in" else zh.OFF, {"x": x, "p": self.nouns.say(fact.place)}
            )
        if fact.relation == "held":
            return f"{self.voice.pick(('别', '不要'))}拿{x}"
        return self.voice.form(zh.DENIED, {"x": x, "d": self.put(fact)})

    def key(self, fact: Fact) -> str:
        return f"at {fact.place}" if fact.relation == "at" else "on table" if fact.place == TABLE else fact.relation

    def put(self, fact: Fact, place: str = "") -> str:
        """Where something is put."""
        return self.voice.form(
            zh.PUT[self.key(fact)],
            {"p": place or (self.nouns.say(fact.place, is_place=True) if isinstance(fact.place, Things) else "")},
        )

    def fact(self, fact: Fact, x: str = "", place: str = "") -> str:
        """One fact as something to do."""
        if not x:
            special = self._special(fact)
            if special:
                return special
        x = x or self.nouns.say(fact.things)
        if fact.relation == "held":
            return self.voice.form(zh.HOLD, {"x": x})
        if self.voice.chance(self.voice.style.fragment):
            row = zh.FRAGMENTS.get(self.key(fact))
            if row:
                return self.voice.form(row, {"x": x, "p": place or self.nouns.say(fact.place, is_place=True)})
            return self.voice.form(zh.FRAGMENTS["other"], {"x": x, "d": self.put(fact, place)})
        if self.voice.chance(0.1):
            return self.voice.form(zh.STATED, {"x": x, "st": self._state(fact, place)})
        many = "都" if fact.things.quantifier in ("all", "both") and self.voice.chance(0.5) else ""
        return f"{self.voice.pick(('把', '把', '把', '把', '将'))}{x}{many}{self.put(fact, place)}"

    def _special(self, fact: Fact) -> str | None:
        told = fact.things.description
        if fact.relation == "on" and fact.place == TABLE:
            if is_contents(fact.things) and self.voice.chance(0.8):
                return self.voice.form(zh.EMPTIES, {"p": self.nouns.say(told.where[0].things)})
            if fact.things.quantifier == "the" and not told.where and told.kind == "block" and self.voice.chance(0.3):
                return self.voice.form(zh.OUT, {"x": self.nouns.say(fact.things)})
        if (
            fact.place == MATCHING
            and fact.relation == "in"
            and fact.things.quantifier == "all"
            and told.kind == "block"
            and not told.where
            and not told.but
            and self.voice.chance(0.8)
        ):
            return self.voice.form(zh.SORTS, {"n": self.nouns.plain(told)})
        return None

    def _state(self, fact: Fact, place: str = "") -> str:
        return self.voice.form(
            zh.STATE[self.key(fact)],
            {"p": place or (self.nouns.say(fact.place, is_place=True) if isinstance(fact.place, Things) else "")},
        )

    # Conditions ------------------------------------------------------------------------------------------------------

    def _conditional(self, goal: If) -> str:
        then = self.do(goal.then)
        if goal.otherwise is None and isinstance(goal.test, Not) and self.voice.chance(0.35):
            return self.voice.form(zh.UNLESS, {"t": self.test(goal.test.test), "do": then})
        text = self.voice.form(zh.IFS[:11] if goal.otherwise else zh.IFS, {"t": self.test(goal.test), "do": then})
        return text + (self.voice.form(zh.ELSE, {"e": self.do(goal.otherwise)}) if goal.otherwise else "")

    def test(self, test: Test) -> str:
        """Something that is so."""
        if isinstance(test, Not):
            return self._not_so(test.test)
        if isinstance(test, More):
            return f"{self.nouns.plain(test.these.description)}比{self.nouns.plain(test.those.description)}多"
        if isinstance(test, Exists):
            return self._exists(test.things)
        if test.relation == "held":
            return f"你拿着{self.nouns.say(test.things)}"
        many = "都" if test.things.quantifier in ("all", "both") else ""
        some = "有" if test.things.quantifier == "a" else ""
        return f"{some}{self.nouns.say(test.things)}{many}{self._state(test)}"

    def _exists(self, things: Things) -> str:
        told = things.description
        if is_empty_bowl(told) and things.quantifier not in NUMBERS:
            return f"{self.nouns.plain(Description('bowl', told.color))}是空的"
        if told.kind == "thing" and len(told.where) == 1 and told.where[0].relation in ("in", "on") and not told.color:
            return f"{self.nouns.say(told.where[0].things)}{'里' if told.where[0].relation == 'in' else '上面'}有东西"
        is_counted = things.quantifier in NUMBERS
        number = f"{_DIGITS[things.quantifier]}个" if is_counted else self.voice.pick(("一个", "", "一个"))
        at_least = "至少" if things.quantifier in NUMBERS and self.voice.chance(0.4) else ""
        return f"{self.voice.pick(('', '桌上', '', '这里'))}{at_least}有{number}{self.nouns.plain(told)}"

    def _not_so(self, test: Test) -> str:
        if isinstance(test, Exists):
            told = test.things.description
            if is_empty_bowl(told) and test.things.quantifier not in NUMBERS:
                return f"{self.nouns.plain(Description('bowl', told.color))}不是空的"
            if (
                told.kind == "thing"
                and len(told.where) == 1
                and told.where[0].relation in ("in", "on")
                and not told.color
            ):
                side = "里" if told.where[0].relation == "in" else "上面"
                return f"{self.nouns.say(told.where[0].things)}{side}没有东西"
            number = f"{_DIGITS[test.things.quantifier]}个" if test.things.quantifier in NUMBERS else ""
            return f"{self.voice.pick(('', '桌上', ''))}没有{number}{self.nouns.plain(told)}"
        if isinstance(test, More):
            return f"{self.nouns.plain(test.these.description)}不比{self.nouns.plain(test.those.description)}多"
        if isinstance(test, Not):
            return self.test(test.test)
        if test.relation == "held":
            return f"你没拿{self.nouns.say(test.things)}"
        if test.things.quantifier == "a":
            return f"没有{self.nouns.plain(test.things.description)}{self._state(test)}"
        many = "都" if test.things.quantifier in ("all", "both") else ""
        return f"{self.nouns.say(test.things)}{many}不{self._state(test)}"

    # Questions -------------------------------------------------------------------------------------------------------

    def _asked(self, goal: Tell) -> str:
        if goal.about == "whether":
            return self.voice.form(zh.WHETHER, {"t": self.test(goal.what)})
        told = goal.what.description
        if goal.about == "count":
            return self.voice.form(zh.COUNT, {"x": self.nouns.plain(told)})
        if goal.about in ("where", "color"):
            return self.voice.form(
                zh.WHERE if goal.about == "where" else zh.COLOR, {"x": self.nouns.say(Things("the", told))}
            )
        if told == Description("thing"):
            return self.voice.form(zh.WHAT_ALL)
        if told.kind == "thing" and len(told.where) == 1 and told.where[0].relation in zh.WHAT_IN and not told.color:
            return self.voice.form(zh.WHAT_IN[told.where[0].relation], {"p": self.nouns.say(told.where[0].things)})
        return f"{self.voice.pick(('有哪些', '都有哪些', '告诉我有哪些', '哪些是'))}{self.nouns.plain(told)}？"
