"""What a text says of people and of secrets: taken out before anything is learned from it, a mark in its place.

It goes by form: addresses, numbers and keys that look like such, and names of a list. It finds no name that nobody
listed, and no address written in words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

EMAIL, PHONE, ADDRESS, KEY, CARD, NAME = "<email>", "<phone>", "<ip>", "<key>", "<number>", "<name>"

_PEM = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----.{0,20000}?"
                  r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----", re.DOTALL)
_KEYS = re.compile(r"\b(?:A[KS]IA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|"
                   r"(?=sk-[A-Za-z_-]{0,80}\d)sk-[A-Za-z0-9_-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|xox[abp]-[A-Za-z0-9-]{10,}|"
                   r"AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|"
                   r"hf_[A-Za-z0-9]{30,})")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b")
_IPV4 = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w.]*\d)")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_PHONE = re.compile(r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}|"
                    r"\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w-])")


def scrub(text: str, names: Iterable[str] = ()) -> tuple[str, Counter[str]]:
    """(the text without what is private, how often each mark was put in). names: of people, found in any case, across
    spaces and ends of lines, as whole words."""
    found: Counter[str] = Counter()

    def put(mark: str):
        def replace(match: re.Match[str]) -> str:
            end = _end_of_card(match[0]) if mark == CARD else len(match[0])
            if not end:
                return match[0]
            found[mark] += 1
            return mark + match[0][end:]

        return replace

    for pattern, mark in ((_PEM, KEY), (_KEYS, KEY), (_EMAIL, EMAIL), (_IPV4, ADDRESS), (_CARD, CARD), (_PHONE, PHONE)):
        text = pattern.sub(put(mark), text)
    if pattern := _names(tuple(sorted(set(names), key=lambda name: (-len(name), name)))):
        text = pattern.sub(put(NAME), text)
    return text, found


@lru_cache(maxsize=8)
def _names(names: tuple[str, ...]) -> re.Pattern[str] | None:
    """The longest names first, so that a whole name is one mark."""
    if not names:
        return None
    spelled = (r"\s+".join(map(re.escape, name.split())) for name in names)
    return re.compile(r"(?<!\w)(?:" + "|".join(spelled) + r")(?!\w)", re.IGNORECASE)


def _end_of_card(text: str) -> int:
    """Where the longest number that has the check digit of cards ends; 0 for none. What follows may be a date."""
    ends = [place + 1 for place, c in enumerate(text) if c.isdigit()]
    return next((end for end in reversed(ends) if _is_card(text[:end])), 0)


def _is_card(text: str) -> bool:
    """Whether digits have the check digit of cards (Luhn 1960)."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [2 * d - 9 * (2 * d > 9) if place % 2 else d for place, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0
