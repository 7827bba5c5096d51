"""A dense layer with a mask on its kernel."""

from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._keras_layer import KerasLayer
from keras_hadamard.layers.modulation._dense import DenseArguments, affine, dense_shape
from keras_hadamard.layers.modulation._kernel_masks import (
    Mask,
    dense_mask,
    mask_config,
    validate_mask,
)

MASKS = ("causal", "made_input", "made_hidden", "made_output")


@serializable
class MaskedDense(KerasLayer, keras.layers.Dense):
    """Dense layer with a fixed mask on its kernel, which hides inputs from outputs.

    `y = activation((W * M)^T x + b)` with `M` of zeros and ones. Masks by name:

    - `"causal"`: output `j` sees the inputs up to `j`.
    - `"made_input"`, `"made_hidden"` and `"made_output"`: the first, any middle and the last layer
      of a masked autoencoder (MADE) over `features` variables. Outputs of variable `d` see only the
      variables before `d`; with several outputs per variable, those of one are adjacent.

    The degree of a hidden unit of MADE is the number of variables that it may see. The paper draws
    degrees at random; here they are 1, 2, ..., `features - 1` and again from 1, so layers fit
    together independently.

    Args:
        units: Integer, the width of the output.
        mask: Name, or array or nested list of zeros and ones of shape `(width, units)`. Defaults to
            `"causal"`.
        features: Integer, the number of variables of the MADE masks. Defaults to `None`.
        activation: Name or function of the output. Defaults to `None`.
        **kwargs: Further arguments of `keras.layers.Dense`.

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., width)`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(width + 1) * units`, including the masked ones. Their gradients are exactly zero;
        regularizers see them.

    Masking:
        The mask is passed on.

    Numerics:
        Computed in the compute dtype, as in `keras.layers.Dense`.

    Raises:
        ValueError: If the mask is unknown or not of the shape of the kernel, or an argument is out
            of range.

    Example:

    >>> layer = keras_hadamard.layers.MaskedDense(3, use_bias=False, kernel_initializer="ones")
    >>> [float(v) for v in layer(keras.ops.array([[1.0, 10.0, 100.0]]))[0]]
    [1.0, 11.0, 111.0]

    Reference:
        - [MADE: Masked Autoencoder for Distribution Estimation (Germain et al., 2015)](
          https://arxiv.org/abs/1502.03509)
    """

    def __init__(
        self,
        units: int,
        mask: Mask = "causal",
        features: int | None = None,
        activation: Activation = None,
        **kwargs: Unpack[DenseArguments],
    ) -> None:
        super().__init__(
            positive_int("units", units), activation=get_activation(activation), **kwargs
        )
        self.mask = validate_mask(mask, MASKS)
        self.features = None if features is None else positive_int("features", features)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        super().build(input_shape)
        shape = (input_shape[-1] or 0, self.units)
        if isinstance(self.mask, str):
            self.kernel_mask = dense_mask(self.mask, *shape, self.features)
        elif self.mask.shape == shape:
            self.kernel_mask = self.mask
        else:
            raise received(f"a mask of shape {shape}", mask_shape=np.shape(self.mask))

    def call(self, inputs: Tensor) -> Tensor:
        kernel = self.kernel
        kernel = kernel * ops.convert_to_tensor(self.kernel_mask, kernel.dtype)
        y = affine(inputs, kernel, self.bias)
        return y if self.activation is None else self.activation(y)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return dense_shape(input_shape, self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "activation": serialize_activation(self.activation),
            "mask": mask_config(self.mask),
            "features": self.features,
        }
