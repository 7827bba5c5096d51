"""The kernel of a sublayer as the sublayer multiplies by it."""

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor


def effective_kernel(layer: keras.layers.Layer, dtype: str | None = None) -> Tensor:
    """The kernel of a dense layer or convolution: dequantised, and with what `enable_lora` added.

    Layers read the kernels of their sublayers here and nowhere else. The stored kernel of a
    quantised layer is integers, whose meaning depends on the mode; what the layer makes of the unit
    vectors does not. The layer has to be linear.
    """
    if layer.quantization_mode is None:
        kernel = layer.kernel
    else:
        inputs = layer.input_spec.axes[-1]
        kernel = layer(ops.eye(inputs, dtype=layer.compute_dtype))
        if layer.use_bias:
            kernel = kernel - layer(ops.zeros((1, inputs), dtype=layer.compute_dtype))
    return ops.cast(kernel, dtype or layer.compute_dtype)
