"""The last parts judged again, in a process of its own: `python -m edge.commands.judge_again DATA MODEL LAST OUT`.

For the page, which must stay quick meanwhile. OUT is as of `edge records rejudge --json`, and appears when it is whole.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from edge.commands.loading import load_rejudge
from edge.commands.records import LAST_PARTS, counted, opened, write_json
from edge.database import reading
from edge.errors import EdgeError, RecordError
from edge.rejudge import Summary


def main(arguments: list[str] | None = None) -> int:
    """0 if OUT is there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("last", type=int)
    parser.add_argument("out")
    parser.add_argument("--own-product", action="store_true", help="only parts judged by models of the same product")
    options = parser.parse_args(arguments)
    try:
        with reading(options.data) as connection:
            last = connection.execute("SELECT coalesce(max(sequence), 0) FROM parts").fetchone()[0]
            first = connection.execute(LAST_PARTS, (last, options.last)).fetchone()[0]
        if first is None:
            raise RecordError("no part was recorded yet")
        again, model = load_rejudge(options.data, options.model, is_own_product=options.own_product)
        began_s, summary = time.monotonic(), Summary()
        with opened(options.out) as out:
            assert out is not None
            write_json(out, counted(again, summary, first, last, tell=False), summary, model, began_s)
    except EdgeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main())
