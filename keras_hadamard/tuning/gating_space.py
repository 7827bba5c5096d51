"""The search space of gates, attention over channels and conditioning."""

from collections.abc import Iterable
from typing import Any

import keras

from keras_hadamard._core.checks import one_of
from keras_hadamard.layers.registry.gates import GATES
from keras_hadamard.tuning.spaces import Space


def gates(on: str) -> Space:
    """The space of the gates for vectors, for images, or with a condition."""
    entries = GATES[on].entries

    def build(kind: str) -> Any:
        entry = entries[kind]
        return lambda units, name, **drawn: entry.make(units, name=name, **entry.arguments(drawn))

    return Space.of(entries, build)


def gating_space(
    hp: Any,
    *,
    units: int = 128,
    on: str = "vector",
    include: Iterable[str] | None = None,
    name: str = "gating",
) -> keras.layers.Layer:
    """Returns a gate, or the baseline without one, that `hp` chose and configured.

    There is one space for each kind of input, chosen by `on`. The kind is the parameter `name`; the
    parameters of single kinds (`<name>_ratio`, `<name>_kernel_size`, ...) are conditional on it,
    and all are declared in one call. The first of each list is the default:

    - `"vector"`, features to `units` features, 24 configurations: `"dense"`
      (`keras.layers.Dense` with a ReLU), `"glu"`, `"swiglu"`, `"geglu"`, `"reglu"`, `"bilinear"`
      (`GatedDense`, with twice its weights), `"gated_mlp"`, `"highway"` (after a projection to
      `units`) and `"gated_residual"`.
    - `"image"`, an image to one of its shape, 34 configurations: `"identity"`, `"squeeze_excite"`,
      `"effective_squeeze_excite"`, `"concurrent_squeeze_excite"`, `"cbam"`, `"efficient"`,
      `"coordinate"`, `"simam"` and `"response_norm"`.
    - `"conditioned"`, a list `[x, condition]` to the shape of `x`, 20 configurations: `"identity"`,
      which ignores the condition, `"film"`, `"conditional_batch_norm"`, `"conditional_layer_norm"`,
      `"gated_residual"` and `"adaptation_gate"`.
    - `"conditioned_image"`, the same for an image `x` and a vector as condition, 25 configurations:
      the first four, `"adain"`, `"spade"` and `"modulated_conv"`.

    Args:
        hp: A `keras_tuner.HyperParameters`.
        units: Positive integer, the width of the output, where `on` is `"vector"`. Defaults to
            `128`.
        on: `"vector"`, `"image"`, `"conditioned"` or `"conditioned_image"`. Defaults to `"vector"`.
        include: Names of the kinds to choose from; including those of
            `keras_hadamard.layers.register_gate`. Defaults to `None`, all of them.
        name: String, the name of the parameter and of the layer. Defaults to `"gating"`.

    Returns:
        A `keras.layers.Layer` that takes one tensor, or a list of two with a condition.

    Raises:
        ValueError: If `on` or a name in `include` is unknown, `include` is empty, or `units` is not
            positive.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["gating"] = "swiglu"
    >>> layer = keras_hadamard.tuning.gating_space(hp, units=6)
    >>> type(layer).__name__, layer(keras.ops.ones((2, 7))).shape
    ('GatedDense', TensorShape([2, 6]))
    >>> hp.values["channel_attention"] = "squeeze_excite"
    >>> layer = keras_hadamard.tuning.gating_space(hp, on="image", name="channel_attention")
    >>> type(layer).__name__, hp.values["channel_attention_ratio"]
    ('SqueezeExcite2D', 0.0625)
    """
    space = gates(one_of("on", on, GATES))
    return space.layer(hp, units, space.kinds(include), name)
