"""Everything that is known of one part, and the good part that looks most like it."""

import json
import sqlite3
from dataclasses import dataclass

import numpy as np

from edge.corrections import PartName
from edge.frame import Pixels
from edge.history import PartRow, parts_of
from edge.record import Imaging, ModelName

COMPARED_PARTS = 500  # good ones on either side
STORY = """
    SELECT parts.*, boots.boot_id, models.product, models.serial, models.sha256, models.map_sha256,
        models.calibrated_limit, maps.levels, pictures.class AS picture_class,
        (SELECT 1 FROM working_pictures AS seen WHERE seen.sequence = parts.sequence) AS has_working,
        (SELECT max(sequence) FROM parts AS other WHERE other.sequence < parts.sequence) AS before,
        (SELECT min(sequence) FROM parts AS other WHERE other.sequence > parts.sequence) AS after
    FROM parts JOIN boots ON boots.number = parts.boot LEFT JOIN models ON models.number = parts.model
    LEFT JOIN maps USING (sequence) LEFT JOIN pictures USING (sequence)
    WHERE parts.sequence = ?
"""
GOOD_MAPS = """
    SELECT parts.sequence, maps.levels FROM
        (SELECT sequence FROM parts INDEXED BY parts_to_search
         WHERE outcome = 'OK' AND sequence {side} :sequence ORDER BY sequence {order} LIMIT :most) AS good
    JOIN parts USING (sequence) JOIN maps USING (sequence)
    WHERE parts.model = (SELECT model FROM parts WHERE sequence = :sequence) AND length(maps.levels) = :cells
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One part. Times are monotonic nanoseconds of one boot, None for what did not happen.

    name: for corrections. stages_ms: what each stage took. cell_map: (rows, columns) uint8. has_working: its working
    picture is there; picture_class: why its whole picture was kept, None if it was not, or no more. before, after: the
    parts beside it.
    """

    row: PartRow
    name: PartName
    triggered_ns: int
    exposed_ns: int | None
    judged_ns: int | None
    output_ns: int | None
    stages_ms: dict[str, float]
    source: str
    model: ModelName | None
    imaging: Imaging | None
    cell: tuple[int, int] | None
    cell_map: Pixels | None
    has_working: bool
    picture_class: str | None
    before: int | None
    after: int | None


def story_of(connection: sqlite3.Connection, sequence: int) -> Story | None:
    """Everything of one part, None if it is not recorded."""
    row = connection.execute(STORY, (sequence,)).fetchone()
    if row is None:
        return None
    return Story(
        row=parts_of(connection, [sequence])[0],
        name=PartName(
            sequence=sequence,
            triggered_ns=row["triggered_ns"],
            boot_id=row["boot_id"],
            model_sha256=row["sha256"] or "",
            outcome=row["outcome"],
        ),
        triggered_ns=row["triggered_ns"],
        exposed_ns=row["exposed_ns"],
        judged_ns=row["judged_ns"],
        output_ns=row["output_ns"],
        stages_ms=json.loads(row["stages_ms"]),
        source=row["source"],
        model=_model(row),
        imaging=_imaging(row),
        cell=None if row["cell_row"] is None else (row["cell_row"], row["cell_column"]),
        cell_map=_map(row),
        has_working=bool(row["has_working"]),
        picture_class=row["picture_class"],
        before=row["before"],
        after=row["after"],
    )


def nearest_good(connection: sqlite3.Connection, story: Story) -> int | None:
    """The OK part, among some hundreds before and after that the same model judged, whose map is most like this one's.

    None if there is none, or this part has no map.
    """
    if story.cell_map is None:
        return None
    values = {"sequence": story.row.sequence, "most": COMPARED_PARTS, "cells": story.cell_map.size}
    found = [
        row
        for side, order in (("<", "DESC"), (">", "ASC"))
        for row in connection.execute(GOOD_MAPS.format(side=side, order=order), values).fetchall()
    ]
    if not found:
        return None
    maps = np.frombuffer(b"".join(row["levels"] for row in found), np.uint8).reshape(len(found), -1)
    differences = maps.astype(np.int32) - story.cell_map.reshape(-1)
    return int(found[int(np.argmin(np.square(differences).sum(axis=1)))]["sequence"])


def _map(row: sqlite3.Row) -> Pixels | None:
    if row["levels"] is None:
        return None
    return np.frombuffer(row["levels"], np.uint8).reshape(row["map_rows"], row["map_columns"])


def _model(row: sqlite3.Row) -> ModelName | None:
    if row["sha256"] is None:
        return None
    return ModelName(
        product=row["product"],
        serial=row["serial"],
        sha256=row["sha256"],
        map_sha256=row["map_sha256"],
        calibrated_limit=row["calibrated_limit"],
    )


def _imaging(row: sqlite3.Row) -> Imaging | None:
    if row["light_gain"] is None:
        return None
    return Imaging(
        light_gain=row["light_gain"],
        sharpness=row["sharpness"],
        shift_x_percent=row["shift_x_percent"],
        shift_y_percent=row["shift_y_percent"],
        rotation_degrees=row["rotation_degrees"],
        fit=row["fit"],
    )
