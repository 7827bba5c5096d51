"""The parser, and how every command ends: a result, one line on stderr, or word of an interrupt."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from keras_hadamard._version import __version__
from keras_hadamard.cli import catalogue, report, search, serving
from keras_hadamard.cli.errors import BAD_INPUT, INTERRUPTED, InputError
from keras_hadamard.cli.quiet import start_quietly

# Nothing heavier than argparse is imported before the arguments are known to be right.


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {' '.join(message.split())}\n")


def parser() -> Parser:
    top = Parser(prog="keras-hadamard", description=__doc__, allow_abbrev=False)
    top.description = "Hadamard-product methods of deep learning for Keras."
    top.add_argument("--version", action="version", version=f"keras-hadamard {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    search.register(commands)
    report.register(commands)
    serving.register(commands)
    catalogue.register(commands)
    commands.add_parser("bench", help="measure the package on this machine", add_help=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code.

    Args:
        argv: Sequence of strings. Defaults to `None`, the arguments of the process.

    Returns:
        0 on success, 1 if a check or a search failed, 2 on bad input, 130 after an interrupt.

    Example:

    >>> keras_hadamard.cli.main(["export", "no-such.keras", "models"])
    2
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["bench"]:
            return _bench(arguments[1:])
        parsed = parser().parse_args(arguments)
        start_quietly()
        code: int = parsed.run(parsed)
        return code
    except SystemExit as exit_:  # from argparse; a caller in Python gets the code
        return exit_.code if isinstance(exit_.code, int) else BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away; Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (InputError, ImportError) as error:
        return _one_line(str(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _one_line(f"The disk is full; what was finished is kept. Received: {error}")
        return _one_line(str(error))


def _bench(arguments: Sequence[str]) -> int:
    from keras_hadamard import bench

    code: int = bench.main(list(arguments))
    return code


def _one_line(message: str) -> int:
    sys.stderr.write(f"keras-hadamard: error: {' '.join(message.split())}\n")
    return BAD_INPUT
