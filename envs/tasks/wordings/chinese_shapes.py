"""Shapes in Mandarin: goals that drawn ones seldom are, with their words."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Exists, Fact, Goal, If, Keep, Not, Tell, Things, Where
from envs.tasks.wordings.chinese import Chinese
from envs.tasks.wordings.describing import COLORS as _COLORS
from envs.tasks.wordings.people import People

ALL_BUT = (
    "<p>里的方块都拿出来，<b>除外", "把<p>里的都取出来，只留下<b>", "<p>里除了<b>都拿出来放桌上",
    "清空<p>，不过<b>留在里面", "把<p>里除了<b>以外的积木都放到桌子上", "<p>里只留<b>，别的都放到桌上"
)
JOIN = (
    "把<x>放到<y>所在的碗里", "<y>在哪个碗里，就把<x>放进哪个碗", "<x>放进有<y>的那个碗",
    "哪个碗里有<y>，<x>就放哪个碗里", "<x>跟<y>放同一个碗里", "看看<y>在哪个碗，把<x>也放进去", "<x>也放到<y>那个碗里"
)
OUT_ON = (
    "把<p>里的<n>拿出来放到桌上，然后把它<d>", "<p>里的<n>先拿到桌上，再<d>", "先从<p>里取出<n>放在桌上，再把它<d>",
    "<p>里的<n>，先放桌上，接着<d>", "将<p>里的<n>取出放桌上，之后把它<d>"
)
MAKE_ROOM = (
        "先把<y>上面的<x>放到桌上，再把<y><d>",
        "<y>上面的<x>先拿到桌上，然后把<y><d>",
        "把压在<y>上的<x>放桌上，接着把<y><d>"
    )
SWAP = (
    "把<p>里的<x>换成<y>", "<p>里不要<x>，要<y>", "<x>从<p>里拿走，换<y>进去", "<p>里应该是<y>，不是<x>",
    "<p>：<x>出来，<y>进去", "用<y>换掉<p>里的<x>", "<p>里放<y>，别放<x>"
)
OUT_THEN = (
    "先把<x>从<p>里拿出来，再把<y>放进去", "<x>从<p>里出来，然后<y>进去", "把<x>拿出<p>，之后<y>放进去",
    "先从<p>里取出<x>，再放<y>进去", "<x>先离开<p>，接着把<y>放进<p>", "等<x>从<p>里拿出来以后，再把<y>放进去"
)
ANY_BUT = (
    "除了<b>，随便哪个方块都可以<d>，你来选", "随便拿一个方块<d>，就是别拿<b>", "任选一块<d>，但不能是<b>",
    "哪块都行，除了<b>，<d>", "只要不是<b>，随便一块<d>", "一个方块<d>，别用<b>"
)
BUT_NOT = (
    "把<x><d>，但别放在它<no>", "<x><d>，不过不要放到它<no>", "<x><d>，可是别在它<no>", "把<x><d>，只是不能放它<no>",
    "把<x><d>，注意别放它<no>"
)
CONTRAST = (
    "<x><d>，不是<no>", "把<x><d>，不是<no>", "<x>要<d>，不是<no>", "<x><d>！不是<no>！", "<x><d>，我说的不是<no>"
)
SOME_KEEP = (
    "<do>，只是别动<k>", "<do>，不过不要碰<k>", "<do>，<k>留在原处", "别动<k>，<do>", "<do>，但是<k>不许动",
    "<k>都别动，<do>", "<do>，<k>不要管"
)
TOP = (
    "别动<y>，它上面的那块<d>", "<y>不要动，把它上面的方块<d>", "<y>留着，上面那块<d>",
    "不要碰<y>，不过它上面的可以<d>", "<y>原地不动，它上头的方块<d>"
)
EMPTY_ELSE = (
    "若<p>里有方块就把它清空，否则把<x>放进去", "<p>里有方块的话就都拿出来，没有的话把<x>放进去",
    "要是<p>里有积木就清空它，不然把<x>放进去", "看看<p>，有方块就清空，没有就放<x>进去",
    "如果<p>里有方块，把它清空；如果没有，把<x>放进<p>"
)
OUT_IF = (
    "如果<x>在<p>里，先把它拿出来，再把<y>放进去", "要是<x>在<p>里，就先取出来，然后放<y>进去",
    "<x>在<p>里吗？在的话先拿出来，再放<y>进去", "假如<x>在<p>里，那就先把它拿走，再把<y>放进去",
    "<x>若在<p>里，先拿出来，之后把<y>放进去"
)
IN_NONE = (
    "<x>要是不在碗里，就<d>", "如果<x>没在任何碗里，把它<d>", "<x>在碗里就算了，不在的话<d>",
    "除非<x>已经在碗里，否则把它<d>", "看看<x>，没在碗里就把它<d>"
)
MET = (
    "要是有<a>在<b>上面，就把它们分开，<a><d>",
    "看到<a>在<b>上面的话，把<a><d>",
    "如果有<a>压着<b>，就把<a><d>",
    "假使有<a>在<b>上，就把<a><d>",
)
MENTIONED = (
    "<x>挡路了，给<d>", "<x>碍事，把它<d>", "<x>我够不着，帮我<d>", "<x>放那儿不好看，把它<d>", "说到<x>，把它<d>",
    "<x>呢，<d>", "看到<x>了吗？把它<d>", "<x>啊，给我<d>", "<x>，快<d>", "<x>得换个地方，<d>"
)
HOLD = (
    "<x>，举着", "举着<x>", "<x>，拿起来别放", "<x>，举高", "把<x>举高点", "<x>拿在手里", "拿好<x>",
    "<x>举起来给我看看", "让我看看<x>，举起来"
)
OTHER = (
    "<p>不能用，给<x>换个碗", "<x>放到别的碗里，不要<p>", "别放<p>，<x>随便放另一个碗", "<p>有用，<x>找别的碗放",
    "除了<p>，<x>放哪个碗都行", "<x>放进一个碗里，只要不是<p>"
)
CHOSEN = (
    "<n>随便哪块，<d>", "随便挑一块<n>，<d>", "<n>中选一个<d>", "任意一个<n><d>就行", "拿一块<n><d>，哪块都行"
)
EVERY = (
    "凡是<n>都<d>", "<n>一个不留，全<d>", "只要是<n>，都<d>", "<n>统统<d>", "所有的<n>，<d>", "<n>全都<d>"
)
HOW_MANY = (
    "<p>里一共几块方块？", "<p>里头有多少方块？", "帮我数数<p>里的方块", "<p>里装了几个方块？", "<p>里方块有几个"
)
WHERE_IS = (
    "<x>跑哪儿去了？", "<x>呢？在哪里？", "<x>找不着了，在哪儿？", "你把<x>放哪儿了？", "麻烦看一下<x>在什么地方"
)
WHAT_COLOR = (
        "<y>上头的方块什么颜色？",
        "压在<y>上面的是什么颜色？",
        "<y>上面放的那块是什么色？",
        "看看<y>上面的方块是啥颜色"
    )


class ChineseShapes:
    """Draws a goal with its words."""

    def __init__(self, chinese: Chinese, people: People) -> None:
        self.chinese, self.people = chinese, people
        self.voice, self.nouns, self.draws = chinese.voice, chinese.nouns, people.draws

    def drawn(self, kind: str) -> tuple[str, Goal]:
        """A text and its goal, by a shape of the kind."""
        return getattr(self, f"_{self.draws.pick(SHAPES[kind])}")()

    def _things(self, *kinds: str) -> list[Things]:
        """Things of as many colours."""
        return [
            Things("the", Description(kind, color))
            for kind, color in zip(kinds, self.draws.shuffled(_COLORS), strict=False)
        ]

    def _goes(self, x: Things, **relations: float) -> Fact:
        weights = relations or {"in": 0.5, "on": 0.2, "at": 0.15, "table": 0.15}
        fact = self.people.fact(x=x, relation=self.draws.weighted(weights))
        return (
            self._goes(x, **relations)
            if isinstance(fact.place, Things) and fact.place.description == x.description
            else fact
        )

    def _said(self, row: tuple[str, ...], *, to: Fact | None = None, **things: Things | str) -> str:
        """A text of a row. things: what stands for its slots. to: where something goes, <d>."""
        slots = {key: self.nouns.say(value) if isinstance(value, Things) else value for key, value in things.items()}
        if to is not None:
            slots["d"] = self.chinese.put(to)
        return self.voice.form(row, slots)

    # Doing -----------------------------------------------------------------------------------------------------------

    def _all_but(self) -> tuple[str, Goal]:
        b, p = self._things("block", "bowl")
        told = Description("block", where=(Where("in", replace(p, quantifier="")),), but=b.description)
        return self._said(ALL_BUT, b=b, p=p), Do(((Fact("on", Things("all", told), TABLE),),))

    def _join(self) -> tuple[str, Goal]:
        x, y = self._things("block", "block")
        place = Things("the", Description("bowl", where=(Where("holding", replace(y, quantifier="")),)))
        x = replace(x, quantifier=self.draws.pick(("the", "the", "a")))
        return self._said(JOIN, x=x, y=y), Do(((Fact("in", x, place),),))

    def _out_on(self) -> tuple[str, Goal]:
        x, p = self._things("block", "bowl")
        told = replace(x, description=replace(x.description, where=(Where("in", replace(p, quantifier="")),)))
        fact = self._goes(told, on=0.6, beside=0.2, at=0.2)
        return self._said(OUT_ON, p=p, n=self.nouns.plain(x.description), to=fact), Do(
            ((Fact("on", told, TABLE),), (fact,))
        )

    def _make_room(self) -> tuple[str, Goal]:
        x, y = self._things("block", "block")
        fact = self._goes(y, **{"in": 0.7, "on": 0.2, "at": 0.1})
        if fact.place == x:
            return self._make_room()
        return self._said(MAKE_ROOM, x=x, y=y, to=fact), Do(((Fact("on", x, TABLE),), (fact,)))

    def _swap(self) -> tuple[str, Goal]:
        x, y, p = self._things("block", "block", "bowl")
        return self._said(SWAP, x=x, y=y, p=p), Do(((Fact("in", y, p), Not(Fact("in", x, p))),))

    def _out_then(self) -> tuple[str, Goal]:
        x, y, p = self._things("block", "block", "bowl")
        return self._said(OUT_THEN, x=x, y=y, p=p), Do(((Not(Fact("in", x, p)),), (Fact("in", y, p),)))

    def _any_but(self) -> tuple[str, Goal]:
        b = self._things("block")[0]
        fact = self._goes(Things("a", Description("block", but=b.description)))
        return self._said(ANY_BUT, b=b, to=fact), Do(((fact,),))

    def _but_not(self) -> tuple[str, Goal]:
        x, p = self._things("block", self.draws.pick(("block", "bowl")))
        fact = Fact(self.draws.pick(("beside", "left_of", "right_of")), x, p)
        relation, no = (
            ("on", ("上面", "上", "顶上")) if p.description.kind == "block" else ("in", ("里面", "里", "里头"))
        )
        return self._said(BUT_NOT, x=x, to=fact, no=self.voice.pick(no)), Do(((fact, Not(Fact(relation, x, p))),))

    def _contrast(self) -> tuple[str, Goal]:
        x, p = self._things("block", self.draws.pick(("block", "bowl")))
        relation, no = self.draws.pick(
            (("on", "里面"), ("on", "旁边"), ("beside", "上面"), ("left_of", "右边"), ("right_of", "左边"))
        )
        fact = Fact(relation, x, p)
        return self._said(CONTRAST, x=x, to=fact, no=no), Do(((fact,),))

    def _some_keep(self) -> tuple[str, Goal]:
        k = Things("all", Description("block", self.people.color()))
        fact = self._goes(Things("a", Description("block")), **{"in": 0.8, "on": 0.2})
        return self._said(SOME_KEEP, do=self.chinese.fact(fact), k=self.nouns.plain(k.description)), Do(
            ((fact, Keep(k)),)
        )

    def _top(self) -> tuple[str, Goal]:
        y = self._things("block")[0]
        fact = self._goes(
            Things("the", Description("block", where=(Where("on", replace(y, quantifier="")),))),
            **{"in": 0.7, "table": 0.3},
        )
        return self._said(TOP, y=y, to=fact), Do(((fact, Keep(y)),))

    def _mentioned(self) -> tuple[str, Goal]:
        fact = self._goes(self._things("block")[0])
        return self._said(MENTIONED, x=self.nouns.plain(fact.things.description), to=fact), Do(((fact,),))

    def _hold(self) -> tuple[str, Goal]:
        x = self._things("block")[0]
        return self._said(HOLD, x=x), Do(((Fact("held", x),),))

    def _other(self) -> tuple[str, Goal]:
        x, p = self._things("block", "bowl")
        return self._said(OTHER, x=x, p=p), Do(((Fact("in", x, Things("a", Description("bowl", but=p.description))),),))

    def _chosen(self) -> tuple[str, Goal]:
        fact = self._goes(Things("a", Description("block", self.people.color())), **{"in": 0.7, "at": 0.3})
        return self._said(CHOSEN, n=self.nouns.plain(fact.things.description), to=fact), Do(((fact,),))

    def _every(self) -> tuple[str, Goal]:
        told = Description(
            "block", self.people.color() if self.draws.chance(0.8) else "", self.draws.pick(("", "", "big"))
        )
        fact = self._goes(Things("all", told), **{"in": 0.4, "at": 0.4, "table": 0.2})
        return self._said(EVERY, n=self.nouns.plain(told), to=fact), Do(((fact,),))

    # Conditions and questions ----------------------------------------------------------------------------------------

    def _empty_else(self) -> tuple[str, Goal]:
        x, p = self._things("block", "bowl")
        inside = Description("block", where=(Where("in", replace(p, quantifier="")),))
        goal = If(
            Exists(Things("a", inside)), Do(((Fact("on", Things("all", inside), TABLE),),)), Do(((Fact("in", x, p),),))
        )
        return self._said(EMPTY_ELSE, x=x, p=p), goal

    def _out_if(self) -> tuple[str, Goal]:
        x, y, p = self._things("block", "block", "bowl")
        test = Fact("in", x, p)
        return self._said(OUT_IF, x=x, y=y, p=p), If(test, Do(((Not(test),), (Fact("in", y, p),))), None)

    def _in_none(self) -> tuple[str, Goal]:
        x = self._things("block")[0]
        fact = self._goes(x)
        return self._said(IN_NONE, x=x, to=fact), If(
            Not(Fact("in", x, Things("a", Description("bowl")))), Do(((fact,),)), None
        )

    def _met(self) -> tuple[str, Goal]:
        a, b = self._things("block", "block")
        fact = self._goes(a, **{"in": 0.5, "table": 0.5})
        test = Fact("on", replace(a, quantifier="a"), replace(b, quantifier="a"))
        words = {key: self.nouns.plain(thing.description) for key, thing in (("a", a), ("b", b))}
        return self._said(MET, to=fact, **words), If(test, Do(((fact,),)), None)

    def _asked(self) -> tuple[str, Goal]:
        y, p = self._things("block", "bowl")
        way = self.draws.random()
        if way < 0.4:
            return self._said(WHERE_IS, x=y), Tell("where", y)
        if way < 0.7:
            inside = Description("block", where=(Where("in", replace(p, quantifier="")),))
            return self._said(HOW_MANY, p=p), Tell("count", Things("", inside))
        on = Things("the", Description("block", where=(Where("on", replace(y, quantifier="")),)))
        return self._said(WHAT_COLOR, y=y), Tell("color", on)


_SENTENCES = ["mentioned", "mentioned", "hold", "join", "chosen"]
SHAPES: dict[str, list[str]] = {
    "plain": _SENTENCES,
    "synonym": _SENTENCES,
    "typo": _SENTENCES,
    "polite": _SENTENCES,
    "case": _SENTENCES,
    "fragment": ["hold", "swap", "contrast", "every"],
    "pronoun": ["mentioned", "top", "out_on", "make_room"],
    "negation": ["all_but", "any_but", "but_not", "some_keep", "top", "other", "contrast"],
    "relative": ["join", "out_on", "all_but", "make_room"],
    "two-step": ["out_on", "make_room", "out_then"],
    "quantity": ["all_but", "chosen", "every"],
    "condition": ["empty_else", "out_if", "in_none", "met"],
    "question": ["asked"],
}
"""Shapes of each kind of lines."""
