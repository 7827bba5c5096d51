"""Recurrent layers by name, Keras's own among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from keras_hadamard._core.checks import positive_int
from keras_hadamard.layers import modulation
from keras_hadamard.layers.registry.base import Entry, Make, Registry, drawn_by


@dataclass(frozen=True)
class Recurrence(Entry):
    """A named recurrent layer.

    `make` takes the width of the state, the index in a stack from zero, and the depth of the stack.
    """

    # Whether a state is cheap, so that it may be wider than the output of the layer.
    wide: bool = True


def _plain(layer: Make) -> Make:
    return lambda units, place, depth, **kwargs: layer(units, **kwargs)


def _hgrn(units: int, place: int, depth: int, **kwargs: Any) -> keras.layers.Layer:
    """A layer near the output has a higher bound, so that it remembers longer."""
    bounds = place / depth, (place + 1) / depth
    return modulation.HGRN(units, **{"lower_bound": bounds, **kwargs})


RECURRENCES: Registry[Recurrence] = Registry(
    "recurrence",
    {
        "gru": Recurrence(_plain(keras.layers.GRU), wide=False),
        "lstm": Recurrence(_plain(keras.layers.LSTM), wide=False),
        "min_gru": Recurrence(_plain(modulation.MinGRU)),
        "min_lstm": Recurrence(_plain(modulation.MinLSTM)),
        "hgrn": Recurrence(_hgrn),
        "rglru": Recurrence(_plain(modulation.RGLRU)),
        "qrnn": Recurrence(_plain(modulation.QRNN)),
        "sru": Recurrence(_plain(modulation.SRU)),
        "multiplicative_lstm": Recurrence(_plain(modulation.MultiplicativeLSTM), wide=False),
    },
)


def register_recurrence(
    name: str, layer: Make, choices: Mapping[str, Sequence[Any]] | None = None
) -> Make:
    """Registers a custom recurrent layer under a name for search spaces.

    Args:
        name: String, the name. A name of the package's own is refused; one of yours may be
            registered again.
        layer: A layer class, or a function that returns a layer; called with the width of its
            state, and with `return_sequences` and the drawn `choices` as keywords.
        choices: Dict from names of arguments to the values that a search may give them, the default
            first. Defaults to `None`: there is nothing to draw.

    Returns:
        The layer, so that this call can be the last line of its module.

    Raises:
        ValueError: If the name is empty or one of the package's own, the layer cannot be called, or
            a choice has no values.

    Example:

    >>> _ = keras_hadamard.layers.register_recurrence("simple", keras.layers.SimpleRNN)
    >>> layer = keras_hadamard.layers.get_recurrence("simple", 3, return_sequences=True)
    >>> layer(keras.ops.ones((2, 9, 4))).shape
    TensorShape([2, 9, 3])
    """
    make = _plain(layer) if callable(layer) else layer
    RECURRENCES.register(name, Recurrence(make, *drawn_by(name, choices), wide=False))
    return layer


def get_recurrence(identifier: str, units: int, **arguments: Any) -> keras.layers.Layer:
    """Returns a new recurrent layer by its name.

    Args:
        identifier: String, one of `"gru"`, `"lstm"`, `"min_gru"`, `"min_lstm"`, `"hgrn"`,
            `"rglru"`, `"qrnn"`, `"sru"`, `"multiplicative_lstm"`, or a name given by
            `register_recurrence`.
        units: Positive integer, the width of the state.
        **arguments: Arguments of the layer, such as `return_sequences`.

    Returns:
        A `keras.layers.Layer`, not built yet, that takes `(batch, steps, width)`.

    Raises:
        ValueError: If there is no such recurrence; the error lists the nearest names.

    Example:

    >>> layer = keras_hadamard.layers.get_recurrence("min_gru", 3)
    >>> layer(keras.ops.ones((2, 9, 4))).shape
    TensorShape([2, 3])
    """
    return RECURRENCES[identifier].make(positive_int("units", units), 0, 1, **arguments)
