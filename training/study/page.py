"""The attribute agreement analysis as a page to print, in English and Japanese."""

from training.report.document import template_of
from training.report.sentences import whole_rate_told
from training.report.wording import Told, plain, told
from training.study.agreement import Kappa
from training.study.msa import FALSE_ALARM_BOUNDS, KAPPA_WANTED, MISS_BOUNDS, RIGHT_BOUNDS, Agreement


def agreement_page(found: Agreement, *, table: str, language: str = "en") -> str:
    """table: the name of the file that it was read from. language: which of the two is shown first."""
    page = template_of("study/agreement.html", language=language, rate=whole_rate_told, kappa=kappa_told)
    return page.render(found=found, table=table, bounds=_bounds())


def kappa_told(kappa: Kappa) -> Told:
    """A kappa with its interval."""
    if kappa.value is None:
        return told("msa.undefined")
    if kappa.interval is None:
        return plain(f"{kappa.value:.2f}")
    low, high = (f"{end:.2f}" for end in kappa.interval)
    return told("msa.kappa", value=f"{kappa.value:.2f}", low=low, high=high)


def _bounds() -> Told:
    values = {
        f"{name}{place}": f"{100 * bounds[place]:g}"
        for name, bounds in (("miss", MISS_BOUNDS), ("alarm", FALSE_ALARM_BOUNDS), ("right", RIGHT_BOUNDS))
        for place in (0, 1)
    }
    return told("msa.bounds", kappa=f"{KAPPA_WANTED:g}", **values)
