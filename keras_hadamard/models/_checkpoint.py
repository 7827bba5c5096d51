"""Mapping from our weights to the authors', written once for a whole network.

A mapping assigns our layers and weights to the prefixes of the authors' state dict. It gives the
entries, one per weight: the authors' name and the change of layout. Tests differentiate through the
entries, so the golden numbers also prove the loading of checkpoints.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.layers._normalization import InstanceBatchNormalization, IterativeNormalization


@dataclass(frozen=True, eq=False)
class Entry:
    """A weight of ours, the authors' weight that it is made of, and the conversion."""

    variable: Any
    name: str
    convert: Callable[[Tensor], Tensor]


def same(x: Tensor) -> Tensor:
    return x


def scalar(x: Tensor) -> Tensor:
    """A parameter of shape (1,) as a scalar."""
    return ops.reshape(x, ())


def transposed(x: Tensor) -> Tensor:
    """(out, in) to (in, out)."""
    return ops.transpose(x)


def pointwise(x: Tensor) -> Tensor:
    """A 1x1 convolution (out, in, 1, 1) as a dense kernel."""
    return ops.transpose(x[:, :, 0, 0])


def convolution(x: Tensor) -> Tensor:
    """(out, in, h, w) to (h, w, in, out), and a transposed convolution's (in, out, h, w) to
    (h, w, out, in)."""
    return ops.transpose(x, (2, 3, 1, 0))


def depthwise(x: Tensor) -> Tensor:
    """(channels, 1, h, w) to (h, w, channels, 1)."""
    return ops.transpose(x, (2, 3, 0, 1))


def pixel_shuffled(x: Tensor) -> Tensor:
    """A 1x1 convolution (4 * out, in, 1, 1) before a pixel shuffle, as a transposed convolution
    (2, 2, out, in)."""
    return ops.transpose(ops.reshape(x, (-1, 2, 2, x.shape[1])), (1, 2, 0, 3))


def spectrum(x: Tensor) -> Tensor:
    """Complex numbers as pairs (channels, rows, columns, 2) to (2, channels, rows, columns)."""
    return ops.transpose(x, (3, 0, 1, 2))


def first_half(x: Tensor) -> Tensor:
    """The first half of the outputs of a linear layer, of its weight or bias."""
    return ops.transpose(x[: x.shape[0] // 2])


def second_half(x: Tensor) -> Tensor:
    return ops.transpose(x[x.shape[0] // 2 :])


def vector(x: Tensor) -> Tensor:
    """Any shape as a vector."""
    return ops.reshape(x, (-1,))


def one_head(x: Tensor) -> Tensor:
    """A weight without an axis of heads as the weight of one head."""
    return ops.expand_dims(x, 0)


# A layer or weight of ours, or, for another change of layout, a weight and a function; a list of
# these where one of their weights is several of ours.
Mapped = Any


def entries(mapping: Mapping[str, Mapped]) -> list[Entry]:
    """The entries of a mapping from prefixes (for weights: full names) to layers and weights."""
    found: list[Entry] = []
    for name, target in mapping.items():
        if isinstance(target, keras.layers.Layer):
            found += _of_layer(target, name)
        elif isinstance(target, tuple):
            found.append(Entry(target[0], name, target[1]))
        elif isinstance(target, list):
            found += [Entry(variable, name, convert) for variable, convert in target]
        else:
            found.append(Entry(target, name, same if len(target.shape) else scalar))
    return found


KINDS: tuple[tuple[Any, dict[str, tuple[str, Callable[..., Tensor]]]], ...] = (
    (keras.layers.DepthwiseConv2D, {"kernel": ("weight", depthwise), "bias": ("bias", same)}),
    (keras.layers.Conv2D, {"kernel": ("weight", convolution), "bias": ("bias", same)}),
    (keras.layers.Conv2DTranspose, {"kernel": ("weight", convolution), "bias": ("bias", same)}),
    (keras.layers.Dense, {"kernel": ("weight", transposed), "bias": ("bias", same)}),
    (
        keras.layers.BatchNormalization,
        {
            "gamma": ("weight", same),
            "beta": ("bias", same),
            "moving_mean": ("running_mean", same),
            "moving_variance": ("running_var", same),
        },
    ),
    (
        (keras.layers.LayerNormalization, keras.layers.GroupNormalization),
        {"gamma": ("weight", same), "beta": ("bias", same)},
    ),
    (
        IterativeNormalization,
        {
            "gamma": ("weight", vector),
            "beta": ("bias", vector),
            "moving_mean": ("running_mean", vector),
            "moving_whitening": ("running_wm", same),
        },
    ),
    (keras.layers.Identity, {}),
)


def _of_layer(layer: keras.layers.Layer, name: str) -> list[Entry]:
    if isinstance(layer, InstanceBatchNormalization):
        return [*_of_layer(layer.instance, f"{name}.IN"), *_of_layer(layer.batch, f"{name}.BN")]
    weights = next((weights for kind, weights in KINDS if isinstance(layer, kind)), None)
    if weights is None:
        raise received("a layer whose weights have one known layout", layer=layer)
    return [
        Entry(variable, f"{name}.{theirs}", convert)
        for ours, (theirs, convert) in weights.items()
        if (variable := getattr(layer, ours, None)) is not None
    ]
