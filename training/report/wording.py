"""The report's words, in both languages at once: the page shows one and hides the other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from markupsafe import Markup, escape

from edge.web import language
from edge.web.phrases import Phrases

LANGUAGES = language.LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A text in English and in Japanese, not yet escaped."""

    en: str
    ja: str

    def __html__(self) -> str:
        """Both, each marked with its language, for HTML; once if they are the same."""
        return str(self._marked("span"))

    @property
    def svg(self) -> Markup:
        """Both, for inside a text of an SVG."""
        return self._marked("tspan")

    def _marked(self, tag: str) -> Markup:
        if self.en == self.ja:
            return escape(self.en)
        each = ((code, escape(text)) for code, text in (("en", self.en), ("ja", self.ja)))
        return Markup("").join(Markup('<{0} lang="{1}">{2}</{0}>').format(tag, code, text) for code, text in each)


def told(key: str, **values: "Told | str | int") -> Told:
    """The words of a key, with its places filled. Raises KeyError for a key or a place that is not there."""
    texts = dictionary()[key]
    return Told(**{code: texts[code].format(**_in(values, code)) for code in LANGUAGES})


def plain(text: str | float) -> Told:
    """What is the same in both languages: names, numbers."""
    return Told(en=str(text), ja=str(text))


def joined(parts: list[Told]) -> Told:
    """One after the other, as a list in a sentence."""
    return Told(en=", ".join(part.en for part in parts), ja="、".join(part.ja for part in parts))


def label_told(label: str) -> Told:
    """A label as the operator page says it; a name that the page does not know stays what the folder is called."""
    if (key := f"label.{label}") in dictionary():
        return told(key)
    return Told(**{code: _phrases(code).label(label) for code in LANGUAGES})


def verdict_told(outcome: str, reason: str) -> Told:
    """An outcome with its reason, as the operator page says them."""
    return Told(
        **{code: f"{language.words(code)[f'outcome.{outcome}']}: {_phrases(code).reason(reason)}" for code in LANGUAGES}
    )


@lru_cache(maxsize=1)
def dictionary() -> dict[str, dict[str, str]]:
    """Key → language → words."""
    text = resources.files("training.report").joinpath("words.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = json.loads(text)
    return found


@lru_cache(maxsize=len(LANGUAGES))
def _phrases(code: str) -> Phrases:
    return Phrases(language.words(code))


def _in(values: Mapping[str, "Told | str | int"], code: str) -> dict[str, object]:
    return {name: getattr(value, code) if isinstance(value, Told) else value for name, value in values.items()}
