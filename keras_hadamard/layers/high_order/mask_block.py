"""A dense layer whose input is masked by another."""

from typing import Any, ClassVar, Unpack

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.fusion._fusion import Fusion


@serializable
class MaskBlock(Fusion):
    """Dense layer whose input is multiplied by a mask made of the embeddings (MaskNet).

    `y = relu(LN(W (m * h))) with m = W_2 relu(W_1 e + b_1) + b_2`, where `h` is the hidden
    representation, `e` the embeddings of all features, and `LN` the layer normalisation over the
    features. The mask `m` is linear: it may enlarge, or change the sign. Blocks one after the other
    (`h` is the output of the block before) are the serial MaskNet, blocks side by side (`h` is
    always `LN(e)`) the parallel one.

    Twitter's ranking model has `hidden_bias=True`, `activation=None`, and mostly
    `normalize_input=True`.

    Args:
        units: Integer, the width of the output.
        reduction_ratio: Number, the width within the mask as a multiple of the width of `h`: 2
            makes it wider. Defaults to `1.0`.
        mask_units: Integer, the width within the mask. Defaults to `None`, by `reduction_ratio`.
        activation: Name or function of the output's activation. Defaults to `"relu"`.
        normalize: Boolean, whether there is a layer normalisation. Defaults to `True`.
        normalize_input: Boolean, whether `h` is normalised before the product. Defaults to `False`.
        hidden_bias: Boolean, whether `W` has a bias. Defaults to `False`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[h, e]` of the hidden representation and the embeddings.

    Input shape:
        Each `(batch, ..., width)`, of equal batch and positions; vectors `(batch, width)` meet
        every position of the other.

    Output shape:
        `(batch, ..., units)`, with the positions of the inputs.

    Weights:
        `mask_units * (width_1 + width_2 + 1) + width_1 * (units + 1) + 2 * units`, where
        `mask_units` = `max(1, width_1 * reduction_ratio // 1)`.

    Masking:
        A position is valid where it is valid in both.

    Numerics:
        Normalisations are computed in float32 under 16-bit policies, with an epsilon of 1e-5.

    Raises:
        ValueError: If an argument is out of range or the inputs do not fit together.

    Example:

    >>> h, e = keras.ops.ones((4, 6)), keras.ops.ones((4, 12))
    >>> keras_hadamard.layers.MaskBlock(3)([h, e]).shape
    TensorShape([4, 3])

    Reference:
        - [MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by Instance-Guided
          Mask (Wang et al., 2021)](https://arxiv.org/abs/2102.07619)
    """

    modalities: ClassVar[int | None] = 2

    def __init__(
        self,
        units: int,
        reduction_ratio: float = 1.0,
        mask_units: int | None = None,
        activation: Activation = "relu",
        normalize: bool = True,
        normalize_input: bool = False,
        hidden_bias: bool = False,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.reduction_ratio = float(reduction_ratio)
        if not self.reduction_ratio > 0:
            raise received("`reduction_ratio` to be above 0", reduction_ratio=reduction_ratio)
        self.mask_units = None if mask_units is None else positive_int("mask_units", mask_units)
        self.activation = get_activation(activation)
        self.normalize = bool(normalize)
        self.normalize_input = bool(normalize_input)
        self.hidden_bias = bool(hidden_bias)

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        h, e = (tuple(s) for s in input_shape)
        width = h[-1] or 0
        inner = self.mask_units or max(1, int(width * self.reduction_ratio))
        self.mask_hidden = self.project(inner, "mask_hidden", activation="relu", input_shape=e)
        self.mask_output = self.project(width, "mask_output", input_shape=(*e[:-1], inner))
        self.hidden = self.project(
            self.units, "hidden", use_bias=self.hidden_bias, input_shape=(*positions, width)
        )
        self.input_norm = normalization(
            "layer" if self.normalize_input else None,
            "input_norm",
            policy=self.dtype_policy,
            input_shape=h,
        )
        self.norm = normalization(
            "layer" if self.normalize else None,
            "norm",
            policy=self.dtype_policy,
            input_shape=(*positions, self.units),
        )

    def call(self, inputs: list[Tensor]) -> Tensor:
        h, e = inputs
        mask, h = align([self.mask_output(self.mask_hidden(e)), self.input_norm(h)])
        return self.activation(self.norm(self.hidden(mask * h)))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "reduction_ratio": self.reduction_ratio,
            "mask_units": self.mask_units,
            "activation": serialize_activation(self.activation),
            "normalize": self.normalize,
            "normalize_input": self.normalize_input,
            "hidden_bias": self.hidden_bias,
        }
