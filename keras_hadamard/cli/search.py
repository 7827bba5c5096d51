"""`keras-hadamard search`."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from keras_hadamard_cli.errors import FAILED, INTERRUPTED, NO_MODEL, TERMINATED, InputError
from keras_hadamard_cli.search import given


def run(arguments: argparse.Namespace) -> int:
    from keras_hadamard.search.search import Search, SearchFailed
    from keras_hadamard.search.settings import SearchError, SearchSettings

    try:
        with terminable():
            search = Search(SearchSettings(**given(arguments)))
            try:
                found = search.run()
            except SearchFailed as error:
                sys.stderr.write(f"keras-hadamard: {error}\n")
                return FAILED
            except KeyboardInterrupt as interrupt:
                return _interrupted(interrupt, len(search.records.trials))
    except SearchError as error:
        raise InputError(str(error)) from error
    return 0 if found.best is not None else NO_MODEL


class Terminated(KeyboardInterrupt):
    """The process was asked to end, as by `kill` or a cluster's scheduler."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Ends on SIGTERM as on Ctrl-C: finished work is kept and reported."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupted(interrupt: KeyboardInterrupt, trials: int) -> int:
    terminated = isinstance(interrupt, Terminated)
    how = "Terminated" if terminated else "Interrupted"
    kept = f"The {trials} finished trials are kept; the same command resumes from here."
    sys.stderr.write(f"\n{how}. {kept}\n")
    return TERMINATED if terminated else INTERRUPTED
