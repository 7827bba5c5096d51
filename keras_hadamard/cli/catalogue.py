"""`keras-hadamard layers`."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_hadamard_cli.errors import InputError

if TYPE_CHECKING:
    from keras_hadamard.layers._catalogue import Row


def run(arguments: argparse.Namespace) -> int:
    from keras_hadamard import layers

    rows = [row for row in layers.catalogue() if arguments.domain in (None, row.domain)]
    if arguments.parts:
        wanted = {name for part in arguments.parts for name in _named(part, rows)}
        rows = [row for row in rows if row.name in wanted]
    if arguments.names:
        sys.stdout.writelines(f"{row.name}\n" for row in rows)
    elif arguments.markdown:
        sys.stdout.write(table(rows))
    else:
        sys.stdout.write("\n".join(map(_block, rows)))
    return 0


def _named(part: str, rows: "Sequence[Row]") -> list[str]:
    """The names with this part."""
    names = {row.name.lower(): row.name for row in rows}
    found = [name for lower, name in names.items() if part.lower() in lower]
    if not found:
        near = [repr(names[n]) for n in difflib.get_close_matches(part.lower(), names)]
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        raise InputError(f"Expected a part of the name of a layer{hint}. Received: {part!r}")
    return found


def _block(row: "Row") -> str:
    return (
        f"{row.name}  [{row.domain}]\n"
        f"  {row.summary.removesuffix('.')}\n"
        f"  equation    {row.equation}\n"
        f"  parameters  {row.weights}\n"
        f"  paper       {row.reference}  {row.link}\n"
    )


def table(rows: "Sequence[Row]") -> str:
    """A table in Markdown, each paper a link, as `docs/catalogue.md` has it."""
    lines = ["| domain | layer | paper |", "|---|---|---|"]
    lines += [
        f"| {row.domain.replace('_', ' ')} | `{row.name}` | [{row.reference}]({row.link}) |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
