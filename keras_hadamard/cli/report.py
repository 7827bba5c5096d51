"""`keras-hadamard report`."""

import argparse
import sys

from keras_hadamard_cli.errors import InputError


def run(arguments: argparse.Namespace) -> int:
    from keras_hadamard.search.rebuild import load_run, rebuild_report, side_by_side
    from keras_hadamard.search.settings import SearchError
    from keras_hadamard.search.table import aligned

    try:
        if arguments.compare:
            rows = side_by_side([load_run(folder) for folder in arguments.folders])
            # A column for each run: configurations are long.
            sys.stdout.write(aligned(list(zip(*rows, strict=True))) + "\n")
        else:
            for folder in arguments.folders:
                rebuild_report(folder)
                sys.stdout.write(f"{folder}/report.html\n")
    except SearchError as error:
        raise InputError(str(error)) from error
    return 0
