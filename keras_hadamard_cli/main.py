"""The entry point of every command: its result, one line on stderr, or an interrupt."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from keras_hadamard_cli import layers, report, search, serving
from keras_hadamard_cli.errors import BAD_INPUT, INTERRUPTED, InputError
from keras_hadamard_cli.parser import Commands, Parser, Version
from keras_hadamard_cli.quiet import start_quietly


def parser() -> Parser:
    top = Parser(
        prog="keras-hadamard",
        description="Hadamard-product methods of deep learning for Keras.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action=Version, nargs=0, help="print the version and exit")
    commands = Commands(top)
    search.register(commands)
    report.register(commands)
    serving.register(commands)
    layers.register(commands)
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
        top = parser()
        top.check_names(arguments)
        parsed = top.parse_args(arguments)
        for name, value in getattr(parsed, "environment", {}).items():
            os.environ.setdefault(name, value)
        start_quietly()
        return _command(parsed.run)(parsed)
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


def _command(where: str) -> Callable[..., int]:
    """Imports the function that runs a command."""
    module, name = where.split(":")
    run: Callable[..., int] = getattr(import_module(module), name)
    return run


def _one_line(message: str) -> int:
    sys.stderr.write(f"keras-hadamard: error: {' '.join(message.split())}\n")
    return BAD_INPUT
