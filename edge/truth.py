"""What people have said of parts, for whoever counts mistakes: the last word, and only of that very part."""

from collections.abc import Sequence
from pathlib import Path

from edge.corrections import Judgement, last_words
from edge.page_store import FILE_NAME, PageStore

CERTAIN = {Judgement.GOOD: "good", Judgement.BAD: "bad"}


def truths(folder: Path, parts: Sequence[tuple[int, int]]) -> dict[int, str]:
    """ "good" or "bad" by number, of those parts (number, triggered_ns) that somebody was certain of.

    Raises RecordError if what was said cannot be read.
    """
    if not parts or not (folder / FILE_NAME).is_file():
        return {}
    triggered = dict(parts)
    with PageStore(folder) as store:
        found = last_words(store, list(triggered))
    return {
        sequence: CERTAIN[said.what]
        for sequence, said in found.items()
        if said.what in CERTAIN and said.part.triggered_ns == triggered[sequence]
    }
