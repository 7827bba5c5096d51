"""The list of what the package offers, read off the layers themselves."""

import inspect
import re
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Row:
    """One layer of the catalogue."""

    name: str
    domain: str
    summary: str
    reference: str


def catalogue() -> list[Row]:
    """Returns a row for each public layer: its name, domain, summary and paper.

    Example:

    >>> [row.domain for row in keras_hadamard.layers.catalogue() if row.name == "MLB"]
    ['fusion']
    """
    from keras_hadamard import layers

    rows = []
    for name, layer in vars(layers).items():
        if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer):
            text = inspect.getdoc(layer) or ""
            paper = re.search(r"Reference:\s*- \[(.*?)\]", text, re.DOTALL)
            parts = layer.__module__.split(".")
            domain = parts[2] if len(parts) > 3 else "shared"
            summary = text.splitlines()[0]
            rows.append(
                Row(name, domain, summary, " ".join(paper.group(1).split()) if paper else "")
            )
    return sorted(rows, key=lambda row: (row.domain, row.name.lower()))
