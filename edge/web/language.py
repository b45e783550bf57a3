"""The words of the page, in every language that it speaks: one dictionary file a room, in `words/`."""

import json
from functools import lru_cache
from pathlib import Path

LANGUAGES = ("en", "ja")
FOLDER = Path(__file__).parent / "words"


@lru_cache(maxsize=1)
def dictionary() -> dict[str, dict[str, str]]:
    """Key → language → words, of all rooms. Raises ValueError for a key that two rooms have."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(FOLDER.glob("*.json")):
        room: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
        if twice := found.keys() & room.keys():
            raise ValueError(f"{path.name}: another room has these words already: {', '.join(sorted(twice))}")
        found |= room
    return found


@lru_cache(maxsize=len(LANGUAGES))
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
