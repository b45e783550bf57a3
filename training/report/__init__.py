"""What a run tells people and programs: report.html and metrics.json, from the same findings."""

from training.report.findings import Findings, findings_of, metrics_of
from training.report.page import report_of

__all__ = ["Findings", "findings_of", "metrics_of", "report_of"]
