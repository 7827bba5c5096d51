"""`keras-hadamard search`."""

import argparse
import sys
from typing import Any

from keras_hadamard.cli.arguments import (
    ALGORITHMS,
    DEFAULT_SPACES,
    SPACES,
    natural,
    positive,
    seconds,
    spaces,
)
from keras_hadamard.cli.errors import FAILED, INTERRUPTED, InputError

DESCRIPTION = """\
Searches fusions and gates for a data set, compares the best with the concat baseline, and writes
trials.csv, trials.json, report.html, summary.txt, best.keras and serving/1/ to the run's folder.
The same command goes on with a search that was interrupted."""


def register(commands: Any) -> None:
    parser = commands.add_parser(
        "search", help="search fusions and gates for a data set", description=DESCRIPTION
    )
    add = parser.add_argument
    add("dataset", help="digits_vqa, sort_of_clevr, a TFDS name, a .npz file or a folder of arrays")
    add("--algorithm", choices=ALGORITHMS, default="random", help="default: %(default)s")
    add(
        "--space",
        type=spaces,
        default=DEFAULT_SPACES,
        metavar="NAMES",
        help=f"what is searched, of {','.join(SPACES)}; default: {','.join(DEFAULT_SPACES)}",
    )
    add("--max-trials", type=positive, default=12, metavar="N", help="default: %(default)s")
    add("--epochs", type=positive, metavar="N", help="the most for one training; default: 8")
    add(
        "--budget",
        type=seconds,
        metavar="TIME",
        help="wall time for the whole search: 600, 10m or 1h; default: no limit",
    )
    add("--seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    add("--batch-size", type=positive, metavar="N", help="default: 128")
    add("--data-dir", metavar="DIR", help="where TFDS keeps prepared data")
    add("--out", metavar="DIR", help="the run's folder; default: runs/DATASET")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from keras_hadamard.tuning.settings import SearchError, SearchSettings

    given = {
        "out": arguments.out,
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "data_dir": arguments.data_dir,
    }
    try:
        settings = SearchSettings(
            arguments.dataset,
            algorithm=arguments.algorithm,
            spaces=arguments.space,
            max_trials=arguments.max_trials,
            budget=arguments.budget,
            seed=arguments.seed,
            **{name: value for name, value in given.items() if value is not None},
        )
        from keras_hadamard.tuning.search import SearchFailed, search

        try:
            search(settings)
        except SearchFailed as error:
            sys.stderr.write(f"keras-hadamard: {error}\n")
            return FAILED
    except SearchError as error:
        raise InputError(str(error)) from error
    except KeyboardInterrupt:
        sys.stderr.write(
            "\nInterrupted. Finished trials are kept; the same command goes on from here.\n"
        )
        return INTERRUPTED
    return 0
