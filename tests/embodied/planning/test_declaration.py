"""Languages in plain values: read back as they were, usable beside newer skills, and refused by what changed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from embodied.planning import declaration as declarations
from embodied.planning.declaration import LanguageError, declaration, fingerprint, read_language, why_not_spoken
from envs.skills.signatures import FOREIGN, KITCHEN, LANGUAGES, TABLETOP, TAMP, Parameter, Signature

OLD_TABLETOP = "7f170a0d6562a068eaed358aba0c6b158bbf3e28bb011bc28f6de5131d6accb2"
WAVE = Signature("wave", (Parameter("times", "number", 1.0, 3.0),), "wave")


def as_read(language) -> dict:
    return json.loads(json.dumps(declaration(language)))


@pytest.mark.parametrize("language", [*LANGUAGES.values(), FOREIGN])
def test_a_declared_language_is_read_back(language):
    assert read_language(as_read(language), "it") == language


def test_languages_have_fingerprints_of_their_own():
    assert len({fingerprint(language) for language in [*LANGUAGES.values(), FOREIGN]}) == len(LANGUAGES) + 1
    assert fingerprint(replace(TABLETOP, cameras=("top", "front"))) != fingerprint(TABLETOP)


def test_what_older_versions_knew_by_a_sha256_is_the_tabletop():
    assert read_language(OLD_TABLETOP, "it") == TABLETOP


def test_a_skill_that_was_added_since_makes_nothing_old(monkeypatch: pytest.MonkeyPatch):
    grown = replace(TABLETOP, signatures=(WAVE, *TABLETOP.signatures))
    monkeypatch.setattr(declarations, "_known_languages", lambda: (grown,))
    assert read_language(as_read(TABLETOP), "it") == read_language(OLD_TABLETOP, "it") == TABLETOP
    assert why_not_spoken(TABLETOP, grown) is None


@pytest.mark.parametrize(("changed", "said"), [
    (replace(TABLETOP.signatures[0], parameters=(Parameter("object", "text"),)), r"got pick\(object: text\), grasp"),
    (replace(TABLETOP.signatures[0], effect="none"), r"got pick\(object: object\); use the version"),
    (replace(TABLETOP.signatures[0], name="grab"), "got none of that name")])
def test_a_skill_that_changed_since_is_named(monkeypatch: pytest.MonkeyPatch, changed: Signature, said: str):
    now = replace(TABLETOP, signatures=(changed, *TABLETOP.signatures[1:]))
    monkeypatch.setattr(declarations, "_known_languages", lambda: (now,))
    for declared in (as_read(TABLETOP), OLD_TABLETOP):
        with pytest.raises(LanguageError, match=rf"the skill pick\(object: object\), grasp, {said}"):
            read_language(declared, "the checkpoint")


def test_another_wording_or_meaning_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    now = replace(TABLETOP, signatures=tuple(replace(s, meaning="", wording="", timeout_s=1.0)
                                             for s in TABLETOP.signatures))
    monkeypatch.setattr(declarations, "_known_languages", lambda: (now,))
    assert read_language(as_read(TABLETOP), "it") == now


def test_another_spelling_is_refused_where_it_is_used(monkeypatch: pytest.MonkeyPatch):
    declared = {language: as_read(language) for language in (TABLETOP, TAMP)}
    monkeypatch.setitem(declarations.PLAN_SYNTAX, "text", "another")
    assert read_language(declared[TABLETOP], "it") == TABLETOP, "it has no texts"
    with pytest.raises(LanguageError, match="expected plans whose text is spelled 'another'"):
        read_language(declared[TAMP], "it")


@pytest.mark.parametrize("declared", [
    {}, {"skills": 3}, {**declaration(TABLETOP), "skills": [{"name": "pick"}]},
    {**declaration(TABLETOP), "cameras": []},
    {**declaration(TABLETOP), "skills": [7]}, {**declaration(TABLETOP), "answers": {"moods": 1}},
    {**declaration(TABLETOP), "syntax": 1}])
def test_what_declares_no_language_is_refused(declared):
    with pytest.raises(LanguageError, match="it: expected the declaration of a plan language"):
        read_language(declared, "it")


def test_an_unknown_sha256_is_refused_with_the_command_that_converts():
    with pytest.raises(LanguageError, match=r"got the sha256 aaaaaaaaaaaa .* run `embodied convert PATH`"):
        read_language("a" * 64, "it")


def test_a_world_that_lacks_a_skill_or_has_it_otherwise_does_not_speak_the_language():
    assert why_not_spoken(TABLETOP, TAMP) is None
    assert "answer(words: text), got none of that name" in why_not_spoken(TAMP, TABLETOP)
    assert "got pick(object: text), grasp" in why_not_spoken(TABLETOP, KITCHEN)
