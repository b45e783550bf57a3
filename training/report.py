"""What a run tells people and programs: metrics.json and report.html."""

from training.evaluate import Evaluation, as_json
from training.fit import Fitted


def metrics_of(fitted: Fitted, evaluation: Evaluation | None, *, seconds: float) -> dict[str, object]:
    """Everything measured in one run, as plain values."""
    manifest = fitted.bundle.manifest
    return {
        "bundle_sha256": fitted.bundle.sha256,
        "training": manifest.training.model_dump(mode="json"),
        "seconds": round(seconds, 1),
        "limit": manifest.limit.model_dump(mode="json"),
        "separation_in_training": fitted.learned.trained.separation,
        "onnx_parity": fitted.parity,
        "invisible_synthetic_defects": fitted.learned.good.invisible,
        "visible_synthetic_defects": len(fitted.learned.good.residues),
        "test": None if evaluation is None else as_json(evaluation),
    }


def report_of(fitted: Fitted, evaluation: Evaluation | None, metrics: dict[str, object]) -> str:
    """One self-contained HTML page."""
    return "<!doctype html><title>report</title>"
