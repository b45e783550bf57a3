"""The tables of the records, and the steps by which older ones became them.

`parts` is narrow, so that history and trends read little; maps and working pictures lie beside it. `counts`,
`measures` and `takts` add up what was recorded, for each ten minutes and each day (`rollups.py`).
"""

from edge.migrations import Step
from edge.rollups import add_all

VERSION_1 = """
    CREATE TABLE parts (
        sequence INTEGER PRIMARY KEY,
        boot_id TEXT NOT NULL,
        triggered_ns INTEGER NOT NULL,
        exposed_ns INTEGER,
        judged_ns INTEGER,
        output_ns INTEGER,
        wall_ns INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('OK', 'NG', 'FAULT')),
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        distance REAL,
        distance_limit REAL,
        nearest_label TEXT,
        cell_row INTEGER,
        cell_column INTEGER,
        model_product TEXT,
        model_serial INTEGER,
        model_sha256 TEXT,
        stages_ms TEXT NOT NULL,
        source TEXT NOT NULL,
        is_late INTEGER NOT NULL CHECK (is_late IN (0, 1)),
        map_rows INTEGER,
        map_columns INTEGER,
        map BLOB,
        picture TEXT,
        picture_bytes INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX parts_by_outcome ON parts (outcome, sequence);
    CREATE INDEX parts_with_picture ON parts (sequence) WHERE picture IS NOT NULL;
    CREATE TABLE progress (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        begun INTEGER NOT NULL,
        gap_told INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress VALUES (1, 0, 0);
    CREATE TABLE events (
        number INTEGER PRIMARY KEY,
        wall_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
"""

# Margin is distance as a share of the limit. `parts_to_search` holds whatever history can be searched for; good parts
# near the limit are rare among all the others, and have an index of their own.
VERSION_2 = """
    ALTER TABLE parts RENAME TO old_parts;
    DROP INDEX parts_by_outcome;
    DROP INDEX parts_with_picture;

    CREATE TABLE boots (number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE models (
        number INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL UNIQUE,
        product TEXT NOT NULL,
        serial INTEGER NOT NULL,
        map_sha256 TEXT NOT NULL,
        calibrated_limit REAL
    ) STRICT;
    CREATE TABLE parts (
        sequence INTEGER PRIMARY KEY,
        boot INTEGER NOT NULL REFERENCES boots (number),
        model INTEGER REFERENCES models (number),
        triggered_ns INTEGER NOT NULL,
        exposed_ns INTEGER,
        judged_ns INTEGER,
        output_ns INTEGER,
        wall_ns INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('OK', 'NG', 'FAULT')),
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        distance REAL,
        distance_limit REAL,
        margin REAL AS (distance / distance_limit),
        nearest_label TEXT,
        cell_row INTEGER,
        cell_column INTEGER,
        map_rows INTEGER,
        map_columns INTEGER,
        light_gain REAL,
        sharpness REAL,
        shift_x_percent REAL,
        shift_y_percent REAL,
        rotation_degrees REAL,
        fit REAL,
        stages_ms TEXT NOT NULL,
        source TEXT NOT NULL,
        is_late INTEGER NOT NULL CHECK (is_late IN (0, 1))
    ) STRICT;
    CREATE TABLE maps (sequence INTEGER PRIMARY KEY, levels BLOB NOT NULL) STRICT;
    CREATE TABLE working_pictures (sequence INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL, jpeg BLOB NOT NULL) STRICT;
    CREATE TABLE pictures (
        sequence INTEGER PRIMARY KEY,
        wall_ns INTEGER NOT NULL,
        class TEXT NOT NULL CHECK (class IN ('ng', 'fault', 'borderline', 'ok')),
        path TEXT NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE kept (class TEXT PRIMARY KEY, number INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;

    CREATE TABLE counts (
        level_s INTEGER NOT NULL,
        began_s INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        number INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (level_s, began_s, outcome, reason)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE measures (
        level_s INTEGER NOT NULL,
        began_s INTEGER NOT NULL,
        quantity TEXT NOT NULL,
        number INTEGER NOT NULL,
        total REAL NOT NULL,
        squares REAL NOT NULL,
        least REAL NOT NULL,
        most REAL NOT NULL,
        PRIMARY KEY (level_s, began_s, quantity)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE takts (
        level_s INTEGER NOT NULL,
        began_s INTEGER NOT NULL,
        bin INTEGER NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (level_s, began_s, bin)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE stage_times (
        stage TEXT NOT NULL,
        at_most_ms REAL NOT NULL,
        number INTEGER NOT NULL,
        total_ms REAL NOT NULL,
        PRIMARY KEY (stage, at_most_ms)
    ) STRICT, WITHOUT ROWID;

    INSERT INTO boots (boot_id) SELECT DISTINCT boot_id FROM old_parts;
    INSERT INTO models (sha256, product, serial, map_sha256)
        SELECT DISTINCT model_sha256, model_product, model_serial, '' FROM old_parts WHERE model_sha256 IS NOT NULL;
    INSERT INTO parts (sequence, boot, model, triggered_ns, exposed_ns, judged_ns, output_ns, wall_ns, outcome, reason,
            detail, distance, distance_limit, nearest_label, cell_row, cell_column, map_rows, map_columns, stages_ms,
            source, is_late)
        SELECT sequence, boots.number, models.number, triggered_ns, exposed_ns, judged_ns, output_ns, wall_ns, outcome,
            reason, detail, distance, distance_limit, nearest_label, cell_row, cell_column, map_rows, map_columns,
            stages_ms, source, is_late
        FROM old_parts JOIN boots USING (boot_id) LEFT JOIN models ON models.sha256 = model_sha256 ORDER BY sequence;
    INSERT INTO maps SELECT sequence, map FROM old_parts WHERE map IS NOT NULL ORDER BY sequence;
    INSERT INTO pictures SELECT sequence, wall_ns, lower(outcome), picture, picture_bytes
        FROM old_parts WHERE picture IS NOT NULL ORDER BY sequence;
    INSERT INTO kept SELECT class, count(*), sum(bytes) FROM pictures GROUP BY class;
    DROP TABLE old_parts;

    CREATE INDEX parts_to_search ON parts (outcome, sequence, margin, wall_ns, nearest_label);
    CREATE INDEX good_parts_by_margin ON parts (margin, sequence, wall_ns) WHERE outcome = 'OK';
    CREATE INDEX pictures_by_class ON pictures (class, sequence);
    ALTER TABLE progress ADD COLUMN newest_wall_ns INTEGER NOT NULL DEFAULT 0;
    UPDATE progress SET newest_wall_ns = (SELECT coalesce(max(wall_ns), 0) FROM parts);
"""

# A core that ends in order says so; the next one knows otherwise that a part may have come in the last instant.
VERSION_3 = "ALTER TABLE progress ADD COLUMN is_running INTEGER NOT NULL DEFAULT 0 CHECK (is_running IN (0, 1));"

# What a model's working pictures show of a frame; all of it, until models could look at a part of it.
VERSION_4 = "ALTER TABLE models ADD COLUMN window TEXT NOT NULL DEFAULT '';"

STEPS = (Step(script=VERSION_1), Step(script=VERSION_2, then=add_all), Step(script=VERSION_3), Step(script=VERSION_4))
VERSION = len(STEPS)
