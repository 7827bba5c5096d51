"""The parser of the command line, and its errors: one line each, with a suggestion."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from keras_hadamard_cli.errors import BAD_INPUT


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which knows what its options and commands are."""

    def __init__(self, **kwargs: Any) -> None:
        self.options: list[str] = []
        self.commands: dict[str, Parser] = {}
        super().__init__(**kwargs)

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        action = super().add_argument(*args, **kwargs)
        self.options += action.option_strings
        return action

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {' '.join(message.split())}\n")

    def check_names(self, arguments: Sequence[str]) -> None:
        """Refuses an unknown command or option before any other error."""
        for i, argument in enumerate(arguments):
            name = argument.partition("=")[0]
            if name == "--":
                return
            if name.startswith("--") or (self.commands and name.startswith("-")):
                if not any(option.startswith(name) for option in self.options):
                    self.refuse("option", name, self.options)
            elif self.commands:
                if name not in self.commands:
                    self.refuse("command", name, self.commands)
                self.commands[name].check_names(arguments[i + 1 :])
                return

    def refuse(self, kind: str, name: str, known: Iterable[str]) -> NoReturn:
        # Imported here: who types well does not wait for it.
        from difflib import get_close_matches

        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"{self.prog} --help lists what there is"
        self.error(f"there is no {kind} {name} ({hint})")


class Commands:
    """The commands of a parser."""

    def __init__(self, parser: Parser) -> None:
        self.known = parser.commands
        self.parsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add_parser(self, name: str, **kwargs: Any) -> Parser:
        self.known[name] = self.parsers.add_parser(name, **kwargs)
        return self.known[name]


class Version(argparse.Action):
    """Prints the version, which is read and not imported."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> NoReturn:
        sys.stdout.write(f"keras-hadamard {version()}\n")
        parser.exit()


def version() -> str:
    """The version of the package that would be imported."""
    import re
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("keras_hadamard")
    for folder in spec.submodule_search_locations or () if spec else ():
        text = (Path(folder) / "_version.py").read_text("utf-8")
        if match := re.search(r'__version__ = "(.+?)"', text):
            return match[1]
    raise ImportError("There is no package keras_hadamard.")
