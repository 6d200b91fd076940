"""What a text says of people and of secrets is taken out, and clean text is left as it is."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied.data.text.documents import find_documents
from embodied.data.text.privacy import scrub

PEOPLE = ["Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov"]


def planted(rng: random.Random) -> str:
    """Something private of one of the kinds that are known by their form."""
    letters, digits = string.ascii_letters, string.digits
    word = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 9)))
    number = "".join(rng.choices(digits, k=10))
    return rng.choice([
        lambda: f"{word}.{rng.choice(string.ascii_lowercase)}{rng.randint(1, 99)}@{word[:4]}-mail.example.org",
        lambda: f"{word}+news@sub.{word}.co.uk",
        lambda: f"+{rng.randint(1, 99)} {number[:3]} {number[3:6]} {number[6:]}",
        lambda: f"({number[:3]}) {number[3:6]}-{number[6:]}",
        lambda: f"{number[:3]}-{number[3:6]}-{number[6:]}",
        lambda: ".".join(str(rng.randint(1, 254)) for _ in range(4)),
        lambda: "AKIA" + "".join(rng.choices(string.ascii_uppercase + digits, k=16)),
        lambda: "ghp_" + "".join(rng.choices(letters + digits, k=36)),
        lambda: "sk-" + "".join(rng.choices(letters + digits, k=32)),
        lambda: card(rng),
        lambda: rng.choice(PEOPLE),
    ])()


def card(rng: random.Random) -> str:
    """Sixteen digits, the last of which is the check digit, in fours."""
    digits = [4, *(rng.randint(0, 9) for _ in range(14))]
    total = sum(2 * d - 9 * (2 * d > 9) if place % 2 == 0 else d for place, d in enumerate(reversed(digits)))
    digits.append(-total % 10)
    text = "".join(map(str, digits))
    return " ".join(text[i:i + 4] for i in range(0, 16, 4))


def test_none_of_200_planted_addresses_numbers_keys_and_names_is_left():
    rng = random.Random(0)
    secrets = [planted(rng) for _ in range(200)]
    sentences = [f"Write to {secret}, or ask; it opened in {1990 + i % 30}." for i, secret in enumerate(secrets)]
    text, found = scrub("\n".join(sentences), PEOPLE)
    assert [secret for secret in secrets if secret in text] == []
    assert sum(found.values()) == 200


@pytest.mark.parametrize(("text", "left"), [
    ("pay 4111 1111 1111 1111 12/27 now", "pay <number> 12/27 now"), ("4111 1111 1111 1111 123", "<number> 123"),
    ("by Martin King Jr., and\nAda\n  Lovelace", "by <name>, and\n<name>"), ("ADA LOVELACE", "<name>"),
    ("github_pat_11ABCDEFG0abcdefghijkl", "<key>"), ("ASIA1234567890ABCDEF", "<key>"),
    ("class sk-toggleable__content-very", "class sk-toggleable__content-very"), ("Adam Lovelacey", "Adam Lovelacey")])
def test_forms_that_are_easily_missed(text: str, left: str):
    assert scrub(text, ["Martin King Jr.", "Ada Lovelace"])[0] == left


def test_a_key_that_does_not_end_costs_no_time():
    begun = "-----BEGIN RSA PRIVATE KEY-----\n" * 3000
    assert scrub(begun)[0] == begun
    assert scrub("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----")[0] == "<key>"


def test_nearly_all_of_clean_text_is_kept():
    """Of the docs of this project, which hold versions, figures, dates and shapes, and next to nothing private."""
    texts = [document.text for document in find_documents(["docs"])]
    kept = sum(len(scrub(text)[0].split()) for text in texts)
    assert kept >= 0.99 * sum(len(text.split()) for text in texts)
    for clean in ("version 3.11.4 of 2024-05-17", "float[1024, 342] x [341, 128]", "seeds 10000 to 12399, 97.5 (95-99)",
                  "4.5 mm a pixel, 2,400 episodes", "see RFC 2119 and arXiv 2303.03378", "1234 5678 9012 3456",
                  "+/- 0.5 or -1.25e-3", "call embodied serve port=8000"):
        assert scrub(clean)[0] == clean


@given(st.text(max_size=200))
def test_any_text_is_scrubbed_and_a_second_time_changes_nothing(text: str):
    once, _ = scrub(text)
    assert scrub(once)[0] == once


@pytest.mark.parametrize("name", PEOPLE)
def test_names_of_a_list_are_whole_words(name: str):
    text, found = scrub(f"{name} wrote it; {name.split()[-1]}ian methods stay.", [name])
    assert text == f"<name> wrote it; {name.split()[-1]}ian methods stay." and found == {"<name>": 1}
