"""The search space of recurrences."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers.registry.base import Choices
from keras_hadamard.layers.registry.recurrences import RECURRENCES
from keras_hadamard.tuning.spaces import Space

# Parameters of every family, and of those whose state may be wider than their output.
STACK = {
    "width": Choices((32, 64, 128, 256), default=64),
    "depth": Choices((1, 2, 3, 4), default=1),
}
EXPANSION = {"expansion": Choices((1.0, 1.5, 2.0), default=1.0)}


@serializable
class RecurrentStack(keras.Sequential):
    """Recurrences and projections, the last one dense; the mask is passed on with the sequence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs: Tensor, mask: Any = None) -> Any:
        *_, last, _ = self.layers
        return mask if last.return_sequences else None


def _stack(kind: str, return_sequences: bool) -> Callable[..., keras.layers.Layer]:
    entry = RECURRENCES[kind]

    def build(
        units: int, width: int, depth: int, name: str, expansion: float = 1.0, **drawn: Any
    ) -> keras.layers.Layer:
        stack = []
        for place in range(depth):
            sequences = return_sequences or place < depth - 1
            state = int(width * expansion)
            arguments = {"return_sequences": sequences, **entry.arguments(drawn)}
            stack.append(entry.make(state, place, depth, **arguments))
            if state > width and place < depth - 1:
                stack.append(keras.layers.Dense(width))
        return RecurrentStack([*stack, keras.layers.Dense(units)], name=name)

    return build


def recurrences(return_sequences: bool) -> Space:
    """The space of stacks of recurrences, of the whole sequence or of its last step."""
    entries = RECURRENCES.entries
    besides = {name: STACK | (EXPANSION if e.wide else {}) for name, e in entries.items()}
    return Space.of(entries, lambda kind: _stack(kind, return_sequences), besides)


def recurrence_space(
    hp: Any,
    *,
    units: int = 128,
    return_sequences: bool = False,
    include: Iterable[str] | None = None,
    name: str = "recurrence",
) -> keras.layers.Layer:
    """Returns a stack of recurrent layers that `hp` chose and configured.

    The family is the parameter `name`; the width between layers (`<name>_width`), the number of
    layers (`<name>_depth`) and how many times wider the state is (`<name>_expansion`, of the
    families without a product of states) are conditional on it. The default, `"gru"`, is one
    `keras.layers.GRU`. With everything included the space has `3 * 4 * 4 + 6 * 4 * 4 * 3 = 336`
    configurations.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer, the width of the output, the result of a dense projection. Defaults
            to `128`.
        return_sequences: Boolean, whether to return the output of every step, or only that of the
            last one. Defaults to `False`.
        include: Names of the families to choose from: `"gru"`, `"lstm"`, `"min_gru"`,
            `"min_lstm"`, `"hgrn"` (with bounds that rise from layer to layer), `"rglru"`,
            `"qrnn"`, `"sru"` and `"multiplicative_lstm"`, and those given by
            `keras_hadamard.layers.register_recurrence`. Defaults to `None`, all of them.
        name: String, the name of the parameter and of the layer. Defaults to `"recurrence"`.

    Returns:
        A `keras.layers.Layer` that takes a tensor `(batch, steps, width)`.

    Raises:
        ValueError: If `include` names no family or an unknown one, or `units` is not positive.

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
