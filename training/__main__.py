"""The command `training`: everything that is done on the workstation."""

import argparse
import sys
from importlib import import_module

from edge.errors import EdgeError

COMMANDS = (
    *("fit", "evaluate", "compare", "study", "connector", "mnist"),
    *("join", "keygen", "sign", "push", "collect", "corrected"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns 0 when done, 1 when the thing itself failed, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="training", description="Train, measure and export inspection models.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"training.commands.{name}").add_parser(subparsers)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.func(parsed))
    except EdgeError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `training evaluate … | head`
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print("training: stopped; nothing was written", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
