"""Lines in Mandarin: kinds, corrections and turns of a conversation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envs.goals.language import TABLE, Cannot, Description, Do, Fact, Goal, Nothing, Things, Unclear
from envs.goals.normal import normal
from envs.goals.spelling import write
from envs.tasks.wordings import chinese_words as zh
from envs.tasks.wordings.chinese import Chinese
from envs.tasks.wordings.people import People
from envs.tasks.wordings.repairs import OPPOSITE
from envs.tasks.wordings.voice import Voice

if TYPE_CHECKING:
    from envs.tasks.wordings.dialogue import Turn

COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white")
SALAD = (
    "的了是在不有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"
    ""
)
WRONG = {
    "块": "快",
    "碗": "婉",
    "放": "方",
    "红": "洪",
    "蓝": "篮",
    "绿": "录",
    "把": "吧",
    "边": "变",
    "黄": "皇",
    "紫": "子",
    "里": "理",
    "积木": "积目",
    "方块": "方快",
    "盘": "盆",
}
WRONG = {key: value for key, value in WRONG.items() if key != "盘"}


class ChineseLines:
    """Makes texts in Mandarin."""

    def __init__(self, voice: Voice, people: People) -> None:
        self.voice, self.people, self.chinese = voice, people, Chinese(voice)
        self.draws = voice.draws

    def idle(self, kind: str) -> tuple[str, Goal]:
        """A text of one of the kinds "nothing", "unclear", "cannot"."""
        x = self.chinese.nouns.say(self.people.the("block"))
        if kind == "nothing":
            return self.voice.form(zh.NOTHING, {"x": x}), Nothing()
        if kind == "unclear":
            return "".join(self.draws.pick(SALAD) for _ in range(3 + int(self.draws.random() * 9))), Unclear()
        if self.draws.chance(0.3):
            verb = self.voice.of(zh.ALONE)
            return self.voice.fill("(<v>*3|请<v>|你能<v>吗？|帮我<v>|<v>吧|去<v>|可以<v>吗？)", {"v": verb}), Cannot(
                verb
            )
        verb = self.voice.of(zh.VERBS)
        return self.voice.fill(
            "(把<x><v>一下*2|<v><x>*3|请<v><x>|帮我<v>一下<x>|能不能<v><x>？|请把<x><v>了|你能<v><x>吗？|<v>一<v><x>)",
            {"v": verb, "x": x},
        ), Cannot(verb)

    def text(self, goal: Goal, *, is_repaired: bool) -> str:
        """A goal in words, with a slip that is put right where that is asked for."""
        fact = goal.steps[0][0] if isinstance(goal, Do) else None
        if is_repaired and isinstance(fact, Fact) and len(goal.steps) == len(goal.steps[0]) == 1:
            return self._repaired(fact)
        return self.chinese.say(goal)

    def _other(self, things: Things) -> Things:
        told = things.description
        if told.superlative in OPPOSITE:
            return replace(things, description=replace(told, superlative=OPPOSITE[told.superlative]))
        return replace(
            things,
            description=Description(
                told.kind if not told.kind.startswith('"') else "block",
                self.draws.pick([c for c in COLORS if c != told.color]),
            ),
        )

    def _repaired(self, fact: Fact) -> str:
        if self.voice.chance(0.5) or not isinstance(fact.place, Things):
            wrong, right = (self.chinese.nouns.say(things) for things in (self._other(fact.things), fact.things))
            x = f"{wrong}，{self.voice.form(zh.NO)}{right}"
            return self.chinese.fact(fact, x)
        wrong = (
            replace(fact, things=self._other(fact.things))
            if self.voice.chance(0.5)
            else replace(fact, place=self._other(fact.place))
        )
        return self.voice.form(zh.WHOLE, {"w": self.chinese.fact(wrong), "do": self.chinese.fact(fact)})

    # Conversations ---------------------------------------------------------------------------------------------------

    def turn(self, kind: str) -> Turn:
        """What is said after other turns."""
        from envs.tasks.wordings.dialogue import Turn
        x = Things("the", Description("block", self.people.color()))
        place = Things("the", Description("bowl", self.people.color()))
        fact = Fact("in", x, place)
        if kind == "ambiguous" or (kind == "pronoun" and self.draws.chance(0.25)):
            return self._answer(fact)
        first = {"person": self.chinese.say(Do(((fact,),))), "goal": write(normal(Do(((fact,),))))}
        before = (first, {"robot": self.voice.form(zh.DONE)}) if self.draws.chance(0.5) else (first,)
        text, new = self._corrected(fact) if kind == "correction" else self._further(fact)
        return Turn(before, text, Do(((new,),)) if new else Nothing())

    def _corrected(self, fact: Fact) -> tuple[str, Fact | None]:
        chance = self.draws.random()
        if chance < 0.12:
            return self.draws.pick(("算了", "不用了", "停", "算了，别动了", "取消", "没事了")), None
        if chance < 0.5:
            meant = self._other(fact.things) if self.draws.chance(0.6) else self.people.the("block")
            return f"{self.voice.form(zh.NO)}{self.chinese.nouns.say(meant)}", replace(fact, things=meant)
        if chance < 0.75:
            meant = self._other(fact.place)
            words = self.chinese.nouns.plain(meant.description)
            return self.voice.fill(
                "(<no>放到<p>里|<no>是<p>|<no><p>|不是<o>，是<p>)",
                {
                    "no": lambda: self.voice.form(zh.NO),
                    "p": words,
                    "o": lambda: self.chinese.nouns.plain(fact.place.description),
                },
            ), replace(fact, place=meant)
        new = self.people.fact(x=fact.things, relation=self.draws.pick(("beside", "left_of", "on", "table", "at")))
        return f"{self.voice.form(zh.NO)}{self.chinese.fact(new, '它')}", new

    def _further(self, fact: Fact) -> tuple[str, Fact]:
        chance = self.draws.random()
        if chance < 0.1:
            new = Fact("on", self._other(fact.things), fact.things)
            x = self.chinese.nouns.say(new.things)
            return self.draws.pick((f"接着把{x}放它上头", f"{x}放它上面", f"再往上面放{x}", f"然后{x}摞在它上面")), new
        if chance < 0.35:
            new = replace(fact, things=self._other(fact.things))
            return self.voice.form(zh.TOO, {"x": self.chinese.nouns.say(new.things)}), new
        if chance < 0.5:
            return self.draws.pick(
                ("再把它拿出来", "把它拿出来", "现在把它拿出来吧", "把它拿回桌上", "再拿出来", "把它取出来")
            ), Fact("on", fact.things, TABLE)
        new = self.people.fact(x=fact.things)
        return self.draws.pick(("现在", "", "再", "然后", "好，")) + self.chinese.fact(new, "它"), new

    def _answer(self, fact: Fact) -> Turn:
        from envs.tasks.wordings.dialogue import Turn

        words = {
            "leftmost": "左边的",
            "rightmost": "右边的",
            "biggest": "大的",
            "smallest": "小的",
            "nearest": "近的",
            "farthest": "远的",
        }
        pair = self.draws.shuffled(
            self.draws.pick((("leftmost", "rightmost"), ("biggest", "smallest"), ("nearest", "farthest")))
        )
        noun = self.chinese.nouns.plain(fact.things.description)
        asks = f"{self.draws.pick(('哪个', '您说的是哪个', '你要哪个'))}{noun}，{words[pair[0]]}还是{words[pair[1]]}？"
        at = int(self.draws.random() * 2)
        told = replace(fact.things.description, superlative=pair[at])
        answer = self.draws.pick(
            (
                words[pair[at]],
                words[pair[at]] + "那个",
                ("第一个", "第二个")[at],
                ("前一个", "后一个")[at],
                self.chinese.nouns.say(Things("the", told)),
            )
        )
        if self.draws.chance(0.3):
            return self._place_answer(fact)
        text = self.voice.form(zh.ANSWERS, {"x": answer})
        first = {"person": self.chinese.say(Do(((fact,),))), "goal": write(normal(Do(((fact,),))))}
        return Turn((first, {"robot": asks}), text, Do(((replace(fact, things=Things("the", told)),),)))

    def _place_answer(self, fact: Fact) -> Turn:
        """The answer to which bowl is meant."""
        from envs.tasks.wordings.dialogue import Turn

        sides = {"leftmost": "左边的", "rightmost": "右边的", "nearest": "近的", "farthest": "远的"}
        side = self.draws.pick(list(sides))
        told = replace(fact.place.description, superlative=side)
        noun = self.chinese.nouns.plain(fact.place.description)
        asks = self.draws.pick((f"有两个{noun}，要放哪一个？", f"你说的是哪个{noun}？", f"{noun}有两个，哪一个？"))
        answer = self.draws.pick((f"{sides[side]}那个", sides[side], f"{sides[side]}碗",
                                  self.chinese.nouns.say(Things("the", told))))
        first = {"person": self.chinese.say(Do(((fact,),))), "goal": write(normal(Do(((fact,),))))}
        whole = replace(fact, place=Things("the", told))
        return Turn((first, {"robot": asks}), self.voice.form(zh.ANSWERS, {"x": answer}), Do(((whole,),)))

    # The last touch --------------------------------------------------------------------------------------------------

    def finish(self, text: str, goal: Goal, kind: str) -> str:
        """Small talk around it, and a wrong sign now and then."""
        if kind not in ("nothing", "unclear") and self.draws.chance(0.75 if kind == "polite" else 0.12):
            text = (self.draws.pick(zh.HELLO) if self.draws.chance(0.6) else "") + text
            if not text.endswith(("？", "谢谢", "了")) and self.draws.chance(0.5):
                text += self.draws.pick(zh.THANKS)
        if kind == "typo" and '"' not in write(goal):
            keys = [key for key in WRONG if key in text]
            if keys:
                key = self.draws.pick(keys)
                text = text.replace(key, WRONG[key], 1)
        if self.draws.chance(0.35) and text[-1] not in "？。！~～":
            text += self.draws.pick(("。", "。", "！"))
        if self.draws.chance(0.1):
            text = text.replace("，", self.draws.pick((" ", ",", " ") if kind == "correction" else (" ", "", ",")))
        return text
