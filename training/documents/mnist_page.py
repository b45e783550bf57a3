"""The digits' page: the 2-d embedding, the accuracy from epoch to epoch, and what was taken for what."""

import numpy as np
from markupsafe import Markup

from training.documents.mnist import DigitsFound
from training.report.charts import curve_chart
from training.report.document import template_of
from training.report.sentences import whole_rate_told
from training.report.svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Scale, across_axis, chart, text, up_axis
from training.report.wording import plain, told

MOST_SHOWN = 3000
SHOWN_SHARE = 0.99  # of the digits: a few lie far out, and would squeeze the others
HEIGHT = 420.0


def digits_page(found: DigitsFound, *, language: str = "en") -> str:
    """One file without a request to anywhere. language: which of the two is shown first."""
    page = template_of("documents/mnist.html", language=language, rate=whole_rate_told)
    epochs = told("mnist.epochs")
    return page.render(
        found=found,
        scatter=scatter_of(found),
        losses=curve_chart(found.losses, every=1, name=told("chart.loss"), across=epochs),
        accuracies=curve_chart(found.accuracies, every=1, name=told("mnist.accuracy"), across=epochs, high=1.0),
        counts=found.confusion.tolist(),
    )


def scatter_of(found: DigitsFound) -> Markup:
    """Every digit where its two numbers put it."""
    chosen = np.linspace(0, len(found.labels) - 1, min(MOST_SHOWN, len(found.labels))).astype(int)
    places, labels = found.embeddings[chosen], found.labels[chosen]
    tail = (1 - SHOWN_SHARE) / 2
    low, high = np.quantile(places, tail, axis=0), np.quantile(places, 1 - tail, axis=0)
    high = np.maximum(high, low + 1e-6)
    x = Scale(low=float(low[0]), high=float(high[0]), start=LEFT, end=WIDTH - RIGHT)
    y = Scale(low=float(low[1]), high=float(high[1]), start=TOP + HEIGHT, end=TOP)
    marks = [
        text(x(float(place[0])), y(float(place[1])) + 3, str(label), kind=f"digit d{label}")
        for place, label in zip(places, labels, strict=True)
        if (low <= place).all() and (place <= high).all()
    ]
    axes = [across_axis(x, TOP + HEIGHT, plain("1")), up_axis(y, LEFT, plain("2"))]
    return chart(TOP + HEIGHT + BOTTOM, [*axes, *marks], name=told("mnist.scatter"))
