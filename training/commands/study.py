"""`training study`: do stations agree (msa), and how many parts does a claim take (limit)?"""

import argparse
from pathlib import Path

from training.tool import share


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The options of both studies."""
    parser = subparsers.add_parser("study", help="do stations agree (msa); how many parts does a claim take (limit)")
    studies = parser.add_subparsers(required=True, metavar="STUDY")
    msa = studies.add_parser(
        "msa",
        help="attribute agreement of repeated looks at the same parts",
        description="TABLE is CSV with the columns part, truth (good or defective), station, repeat, verdict (OK, NG, "
        "FAULT). Every station must have looked at every part as often.",
    )
    msa.add_argument("table", type=Path, metavar="TABLE")
    msa.add_argument("--seed", type=int, default=0, help="of the resampling (0)")
    msa.add_argument("--json", type=Path, metavar="OUT", help="every figure")
    msa.add_argument("--html", type=Path, metavar="OUT", help="a page to print, in English and Japanese")
    msa.add_argument("--language", choices=["en", "ja"], default="en", help="which of the two the page shows first")
    msa.set_defaults(func=run_msa)
    limit = studies.add_parser("limit", help="how many more test parts until a rate can be said to be below so much")
    limit.add_argument("run", type=Path, metavar="RUN", help="folder of `training fit`, with test pictures")
    limit.add_argument("--escape", type=share, default=0.01, metavar="SHARE", help="escape rate wanted (0.01)")
    limit.add_argument("--overkill", type=share, metavar="SHARE", help="overkill wanted (what the limit was made for)")
    limit.add_argument("--json", type=Path, metavar="OUT", help="every figure")
    limit.set_defaults(func=run_limit)


def run_msa(arguments: argparse.Namespace) -> int:
    """Analyse and print."""
    from training.study.msa import agreement_of, read_looks
    from training.study.page import agreement_page
    from training.study.tables import agreement_text
    from training.tool import check_writable, write_json, write_text

    for path in (arguments.json, arguments.html):
        if path is not None:
            check_writable(path)
    found = agreement_of(read_looks(arguments.table), seed=arguments.seed)
    print(agreement_text(found))
    if arguments.json is not None:
        write_json(arguments.json, found)
    if arguments.html is not None:
        write_text(arguments.html, agreement_page(found, table=arguments.table.name, language=arguments.language))
    return 0


def run_limit(arguments: argparse.Namespace) -> int:
    """Count and print."""
    from training.errors import DataSetError
    from training.study.claims import claim_of
    from training.study.runs import read_run
    from training.study.tables import claims_text
    from training.tool import check_writable, write_json

    if arguments.json is not None:
        check_writable(arguments.json)
    run = read_run(arguments.run)
    wanted = run.overkill_target if arguments.overkill is None else arguments.overkill
    try:
        claims = [("escapes", claim_of(run.escapes, arguments.escape)), ("overkill", claim_of(run.overkills, wanted))]
        claims += [(f"escapes, {label}", claim_of(rate, arguments.escape)) for label, rate in run.per_defect.items()]
    except ValueError as error:
        raise DataSetError(str(error)) from error
    print(claims_text(claims))
    if arguments.json is not None:
        write_json(arguments.json, dict(claims))
    return 0
