"""The plots of the report, as SVG. Marks differ in shape and place, never in colour alone: grey paper will do."""

import base64
import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from sklearn.decomposition import PCA

Floats = npt.NDArray[np.floating]

GOOD_COLOUR, TEST_COLOUR, DEFECT_COLOUR, INK = "#2b6cb0", "#0b7a75", "#c2410c", "#1f2937"
SMALLEST_MARGIN = 1e-2
STYLE = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": "#6b7280",
    "axes.labelcolor": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "kensa",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parts of one kind in one plot. values: (N,) distances as a share of the limit, or (N, 128) embeddings."""

    name: str
    values: Floats
    marker: str
    colour: str
    is_filled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """source: a data URI of an SVG. alt: the same in words."""

    source: str
    alt: str


def plot_margins(groups: Sequence[Group]) -> Plot:
    """One strip a group: distances as a share of the limit, on a logarithmic axis; the limit is a line."""
    with _style():
        figure = Figure(figsize=(5.4, 0.9 + 0.6 * len(groups)), layout="constrained")
        axes = figure.subplots()
        for row, group in enumerate(reversed(groups)):
            margins = np.sort(np.maximum(group.values, SMALLEST_MARGIN))
            heights = row + 0.56 * (np.arange(len(margins)) * 0.618034 % 1 - 0.5)  # spread evenly, not at random
            _scatter(axes, group, margins, heights, size=16)
        axes.axvline(1.0, color=INK, linewidth=1.4)
        axes.text(1.0, len(groups) - 0.42, " limit", va="bottom", ha="left", fontsize=8.5, weight="bold")
        axes.text(1.0, len(groups) - 0.42, "passes \N{LEFTWARDS ARROW} ", va="bottom", ha="right", fontsize=8.5)
        axes.set_yticks(range(len(groups)), [f"{group.name}\n({len(group.values)})" for group in reversed(groups)])
        axes.set_ylim(-0.5, len(groups) - 0.1)
        axes.set_xscale("log")
        _plain_log_ticks(axes, np.concatenate([[1.0], *(group.values for group in groups)]))
        axes.set_xlabel("distance from good as a share of the limit (1 = the limit)")
        axes.grid(axis="x", color="#e5e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        words = "; ".join(_in_words(group) for group in groups)
        return Plot(source=_svg(figure), alt=f"Distances as a share of the limit. {words}.")


def plot_losses(losses: Sequence[float]) -> Plot:
    """Training loss by step, with its running mean."""
    with _style():
        figure = Figure(figsize=(4.6, 3.0), layout="constrained")
        axes = figure.subplots()
        window = max(1, len(losses) // 50)
        running = np.convolve(losses, np.ones(window) / window, mode="valid")
        steps = np.arange(1, len(losses) + 1)
        axes.plot(steps, losses, color="#93c5fd", linewidth=0.6, label="each step")
        axes.plot(steps[window - 1 :], running, color=GOOD_COLOUR, linewidth=1.6, label="running mean")
        axes.set_xlabel("training step")
        axes.set_ylabel("loss")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        alt = (
            f"Training loss over {len(losses)} steps, from {losses[0]:.3g} to {running[-1]:.3g} on average at the end."
        )
        return Plot(source=_svg(figure), alt=alt)


def plot_embedding(groups: Sequence[Group], *, centroid: Floats, limit: float) -> Plot:
    """The two main directions of the embedding, with the good centroid and the limit around it as a circle."""
    groups = [group for group in groups if len(group.values)]
    analysis = PCA(n_components=2, svd_solver="full").fit(np.concatenate([group.values for group in groups]))
    middle = analysis.transform(centroid[np.newaxis])[0]
    with _style():
        figure = Figure(figsize=(4.6, 4.2), layout="constrained")
        axes = figure.subplots()
        turns = np.linspace(0, 2 * np.pi, 200)
        circle = middle + limit * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        axes.plot(circle[:, 0], circle[:, 1], "--", color=INK, linewidth=1, label="limit")
        for group in groups:
            points = analysis.transform(group.values)
            _scatter(axes, group, points[:, 0], points[:, 1], size=14)
        axes.plot(*middle, "+", color=INK, markersize=13, markeredgewidth=2.2, label="good centroid")
        axes.set_aspect("equal", adjustable="datalim")
        shares = 100 * analysis.explained_variance_ratio_
        axes.set_xlabel(f"first direction ({shares[0]:.0f} % of the variance)")
        axes.set_ylabel(f"second direction ({shares[1]:.0f} %)")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
        alt = f"Principal components of the embedding; the two shown hold {shares.sum():.0f} % of the variance."
        return Plot(source=_svg(figure), alt=alt)


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(STYLE)  # type: ignore[arg-type]  # its stubs list every key as a literal


def _scatter(axes: Axes, group: Group, across: Floats, up: Floats, *, size: float) -> None:
    face = group.colour if group.is_filled else "none"
    axes.scatter(
        across,
        up,
        s=size,
        marker=group.marker,
        facecolors=face,
        edgecolors=group.colour,
        linewidths=0.8,
        alpha=0.75,
        label=group.name,
    )


def _plain_log_ticks(axes: Axes, margins: Floats) -> None:
    lowest, highest = max(float(margins.min()), SMALLEST_MARGIN), float(margins.max())
    axes.set_xlim(min(lowest * 0.8, 0.5), max(highest * 1.25, 2.0))
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _in_words(group: Group) -> str:
    if not len(group.values):
        return f"{group.name}: none"
    return f"{group.name}: {len(group.values)}, from {group.values.min():.2f} to {group.values.max():.2f}"


def _svg(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
