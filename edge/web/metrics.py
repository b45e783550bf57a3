"""What the station says to Prometheus: its text format, version 0.0.4. A dashboard that reads it is `grafana.json`.

Numbers of parts and times are sums that the records keep, so an answer costs the same however many parts there are.
"""

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge.database import FILE_NAME, reading
from edge.errors import RecordError
from edge.heartbeat import Beat, read_beat
from edge.rollups import LEVELS_S, STAGE_BINS_MS
from edge.state import Phase
from edge.verdict import Reason, outcome_of
from edge.watchers import SYS, processor_c
from edge.web.reader import STALE_MS
from edge.web.site import Site

CONTENT_TYPE = "text/plain; version=0.0.4"
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """One name with its values. kind: gauge, counter or histogram. values: suffix of the name, labels, value."""

    name: str
    kind: str
    words: str
    values: Sequence[tuple[str, Labels, float]] = ()

    def lines(self) -> Iterator[str]:
        """Its lines in the text format."""
        yield f"# HELP {self.name} {self.words}"
        yield f"# TYPE {self.name} {self.kind}"
        for suffix, labels, value in self.values:
            said = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{suffix}{{{said}}} {value:.15g}" if said else f"{self.name}{suffix} {value:.15g}"


def metrics_text(folder: Path, *, sys: Path = SYS) -> str:
    """Everything about the station that keeps its records in this folder; what cannot be told is left out."""
    found = [*_of_core(read_beat(folder)), *_of_machine(folder, sys)]
    is_readable = 1.0
    try:
        with reading(folder) as connection:
            found += [_parts(connection), _stages(connection), *_last_part(connection), *_pictures(connection)]
    except RecordError:
        is_readable = 0.0
    found.append(_gauge("kensa_records_readable", "1 if the records can be read.", is_readable))
    return "".join(f"{line}\n" for metric in found for line in metric.lines())


def routes(site: Site) -> list[Route]:
    """The addresses of this room."""

    async def metrics(_: Request) -> Response:
        text = await run_in_threadpool(metrics_text, site.data)
        return PlainTextResponse(text, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

    return [Route("/metrics", metrics)]


def _of_core(beat: Beat | None) -> list[Metric]:
    is_alive = beat is not None and beat.is_alive(now_ns=time.monotonic_ns(), stale_ms=STALE_MS)
    phase = beat.phase if beat is not None and is_alive else ""
    found = [
        _gauge("kensa_core_alive", "1 if the core has said within a second that it works.", float(is_alive)),
        _gauge("kensa_ready", "1 if the next part may come.", float(phase in (Phase.READY, Phase.EXECUTING))),
    ]
    phases = [("", {"phase": one.value}, float(one.value == phase)) for one in Phase]
    found.append(Metric("kensa_phase", "gauge", "1 for what the station is doing.", phases))
    if beat is not None and beat.model_serial is not None:
        labels = {"product": beat.model_product, "serial": str(beat.model_serial), "sha256": beat.model_sha256}
        found.append(Metric("kensa_model_info", "gauge", "The model that judges.", [("", labels, 1.0)]))
        found.append(_gauge("kensa_model_serial", "Serial number of the model that judges.", beat.model_serial))
    return found


def _of_machine(folder: Path, sys: Path) -> list[Metric]:
    found = []
    try:
        usage = shutil.disk_usage(folder)
        found.append(_gauge("kensa_disk_free_bytes", "Free on the disk of the records.", usage.free))
        found.append(_gauge("kensa_disk_size_bytes", "Size of the disk of the records.", usage.total))
        found.append(_gauge("kensa_database_bytes", "Size of the records.", (folder / FILE_NAME).stat().st_size))
    except OSError:
        pass  # there is none yet; `kensa_records_readable` says so
    if (celsius := processor_c(sys)) is not None:
        found.append(_gauge("kensa_temperature_celsius", "Temperature of the processor.", celsius))
    return found


def _parts(connection: sqlite3.Connection) -> Metric:
    """Every reason is there from the beginning, so that its first part shows as a step."""
    numbers = {(outcome_of(reason).value, reason.value): 0 for reason in Reason}
    query = "SELECT outcome, reason, sum(number) FROM counts WHERE level_s = ? GROUP BY outcome, reason"
    numbers |= {(row[0], row[1]): row[2] for row in connection.execute(query, (LEVELS_S[-1],)).fetchall()}
    values = [("", {"outcome": outcome, "reason": reason}, float(number))
              for (outcome, reason), number in numbers.items()]  # fmt: skip
    return Metric("kensa_parts_total", "counter", "Parts recorded, by outcome and reason.", values)


def _stages(connection: sqlite3.Connection) -> Metric:
    rows = connection.execute("SELECT stage, at_most_ms, number, total_ms FROM stage_times").fetchall()
    values: list[tuple[str, Labels, float]] = []
    for stage in sorted({row["stage"] for row in rows}):
        numbers = {row["at_most_ms"]: row["number"] for row in rows if row["stage"] == stage}
        so_far = 0
        for bound_ms in STAGE_BINS_MS:
            so_far += numbers.get(bound_ms, 0)
            bound = "+Inf" if bound_ms == STAGE_BINS_MS[-1] else f"{bound_ms / 1000:g}"
            values.append(("_bucket", {"stage": stage, "le": bound}, so_far))
        total_ms = sum(row["total_ms"] for row in rows if row["stage"] == stage)
        values.append(("_sum", {"stage": stage}, total_ms / 1000))
        values.append(("_count", {"stage": stage}, so_far))
    words = "How long each stage took; takt: from trigger to outputs."
    return Metric("kensa_stage_seconds", "histogram", words, values)


def _last_part(connection: sqlite3.Connection) -> list[Metric]:
    row = connection.execute("SELECT sequence, wall_ns FROM parts ORDER BY sequence DESC LIMIT 1").fetchone()
    if row is None:
        return []
    return [
        _gauge("kensa_last_part_sequence", "Number of the last part.", row["sequence"]),
        _gauge("kensa_last_part_timestamp_seconds", "When the last part came.", row["wall_ns"] / 1e9),
    ]


def _pictures(connection: sqlite3.Connection) -> list[Metric]:
    rows = connection.execute("SELECT class, number, bytes FROM kept ORDER BY class").fetchall()
    numbers = [("", {"class": row["class"]}, float(row["number"])) for row in rows]
    sizes = [("", {"class": row["class"]}, float(row["bytes"])) for row in rows]
    query = "SELECT class, wall_ns FROM pictures WHERE sequence IN (SELECT min(sequence) FROM pictures GROUP BY class)"
    oldest = [("", {"class": row["class"]}, row["wall_ns"] / 1e9) for row in connection.execute(query).fetchall()]
    return [
        Metric("kensa_pictures", "gauge", "Pictures kept, by class.", numbers),
        Metric("kensa_picture_bytes", "gauge", "Bytes of the pictures kept, by class.", sizes),
        Metric("kensa_oldest_picture_timestamp_seconds", "gauge", "When the oldest picture was taken.", oldest),
    ]


def _gauge(name: str, words: str, value: float) -> Metric:
    return Metric(name, "gauge", words, [("", {}, value)])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
