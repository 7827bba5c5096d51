"""The compressed interaction network of xDeepFM."""

from collections.abc import Sequence
from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.high_order._fields import field_shape, stacked


@serializable
class CompressedInteraction(BaseLayer):
    """Compressed interaction network: fields times fields, layer by layer (xDeepFM's CIN).

    With `x^0` the fields, separately for each entry of the width,
    `x^l_n = act(sum_(i,j) W^l_(n,ij) * x^0_i * x^(l-1)_j + b^l_n)`, `n` up to `layer_sizes[l]`: of
    degree l + 1. The output is a projection of the sums over the width of all layers' features.
    With `split_half`, the first half of a layer's features goes to the output and the second to the
    next layer (those of the last layer all go to the output); otherwise all go to both.

    The paper's layers have neither activation nor bias in its best configuration; public code uses
    ReLU, which is `activation="relu"`.

    Args:
        layer_sizes: Sequence of integers, the number of features of each layer.
        units: Integer, the width of the output, or `None` for the sums themselves. Defaults to `1`.
        split_half: Boolean, whether the features of a layer are split between the output and the
            next layer. Defaults to `False`.
        activation: Name or function of the layers' activation. Defaults to `None`.
        **kwargs: Arguments of the kernels `W` and of the output's (`use_bias`,
            `kernel_initializer`, `bias_initializer`, their regularizers and constraints, as in
            `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of tensors, one per field.

    Input shape:
        `(batch, fields, width)`, or a list of `(batch, width)`.

    Output shape:
        `(batch, units)`; with `units=None` one for each feature of the output.

    Weights:
        `sum((fields * m + 1) * n for m, n in zip([fields, *layer_sizes], layer_sizes)) +
        (sum(layer_sizes) + 1) * units` without `split_half`.

    Masking:
        A masked field counts as zero. No mask is passed on.

    Numerics:
        Computed in the compute dtype.

    Raises:
        ValueError: If an argument is out of range, a split layer has an odd size, there are fewer
            than two fields or their shapes are unknown or differ.

    Example:

    >>> x = keras.ops.ones((4, 3, 8))
    >>> keras_hadamard.layers.CompressedInteraction((6, 4), split_half=True)(x).shape
    TensorShape([4, 1])

    Reference:
        - [xDeepFM: Combining Explicit and Implicit Feature Interactions (Lian et al., 2018)](
          https://arxiv.org/abs/1803.05170)
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        units: int | None = 1,
        split_half: bool = False,
        activation: Activation = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        if not isinstance(layer_sizes, list | tuple) or not layer_sizes:
            raise received("`layer_sizes` to be a sequence of integers", layer_sizes=layer_sizes)
        self.layer_sizes = [positive_int("layer_sizes", size) for size in layer_sizes]
        self.units = None if units is None else positive_int("units", units)
        self.split_half = bool(split_half)
        self.activation = get_activation(activation)
        if self.split_half and any(size % 2 for size in self.layer_sizes[:-1]):
            raise received(
                "`layer_sizes` to be even before the last, to be split", layer_sizes=layer_sizes
            )

    def build(self, input_shape: Any) -> None:
        _, fields, _ = field_shape(type(self).__name__, input_shape)
        self.crosses, hidden = [], fields
        for n, size in enumerate(self.layer_sizes):
            self.crosses.append(
                self.project(
                    size,
                    f"layer_{n}",
                    activation=self.activation,
                    input_shape=(None, fields * hidden),
                )
            )
            hidden = size // 2 if self.split_half else size
        self.output_projection = None
        if self.units is not None:
            self.output_projection = self.project(
                self.units, "output_projection", input_shape=(None, self._features())
            )

    def call(self, inputs: Any, mask: Any = None) -> Tensor:
        x = ops.transpose(stacked(inputs, mask), (0, 2, 1))
        width, fields = x.shape[1:]
        hidden, outputs = x, []
        for n, layer in enumerate(self.crosses):
            products = ops.expand_dims(x, 3) * ops.expand_dims(hidden, 2)
            features = layer(ops.reshape(products, (-1, width, fields * hidden.shape[2])))
            if self.split_half and n < len(self.crosses) - 1:
                features, hidden = ops.split(features, 2, axis=-1)
            else:
                hidden = features
            outputs.append(ops.sum(features, axis=1))
        y = ops.concatenate(outputs, axis=-1)
        return y if self.output_projection is None else self.output_projection(y)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch, *_ = field_shape(type(self).__name__, input_shape)
        return (batch, self._features() if self.units is None else self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layer_sizes": self.layer_sizes,
            "units": self.units,
            "split_half": self.split_half,
            "activation": serialize_activation(self.activation),
        }

    def _features(self) -> int:
        *split, last = self.layer_sizes
        return sum(size // 2 if self.split_half else size for size in split) + last
