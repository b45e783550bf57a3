"""The words of the page, in every language that it speaks; one dictionary file holds them all."""

import json
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "ja")


@lru_cache(maxsize=1)
def dictionary() -> dict[str, dict[str, str]]:
    """Key → language → words, from words.json."""
    found: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "words.json").read_text(encoding="utf-8"))
    return found


def words(language: str) -> dict[str, str]:
    """Key → words in one language."""
    return {key: translations[language] for key, translations in dictionary().items()}


def language_of(*, cookie: str | None, accepted: str) -> str:
    """The language that was chosen, else the first that the browser asks for, else English."""
    if cookie in LANGUAGES:
        return cookie
    for wish in accepted.split(","):
        language = wish.split(";")[0].strip().split("-")[0].lower()
        if language in LANGUAGES:
            return language
    return "en"
