"""References in Mandarin: 红色方块, 蓝碗里的那个积木, 除了绿的以外的所有方块."""

from __future__ import annotations

from envs.goals.language import KINDS, NUMBERS, Description, Things, Where
from envs.tasks.wordings import chinese_words as zh
from envs.tasks.wordings.voice import Voice

_ANY = ("一{}", "任意一{}", "随便一{}", "一{}", "随便哪{}", "任何一{}")
_OUT = ("除了{}以外的", "除了{}之外的", "除{}以外的", "除了{}的", "不算{}的")
_DIGITS = {"2": "两", "3": "三", "4": "四", "5": "五", "6": "六", "7": "七", "8": "八", "9": "九"}


class ChineseNouns:
    """Says references."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice

    def say(self, things: Things, *, is_place: bool = False) -> str:
        """A reference."""
        told, quantifier = things.description, things.quantifier or "the"
        if told == Description("thing") and quantifier == "a":
            return "东西"
        if told.but is not None:
            return self._but(told, quantifier)
        if quantifier == "the":
            return self._the(told)
        unit = self._unit(told.kind)
        plain = self.plain(told)
        if quantifier == "a":
            return self.voice.pick(_ANY).format(unit) + plain
        if quantifier == "all":
            return f"{self.voice.pick(('所有', '所有的', '全部', f'每{unit}', f'每一{unit}', '全部的', '所有'))}{plain}"
        if quantifier == "both":
            return (
                f"{self.voice.pick((f'那两{unit}', f'这两{unit}', f'两{unit}', f'那两{unit}'))}{plain}"
                if self.voice.chance(0.8)
                else f"{plain}两个都"[:-1]
            )
        if quantifier == "each":
            return f"每{self.voice.pick((unit, f'一{unit}'))}{plain}"
        number = f"{_DIGITS[quantifier]}{unit}" if self.voice.chance(0.85) else f"{quantifier}{unit}"
        return (
            f"{self.voice.pick(('任意', '随便', '', '任意', '其中'))}{number}{plain}"
            if quantifier in NUMBERS
            else plain
        )

    def _unit(self, kind: str) -> str:
        """A measure word."""
        return (
            self.voice.pick(("个", "块", "个"))
            if kind == "block"
            else self.voice.pick(("个", "只", "个"))
            if kind == "bowl"
            else "个"
        )

    def _the(self, told: Description) -> str:
        chance = self.voice.draws.random()
        if chance < 0.16:
            marks = [told.superlative, told.where]
            unit = self._unit(told.kind)
            if any(marks):
                front, rest = self._front(told)
                return f"{front}{self.voice.pick(('那', '这', '那'))}{unit}{rest}"
            return f"{self.voice.pick(('那', '这', '那'))}{unit}{self.plain(told)}"
        if (
            chance < 0.26
            and told.color
            and not told.color.startswith('"')
            and told.kind == "block"
            and not told.where
            and not told.size
            and not told.superlative
        ):
            color = self._color(told)
            return f"{color}的" if self.voice.chance(0.7) else f"{color}的那个"
        return self.plain(told)

    def _color(self, told: Description) -> str:
        return told.color.strip('"') if told.color.startswith('"') else self.voice.word("zh_colors", told.color)

    def _front(self, told: Description) -> tuple[str, str]:
        """What stands in front of colour and noun, and these."""
        front = "".join(self._bracket(where) for where in told.where)
        if told.superlative:
            front += self.voice.word("zh_superlatives", told.superlative)
        size = self.voice.word("zh_sizes", told.size) if told.size else ""
        noun = told.kind.strip('"') if told.kind not in KINDS else self.voice.word("zh_nouns", told.kind)
        color = self._color(told) if told.color else ""
        share = 0.5 if len(color) > 1 or size.endswith("的") else 0.0 if size else 0.1
        if color and self.voice.chance(share):
            color += "的"
        if size == "小" or size == "大":
            return front, self.voice.pick((f"{size}{color}{noun}", f"{color}{size}{noun}"))
        return front, f"{size}{color}{noun}"

    def plain(self, told: Description) -> str:
        """A description without a quantifier."""
        if told.but is not None:
            return self._but(told, "")
        front, rest = self._front(told)
        return front + rest

    def _bracket(self, where: Where) -> str:
        if where.relation == "same color":
            return self.voice.form(zh.BRACKETS["same color"])
        slots = {"p": lambda: self.say(where.things)} if where.things else {}
        return self.voice.form(zh.BRACKETS[where.relation], slots)

    def _but(self, told: Description, quantifier: str) -> str:
        """Things without some of them."""
        rest = self.plain(Description(told.kind, told.color, told.size, told.superlative, told.where))
        but = self.say(Things("the", told.but))
        out = self.voice.pick(_OUT).format(but)
        if quantifier == "all":
            return f"{out}{self.voice.pick(('所有', '所有', '其他', '其他所有', '全部'))}{rest}"
        if quantifier == "a":
            return f"{out}{self.voice.pick(('任意一个', '随便一个', '任何一个', '一个'))}{rest}"
        if quantifier in NUMBERS:
            return f"{out}{self.voice.pick(('任意', '', '随便'))}{_DIGITS[quantifier]}个{rest}"
        return f"{out}{self.voice.pick(('那个', '另一个', ''))}{rest}" if quantifier == "the" else f"{out}{rest}"
