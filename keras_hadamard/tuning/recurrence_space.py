"""The search space of recurrences."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from keras_hadamard import layers
from keras_hadamard._export import serializable
from keras_hadamard._typing import Tensor
from keras_hadamard.tuning.spaces import Option, Parameter, Space

# Of a width, the place in a stack from zero, and the height of the stack.
Recurrence = Callable[..., keras.layers.Layer]


def _plain(layer: Recurrence, **given: Any) -> Recurrence:
    return lambda units, place, depth, **kwargs: layer(units, **given, **kwargs)


def _hgrn(units: int, place: int, depth: int, **kwargs: Any) -> keras.layers.Layer:
    """A layer near the output has a higher bound, so that it remembers longer."""
    return layers.HGRN(units, (place / depth, (place + 1) / depth), **kwargs)


# A state costs the others little, so that it may be wider than what goes from layer to layer.
ALL = ("width", "depth", "expansion")
FAMILIES: dict[str, tuple[Recurrence, tuple[str, ...]]] = {
    "gru": (_plain(keras.layers.GRU), ALL[:2]),
    "lstm": (_plain(keras.layers.LSTM), ALL[:2]),
    "min_gru": (_plain(layers.MinGRU), ALL),
    "min_lstm": (_plain(layers.MinLSTM), ALL),
    "hgrn": (_hgrn, ALL),
    "rglru": (_plain(layers.RGLRU), ALL),
    "qrnn": (_plain(layers.QRNN), ALL),
    "sru": (_plain(layers.SRU), ALL),
    "multiplicative_lstm": (_plain(layers.MultiplicativeLSTM), ALL[:2]),
}
PARAMETERS = {
    "width": Parameter((32, 64, 128, 256), default=64),
    "depth": Parameter((1, 2, 3, 4), default=1),
    "expansion": Parameter((1.0, 1.5, 2.0), default=1.0),
}


@serializable
class RecurrentStack(keras.Sequential):
    """Recurrences and projections, the last of them dense; the mask goes with the sequence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Any:
        *_, last, _ = self.layers
        return mask if last.return_sequences else None


def _stack(recurrence: Recurrence, return_sequences: bool) -> Recurrence:
    def build(
        units: int, width: int, depth: int, name: str, expansion: float = 1.0
    ) -> keras.layers.Layer:
        stack = []
        for place in range(depth):
            sequences = return_sequences or place < depth - 1
            state = int(width * expansion)
            stack.append(recurrence(state, place, depth, return_sequences=sequences))
            if state > width and place < depth - 1:
                stack.append(keras.layers.Dense(width))
        return RecurrentStack([*stack, keras.layers.Dense(units)], name=name)

    return build


def recurrences(return_sequences: bool) -> Space:
    """The table of stacks of recurrences, of the whole sequence or of its last step."""
    options = {k: Option(_stack(r, return_sequences), uses) for k, (r, uses) in FAMILIES.items()}
    return Space(options, PARAMETERS)


def recurrence_space(
    hp: Any,
    *,
    units: int = 128,
    return_sequences: bool = False,
    include: Iterable[str] | None = None,
    name: str = "recurrence",
) -> keras.layers.Layer:
    """Returns a stack of recurrent layers that `hp` chose and configured.

    The family is the parameter `name`; the width of what goes from layer to layer (`<name>_width`),
    the number of layers (`<name>_depth`) and how many times wider the state is
    (`<name>_expansion`, of the families without a product of states) are conditional on it. The
    default, `"gru"`, is one `keras.layers.GRU`. With everything included the space has
    `3 * 4 * 4 + 6 * 4 * 4 * 3 = 336` configurations.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer, the width of the output, which a dense layer projects to. Defaults
            to `128`.
        return_sequences: Boolean, whether the output is that of every step or of the last one.
            Defaults to `False`.
        include: Names of the families to choose from: `"gru"`, `"lstm"`, `"min_gru"`,
            `"min_lstm"`, `"hgrn"` (with bounds that rise from layer to layer), `"rglru"`,
            `"qrnn"`, `"sru"` and `"multiplicative_lstm"`. Defaults to `None`, all of them.
        name: String, the name of the parameter and of the layer. Defaults to `"recurrence"`.

    Returns:
        A `keras.layers.Layer` that takes a tensor `(batch, steps, width)`.

    Raises:
        ValueError: If `include` names no or an unknown family, or `units` is not positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["recurrence"] = "min_gru"
    >>> hp.values["recurrence_depth"] = 2
    >>> layer = keras_hadamard.tuning.recurrence_space(hp, units=6)
    >>> [type(l).__name__ for l in layer.layers], layer(keras.ops.ones((2, 9, 7))).shape
    (['MinGRU', 'MinGRU', 'Dense'], TensorShape([2, 6]))
    """
    space = recurrences(bool(return_sequences))
    return space.layer(hp, units, space.kinds(include), name)
