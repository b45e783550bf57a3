"""Good parts become references: the picture, the channel means and every cell's unit space, with cross-fitting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.frame import Frame, Pixels
from edge.preprocess import CellStatistics, FloatArray, Placer, References, WorkingPicture, channels_of, log_distances
from edge.settings import MapSettings


def reference_picture(pixels: Sequence[Pixels]) -> Pixels:
    """Median of working pictures, uint8."""
    return np.median(np.stack(pixels), axis=0).astype(np.uint8)


def place_all(frames: Sequence[Frame], settings: MapSettings, *, rounds: int = 2) -> tuple[Placer, list[WorkingPicture]]:
    """Align good parts to their own median, which starts as the plain median of the frames."""
    from edge.alignment import Placement  # noqa

    first = frames[0]
    zero = Placement(x_px=0.0, y_px=0.0, rotation_rad=0.0, fit=1.0)
    seed = Placer(np.zeros((settings.grid.height_px, settings.grid.width_px, 3), np.uint8)[..., : 3 if first.is_colour else 1].squeeze(), settings, frame_width=first.width, frame_height=first.height)
    placed = [seed.place_at(frame, zero) for frame in frames]
    placer = seed
    for _ in range(rounds):
        placer = Placer(reference_picture([p.pixels for p in placed]), settings, frame_width=first.width, frame_height=first.height)
        placed = [placer.place(frame) for frame in frames]
    return placer, placed


def fit(pixels: Sequence[Pixels], settings: MapSettings, picture: Pixels) -> References:
    plain = np.float32
    total = None
    grey_ref = CellStatistics(np.zeros((*picture.shape[:2], len(settings.channels)), np.float32), picture, settings)
    for p in pixels:
        c = channels_of(p, settings.channels, gain=1.0 / grey_ref.gain(p))
        total = c.astype(np.float64) if total is None else total + c
    channels = (total / len(pixels)).astype(np.float32)
    stats = CellStatistics(channels, picture, settings)
    variables = np.stack([stats.of(p) for p in pixels])  # (N, cells, V)
    mean, whitening = unit_space(variables, settings.shrinkage)
    cells = mean.shape[0]
    return References(picture=picture, channels=channels, cell_mean=mean, cell_whitening=whitening,
                      log_mean=np.zeros(cells, np.float32), log_deviation=np.ones(cells, np.float32))


def unit_space(variables, shrinkage):
    mean = variables.mean(0)
    centred = variables - mean
    cov = np.einsum('ncv,ncw->cvw', centred, centred, optimize=True) / max(len(variables) - 1, 1)
    diag = np.einsum('cvv->cv', cov)
    pooled = diag.mean(0)
    target = 0.9 * diag + 0.1 * pooled + 1e-8
    cov = (1 - shrinkage) * cov
    idx = np.arange(cov.shape[1])
    cov[:, idx, idx] += shrinkage * target
    chol = np.linalg.cholesky(cov.astype(np.float64))
    inv = np.linalg.inv(chol)
    return mean.astype(np.float32), inv.astype(np.float32)
