"""Inputs that Keras leaves to a layer to convert: sparse, ragged and integer tensors."""

from typing import Any

import keras

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import with_mask_of
from keras_hadamard._core.typing import Tensor
from keras_hadamard.ops._inputs import dense, is_ragged

# Arguments of a call that are not features.
_OTHERS = ("mask", "training", "initial_state")
_FEATURE_KINDS = ("float", "int", "bool")


def features(
    layer: keras.layers.Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call, with everything that `keras.layers.Dense` accepts as dense numbers.

    Sparse tensors become dense ones, and integers and booleans become numbers of the compute dtype,
    except for layers without `autocast`: their integers are indices. Ragged tensors are refused.
    """
    names = [*layer.call_signature_parameters, *[""] * len(args)]
    named = zip(names, args, strict=False)
    return (
        tuple(x if name in _OTHERS else _features(layer, x) for name, x in named),
        {k: x if k in _OTHERS else _features(layer, x) for k, x in kwargs.items()},
    )


def _features(layer: keras.layers.Layer, inputs: Any) -> Any:
    return keras.tree.map_structure(lambda x: _feature(layer, x), inputs)


def _feature(layer: keras.layers.Layer, x: Any) -> Tensor:
    if is_ragged(x):
        raise received(
            f"the inputs of `{type(layer).__name__}` to be dense; `to_tensor()` pads a ragged "
            "tensor, and `keras.layers.Masking` masks the padding",
            ragged_shape=tuple(x.shape),
        )
    x = dense(x)
    if not layer.autocast or isinstance(x, keras.KerasTensor) or not hasattr(x, "dtype"):
        return x
    dtype = keras.backend.standardize_dtype(x.dtype)
    if not any(kind in dtype for kind in _FEATURE_KINDS):
        return x
    tensor = keras.ops.cast(keras.ops.convert_to_tensor(x), layer.compute_dtype)
    return with_mask_of(x, tensor)
