"""The formula that a layer's docstring has for its weights counts them."""

import inspect
import math
import re

import keras
import pytest
from harness.layer_cases import PUBLIC, all_cases

from keras_hadamard import layers
from keras_hadamard.layers._catalogue import section

CASES = all_cases()
FORMULAS = {row.name: row.weights for row in layers.catalogue()}
BUILTINS = {
    f.__name__: f for f in (sum, len, max, min, range, zip, math.prod, math.ceil, math.log2)
}
# No argument that is called like this has a part in the weights.
WITHOUT_WEIGHTS = re.compile("activation|dropout|seed")


def of_inputs(shapes):
    """The names of the inputs' sizes; one input's last axis is called as the docstring calls it."""
    widths = [shape[-1] for shape in shapes]
    return {
        **dict.fromkeys(("width", "channels", "features"), widths[0]),
        **{f"width_{i + 1}": width for i, width in enumerate(widths)},
        "widths": widths,
        "positions": shapes[0][0],
        "modalities": len(shapes),
        "fields": len(shapes) if len(shapes) > 1 else shapes[0][0],
    }


def defaults(name):
    return {p.name: p.default for p in inspect.signature(PUBLIC[name]).parameters.values()}


def names(name, layer, case):
    """All that a formula may speak of."""
    found = defaults(name) | case.kwargs
    attributes = {argument: getattr(layer, argument, None) for argument in found}
    found |= {argument: value for argument, value in attributes.items() if value is not None}
    found |= {**of_inputs(case.shapes), "__builtins__": BUILTINS}
    # What the docstring says that an argument of None is, as in "`rank` = `units`".
    told = " ".join(section(inspect.getdoc(PUBLIC[name]), "Weights").split())
    for argument, value in re.findall(r"`(\w+)` = `([^`]+)`", told):
        if found[argument] is None:
            found[argument] = eval(value, found)
    return found


def holds_for(name, case):
    """Whether a case differs from the plain one in nothing but what the formula speaks of."""
    plain, spoken_of = defaults(name) | CASES[name].kwargs, re.findall(r"\w+", FORMULAS[name])
    return case.make is CASES[name].make and all(
        plain.get(argument) == value
        or (argument in spoken_of and value is not None)
        or WITHOUT_WEIGHTS.search(argument)
        for argument, value in case.kwargs.items()
    )


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_formula_counts_the_trainable_weights(name):
    assert name in CASES, "no plain case"
    for label, case in CASES.items():
        if label.partition("-")[0] == name and holds_for(name, case):
            layer = case.build()
            layer(case.symbolic())
            counted = sum(math.prod(weight.shape) for weight in layer.trainable_weights)
            assert eval(FORMULAS[name], names(name, layer, case)) == counted, label


def lists_within_lists(layer):
    """The attributes that hold sublayers in a container within a container."""
    for name, value in vars(layer).items():
        held = value.values() if isinstance(value, dict) else value
        if not name.startswith("_") and isinstance(value, list | tuple | dict):
            inner = [part for part in held if isinstance(part, list | tuple | dict)]
            if any(isinstance(x, keras.layers.Layer) for x in keras.tree.flatten(inner)):
                yield name
    for sublayer in layer._layers:
        yield from lists_within_lists(sublayer)


@pytest.mark.parametrize("name", PUBLIC)
def test_no_sublayers_in_lists_within_lists(name):
    """Keras saves them from 3.15 on only, and leaves them out before without a word."""
    case = next(case for each, case in CASES.items() if each.split("-")[0] == name)
    layer = case.build()
    shapes = [(None, *shape) for shape in case.shapes]
    layer.build(shapes if case.many else shapes[0])
    assert list(lists_within_lists(layer)) == []
