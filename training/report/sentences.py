"""What the report says in sentences: the limit's promise, rates, and what to collect next."""

from collections.abc import Sequence

from edge.manifest import Manifest
from training.benchmark.figures import NOT_JUDGED, UNNAMED
from training.calibrate import Limit, Rate, parts_for
from training.fit import Fitted
from training.report.findings import Findings
from training.report.shortages import ENOUGH_EXAMPLES, Shortage
from training.report.wording import Told, joined, label_told, told
from training.sample_size import upper_bound


def promise_of(limit: Limit) -> Told:
    """What is expected of the limit, what it guarantees and on what condition, in words."""
    words = told(
        "promise",
        expected=f"{1000 * limit.expected:.0f}",
        expected_share=f"{100 * limit.expected:.1f}",
        worst=f"{1000 * limit.guarantee:.0f}",
        worst_share=f"{100 * limit.guarantee:.1f}",
    )
    more = []
    if limit.is_short:
        target, wanted = f"{100 * limit.target:.1f}", parts_for(limit.target)
        more.append(told("promise.short", target=target, wanted=wanted, parts=limit.parts))
    if limit.unjudged:
        more.append(told("promise.unjudged", unjudged=limit.unjudged, parts=limit.parts))
    if limit.rule == "with_margin":
        more.append(told("promise.margin"))
    return Told(en=" ".join([words.en, *(one.en for one in more)]), ja="".join([words.ja, *(one.ja for one in more)]))


def rate_told(rate: Rate) -> Told:
    """A rate with its interval; of no events what the true rate is below."""
    if not rate.trials:
        return told("rate.no_parts")
    share = f"{100 * rate.share:.1f}"
    if not rate.events:
        return told("rate.none", share=share, bound=f"{100 * upper_bound(0, rate.trials):.1f}")
    low, high = rate.interval
    return told("rate", share=share, low=f"{100 * low:.1f}", high=f"{100 * high:.1f}")


def whole_rate_told(rate: Rate) -> Told:
    """Events, trials, and the rate with its interval."""
    if not rate.trials:
        return rate_told(rate)
    return told("rate.whole", events=rate.events, trials=rate.trials, rate=rate_told(rate))


def intro_of(fitted: Fitted) -> Told:
    """What the model does, and what it learned from."""
    training, labels = fitted.bundle.manifest.training, fitted.bundle.manifest.labels
    if training.defect_parts:
        learned = told("intro.labels", good=training.good_parts, defective=training.defect_parts, kinds=len(labels))
    else:
        learned = told("intro.good", good=training.good_parts)
    return told("intro", learned=learned)


def shown_of(manifest: Manifest) -> Told:
    """What part of the frame is looked at."""
    window = manifest.map.window
    frame = f"{manifest.frame.width}×{manifest.frame.height}"
    if window is None:
        return told("shown.all", frame=frame)
    return told("shown.window", frame=frame, size=f"{window.width}×{window.height}", left=window.left, top=window.top)


def alignment_of(fitted: Fitted) -> Told:
    """How parts may lie, who decided it, and when a part does not fit."""
    choice, manifest = fitted.learned.alignment, fitted.bundle.manifest
    words = told(f"mode.{choice.mode.value}")
    if choice.largest_shift is not None:
        words = told("mode.shift", mode=words, shift=f"{100 * choice.largest_shift:.0f}")
    if choice.fits:
        fits = {mode.value: f"{fit:.3f}" for mode, fit in choice.fits.items()}
        turned, compared = choice.turned
        words = told("mode.fits", mode=words, turned=turned, compared=compared, **fits)
    else:
        words = told("mode.told", mode=words)
    if manifest.map.alignment.mode == "none":
        return words
    return told("mode.fit", mode=words, fit=f"{manifest.limit.smallest_fit:.2f}")


def interval_of(findings: Findings) -> Told:
    """The interval of the limit, in words."""
    low, high = findings.limit_interval
    limit = findings.fitted.limit
    return told(
        "limit.interval",
        share=f"{100 * (1 - limit.target):g}",
        low=told("limit.open_low") if low is None else f"{low:.4g}",
        high=told("limit.open_high") if high is None else f"{high:.4g}",
        parts=limit.parts,
    )


def named(word: str) -> Told:
    """A label, or what is said of a part that has none."""
    return told(f"confusion.{word}") if word in (NOT_JUDGED, UNNAMED) else label_told(word)


def counted(rates: Sequence[tuple[str, Rate]]) -> Told:
    """Labels with the number of their parts."""
    return joined([told("defects.counted", label=label_told(label), count=rate.trials) for label, rate in rates])


def advice_of(shortage: Shortage) -> Told:
    """A shortage in words."""
    label = label_told(shortage.label)
    name, numbers = f"next.{shortage.name}", shortage.numbers
    if shortage.name in ("defects_to_test", "good_to_test"):
        there, needed, wanted, bound = numbers
        shares = {"wanted": f"{100 * wanted:g}", "bound": f"{100 * bound:.1f}"}
        return told(name, there=f"{there:.0f}", needed=f"{needed:.0f}", **shares)
    if shortage.name == "good_to_learn":
        there, needed, target = numbers
        return told(name, there=f"{there:.0f}", wanted=f"{needed:.0f}", wanted_share=f"{100 * target:g}")
    if shortage.name == "escaped":
        missed, tested, shown = (f"{number:.0f}" for number in numbers)
        return told(name, label=label, missed=missed, tested=tested, shown=shown)
    if shortage.name.startswith("rare"):
        return told(name, label=label, row=shortage.row, count=f"{numbers[0]:.0f}", enough=ENOUGH_EXAMPLES)
    return told(name)
