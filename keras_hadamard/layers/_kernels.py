"""The effective kernel of a sublayer."""

import keras
from keras import ops

from keras_hadamard._core.typing import Tensor


def effective_kernel(layer: keras.layers.Layer, dtype: str | None = None) -> Tensor:
    """The kernel of a dense layer or convolution: dequantised, with `enable_lora`.

    Layers read the kernels of their sublayers only here. The stored kernel of a quantised layer has
    integers, whose meaning depends on the mode; the layer's outputs for unit vectors do not. The
    layer has to be linear.
    """
    if layer.quantization_mode is None:
        kernel = layer.kernel
    else:
        inputs = layer.input_spec.axes[-1]
        kernel = layer(ops.eye(inputs, dtype=layer.compute_dtype))
        if layer.use_bias:
            kernel = kernel - layer(ops.zeros((1, inputs), dtype=layer.compute_dtype))
    return ops.cast(kernel, dtype or layer.compute_dtype)
