"""The list of all layers, read from their docstrings."""

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
    equation: str
    weights: str
    reference: str
    link: str
    # Its file, from the root of the repository.
    file: str


def catalogue() -> list[Row]:
    """Returns a row for each public layer: its equation, its size and its paper.

    `equation` is a formula of the output; `weights` is an expression for the number of trainable
    weights, in the names of the layer's arguments and inputs.

    Example:

    >>> rows = {row.name: row for row in keras_hadamard.layers.catalogue()}
    >>> rows["MLB"].domain, rows["GatedDense"].weights
    ('fusion', '2 * (width + 1) * units')
    """
    from keras_hadamard import layers

    rows = []
    for name, layer in vars(layers).items():
        if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer):
            text = inspect.getdoc(layer) or ""
            parts = layer.__module__.split(".")
            paper = re.search(r"\[(.*?)\]\(\s*(.*?)\)", section(text, "Reference"), re.DOTALL)
            equations = [f for f in _formulas(text.partition("\nArgs:")[0]) if " = " in f]
            weights = _formulas(section(text, "Weights"))
            rows.append(
                Row(
                    name=name,
                    domain=parts[2] if len(parts) > 3 else "shared",
                    summary=text.splitlines()[0],
                    equation=equations[0] if equations else "",
                    weights=weights[0] if weights else "",
                    reference=" ".join(paper.group(1).split()) if paper else "",
                    link=paper.group(2) if paper else "",
                    file=f"{layer.__module__.replace('.', '/')}.py",
                )
            )
    return sorted(rows, key=lambda row: (row.domain, row.name.lower()))


def section(text: str, title: str) -> str:
    """A section of a docstring without its title, empty where there is none."""
    found = re.search(rf"^{title}:\n((?: .*\n?|\n)*)", text, re.MULTILINE)
    return found.group(1) if found else ""


def _formulas(text: str) -> list[str]:
    """The texts between backquotes, each on one line."""
    return [" ".join(formula.split()) for formula in re.findall(r"`([^`]*)`", text)]
