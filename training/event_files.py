"""Event files for TensorBoard, where somebody asked for them: the curves and figures of metrics.json, nothing more."""

from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import ExportError, TrainingError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from training.report import Findings

SEPARATION_STEPS = 10  # a separation is measured every so many steps


def open_writer(folder: Path) -> "SummaryWriter":
    """A writer of event files. Raises TrainingError where the package is not there, ExportError for such a folder."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError("--tensorboard needs a package that is not there: pip install tensorboard") from error
    try:
        return SummaryWriter(str(folder))
    except OSError as error:
        raise ExportError(f"no event files can be written to {folder}: {error.strerror}") from error


def write_events(writer: "SummaryWriter", findings: "Findings") -> None:
    """Loss of every step, separation of every tenth, and what the test parts gave; closes the writer."""
    trained, manifest, evaluation = findings.fitted.learned.trained, findings.bundle.manifest, findings.evaluation
    for step, loss in enumerate(trained.losses, start=1):
        writer.add_scalar("loss", loss, step)
    for number, separation in enumerate(trained.separations):
        writer.add_scalar("separation", separation, SEPARATION_STEPS * number + 1)
    figures = {"limit": manifest.limit.distance}
    if evaluation is not None:
        found = {"auroc": evaluation.auroc, "escapes": evaluation.escapes.share, "overkill": evaluation.overkills.share}
        figures |= {name: value for name, value in found.items() if value is not None and value == value}
    for name, value in figures.items():
        writer.add_scalar(f"test/{name}" if name != "limit" else name, value, len(trained.losses))
    training = manifest.training
    writer.add_text("settings", f"{training.loss}, {'-'.join(map(str, training.network))}, seed {training.seed}")
    writer.close()
