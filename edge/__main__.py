"""The command line of the device: `edge run`, `edge check` and others, each imported when it is asked for."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from edge.errors import EdgeError

COMMANDS = {
    "demo": "the whole appliance on this computer: simulated line, shipped model",
    "run": "the core: one verdict for every trigger",
    "web": "the operator page of a station",
    "tell": "give a running core a command: trigger, pause, resume, reset, status",
    "safe": "switch every output off and exit",
    "model": "the models of a station: list, show, install, activate, rollback",
    "check": "look at every part of a station, one line each",
    "replay": "judge every picture of a folder with a model",
    "records": "export what was recorded, judge it again, check the audit log",
    "bench": "how long each stage takes with a model",
}
DONE, FAILED, WRONG_USE = 0, 1, 2
THREADS_OF_LIBRARIES = ("OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0 when it is done and 1 when it failed; wrong use exits with 2."""
    for name in THREADS_OF_LIBRARIES:  # before these are loaded: a verdict must not wait for threads of no priority
        os.environ.setdefault(name, "1")
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    chosen = next((argument for argument in arguments if not argument.startswith("-")), "")
    parser = argparse.ArgumentParser(
        prog="edge", description="One part arrives, one picture is taken, one verdict leaves."
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = subparsers.add_parser(name, help=summary, description=f"edge {name}: {summary}.")
        if name == chosen:
            module = import_module(f"edge.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except EdgeError as error:
        print(f"edge {options.command}: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # `edge replay … | head`
        sys.stderr.close()
        return FAILED
    except KeyboardInterrupt:
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
