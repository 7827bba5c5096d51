"""Multimodal compact bilinear fusion."""

from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._sketch import add_sketches, of_products
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.layers.fusion._power_normalization import check_normalize_axis, power_normalize
from keras_hadamard.layers.fusion._projections import dropout_layer
from keras_hadamard.ops import compact_bilinear


@serializable
class MCB(Fusion):
    """Multimodal compact bilinear fusion (MCB): a sketch of the outer product of two modalities.

    `y = act(P n(irfft(rfft(s_1(x_1)) * rfft(s_2(x_2)))) + b)` with two count sketches
    `s(x)_j = sum_(i: h_i = j) s_i x_i` of width `sketch_dim`, and `n` the signed square root and L2
    norm. The product of the transforms is the count sketch of the outer product of `x_1` and `x_2`,
    which is never formed.

    Args:
        units: Integer, the width of the output.
        sketch_dim: Integer, the width of the sketch. Defaults to `16000`, as in the paper.
        activation: Name or function of the output's activation. Defaults to `None`; the BLOCK code
            uses `"relu"`.
        dropout: Float in [0, 1), dropout before the output projection. Defaults to `0.0`.
        normalize: Boolean, whether the sketch gets the signed square root and L2 normalisation.
            Defaults to `True`, as in the paper; the BLOCK code has neither.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features.
        seed: Integer, the seed of the hashes, which are saved but untrained weights, and of the
            dropout. Defaults to `None`.
        **kwargs: Arguments of the projection (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two tensors, of any widths.
        training: Boolean, whether dropout is active. Defaults to `None`.

    Input shape:
        Two tensors `(batch, width_i)` or `(batch, ..., width_i)` with equal positions. A
        vector among sequences or images is fused with each of their positions.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `(sketch_dim + 1) * units`; the hashes, two numbers for each input feature, are not trained.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Sketches, transforms, square root and norm are float32 under 16-bit policies. The square
        root has gradient 0 at 0, but an unbounded one near it. Entries that no pair of features
        reaches are exactly 0; where features are 0 others hold the rounding of the transform, and
        the root magnifies it.

    Raises:
        ValueError: If the inputs are not a list of two, do not fit together, or an argument is out
            of range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.MCB(6, sketch_dim=32)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [Multimodal Compact Bilinear Pooling (Fukui et al., 2016)](
          https://arxiv.org/abs/1606.01847)
    """

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "sketch_dim"

    def __init__(
        self,
        units: int,
        sketch_dim: int = 16000,
        activation: Activation = None,
        dropout: float = 0.0,
        normalize: bool = True,
        normalize_axis: int = -1,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.sketch_dim = positive_int("sketch_dim", sketch_dim)
        self.activation = get_activation(activation)
        self.dropout = fraction("dropout", dropout)
        self.normalize = bool(normalize)
        self.normalize_axis = check_normalize_axis(normalize_axis)
        self.seed = seed
        self._dropout = dropout_layer(self, self.dropout, "dropout", seed)

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        widths = [int(shape[-1] or 0) for shape in input_shape]
        self.sketches = add_sketches(self, widths, self.sketch_dim, self.seed)
        self.output_projection = self.project(
            self.units, "output_projection", input_shape=(*positions, self.sketch_dim)
        )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        dtype = accumulation_dtype(self.compute_dtype)
        x, y = align([s(ops.cast(x, dtype)) for s, x in zip(self.sketches, inputs, strict=True)])
        z = of_products(compact_bilinear(x, y), self.sketches)
        if self.normalize:
            z = power_normalize(z, self.normalize_axis)
        z = dropped(self._dropout, ops.cast(z, self.compute_dtype), training)
        return self.activation(self.output_projection(z))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sketch_dim": self.sketch_dim,
            "activation": serialize_activation(self.activation),
            "dropout": self.dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "seed": self.seed,
        }
