"""Plan languages that went by a sha256: their declaration, or what to do where no version is known by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from embodied.conversion.kind import Language
from embodied.planning.declaration import LanguageError, declaration, read_language
from envs.names import unknown
from envs.skills.signatures import LANGUAGES


def declared(sha256: str, language: Language, path: Path) -> dict[str, Any]:
    """The declaration of what a file names by its sha256. language: whose it is, where that sha256 is not known.

    Raises LanguageError where it is not known and nobody says whose it is.
    """
    try:
        return declaration(read_language(sha256, str(path)))
    except LanguageError:
        if language is None:
            raise LanguageError(
                f"{path}: expected the sha256 of a plan language that some version is known to have written, got "
                f"{sha256[:12]}; say which one it is: plan_language={' or plan_language='.join(LANGUAGES)}") from None
    if language not in LANGUAGES:
        raise LanguageError(unknown(language, LANGUAGES, what="plan language"))
    return declaration(LANGUAGES[language].taught)
