"""Runs inside the virtual machine: what the records say, as one JSON. `rows.py [FIRST]`: from that part on."""

import json
import sqlite3
import sys
from collections import Counter

first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
database = sqlite3.connect("file:/var/lib/kensa/records.sqlite?mode=ro", uri=True, timeout=20)
database.row_factory = sqlite3.Row
rows = [dict(row) for row in database.execute("SELECT * FROM parts WHERE sequence >= ? ORDER BY sequence", (first,))]
print(
    json.dumps(
        {
            "integrity": database.execute("PRAGMA integrity_check").fetchone()[0],
            "begun": database.execute("SELECT begun FROM progress").fetchone()[0],
            "reasons": Counter(f"{row['outcome']}: {row['reason']}" for row in rows),
            "events": [f"{row['kind']}: {row['detail']}" for row in database.execute("SELECT * FROM events")],
            "parts": [
                {
                    "sequence": row["sequence"],
                    "outcome": row["outcome"],
                    "reason": row["reason"],
                    "distance": row["distance"],
                    "stages_ms": json.loads(row["stages_ms"]),
                    "times": [row[name] for name in ("triggered_ns", "exposed_ns", "judged_ns", "output_ns")],
                    "detail": row["detail"],
                }
                for row in rows
            ],
        }
    )
)
