"""What stands in the way of parts, which the core says in English, in the languages of the page.

A sentence of the core's is known by its English form in `words/troubles.json`, in which `{…}` stands for whatever is
there. Numbers and names stay as they are; `{reason}` is a verdict's reason, and `{rest}` may be a sentence again. What
has no such form, as most of what a driver says of a device, is shown as the core says it.
"""

import re
from functools import lru_cache

from edge.web.language import LANGUAGES, words
from edge.web.phrases import Phrases

FORMS = "trouble."
DEEPEST = 4  # sentences within a sentence; the core says two
HOLE = re.compile(r"\{(\w+)\}")


def in_every_language(why: str) -> dict[str, str]:
    """Language → what the core says of itself in one sentence, which may be empty."""
    return {language: in_language(why, language) for language in LANGUAGES}


def in_language(why: str, language: str, *, deepest: int = DEEPEST) -> str:
    """One sentence of the core's in one language. deepest: so many sentences within it are looked at, too."""
    spoken = words(language)
    for key, form in _forms().items():
        if (found := form.fullmatch(why)) is not None:
            return HOLE.sub(lambda hole: _filled(hole[1], found[hole[1]], language, deepest), spoken[key])
    return why


def _filled(hole: str, said: str, language: str, deepest: int) -> str:
    match hole:
        case "reason":
            return Phrases(words(language)).reason(said)
        case "rest" if deepest:
            return in_language(said, language, deepest=deepest - 1)
        case _:
            return said


@lru_cache(maxsize=1)
def _forms() -> dict[str, re.Pattern[str]]:
    """Key → what a sentence of this form looks like in English."""
    return {key: _pattern(form) for key, form in words("en").items() if key.startswith(FORMS)}


def _pattern(form: str) -> re.Pattern[str]:
    pieces = HOLE.split(form)  # text and names of holes in turn
    parts = [f"(?P<{piece}>.*?)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces)]
    return re.compile("".join(parts), re.DOTALL)
