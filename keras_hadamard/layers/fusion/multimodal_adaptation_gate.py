"""A shift of one modality by others."""

from typing import Any, ClassVar, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import fraction, non_negative
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._alignment import align, join
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.ops import glu


@serializable
class MultimodalAdaptationGate(ConditionedLayer):
    """Multimodal adaptation gate (MAG): other modalities shift the features of the main one.

    `y = N(x + min(beta |x| / (|h| + 1e-6), 1) h) with
    h = sum_i relu(G_i [x_i; x] + c_i) * (W_i x_i + b_i)`, at every position: `x` are the features
    of a text, say, `x_i` those of sound and video at the same words, `N` is a layer normalisation
    and `|.|` the norm over the features. So the shift is at most `beta` times as long as `x`, and
    a trained network of `x` can take it in at one of its layers.

    Args:
        beta: Number, the greatest length of the shift in lengths of `x`. Defaults to `1.0`.
        dropout: Number in [0, 1), dropout of the output. Defaults to `0.0`; the authors' code
            trains with 0.5.
        epsilon: Float, of the normalisation. Defaults to `1e-5`.
        seed: Integer, of the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, x_1, ...]` of the main modality and one or more others.
        training: Boolean, whether to drop.

    Input shape:
        `x` is `(batch, ..., features)`, each other `(batch, width_i)` or `(batch, ..., width_i)`
        with the positions of `x`.

    Output shape:
        The shape of `x`.

    Weights:
        `width_1 * sum(2 * w + width_1 + 2 for w in widths[1:]) + 2 * width_1`, with `width_1` the
        features of `x`.

    Masking:
        The mask of `x` is passed on.

    Numerics:
        Gates, norms and the normalisation are computed in float32 under 16-bit policies. Where `h`
        is zero, so is the shift, and its gradients are finite.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not a list of float tensors
            that fit together.

    Example:

    >>> text, sound = keras.ops.ones((2, 9, 6)), keras.ops.ones((2, 9, 4))
    >>> keras_hadamard.layers.MultimodalAdaptationGate()([text, sound]).shape
    TensorShape([2, 9, 6])

    Reference:
        - [Integrating Multimodal Information in Large Pretrained Transformers (Rahman et al.,
          2020)](https://arxiv.org/abs/1908.05787)
    """

    takes: ClassVar[str] = "[x, x_1, ...]"
    # The main modality, and up to fifteen others.
    counts: ClassVar[tuple[int, ...]] = tuple(range(2, 17))

    def __init__(
        self,
        beta: float = 1.0,
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format="channels_last", **kwargs)
        self.beta = non_negative("beta", beta)
        self.dropout = fraction("dropout", dropout)
        self.epsilon = non_negative("epsilon", epsilon)
        self.seed = seed

    def build(self, input_shape: list[Shape]) -> None:
        x, *others = self.shapes(input_shape)
        width = int(x[-1] or 0)
        self.values = [
            self.project(width, f"value_{i}", input_shape=other) for i, other in enumerate(others)
        ]
        self.gates = [
            self.project(width, f"gate_{i}", input_shape=(*x[:-1], width + int(other[-1] or 0)))
            for i, other in enumerate(others)
        ]
        self.normalization = normalization(
            "layer",
            "normalization",
            policy=self.dtype_policy,
            input_shape=x,
            epsilon=self.epsilon,
        )
        self.drop = keras.layers.Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy, name="drop"
        )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        x, *others = inputs
        dtype = accumulation_dtype(self.compute_dtype)
        shift = 0
        for other, value, gate in zip(others, self.values, self.gates, strict=True):
            logits = gate(join(align([other, x])))
            v, z = align([value(other), logits])
            shift = shift + ops.cast(glu(*_full(v, z), activation="relu"), dtype)
        wide = ops.cast(x, dtype)
        alpha = ops.minimum(self.beta * _norm(wide) / (_norm(shift, zero=1.0) + 1e-6), 1.0)
        y = self.normalization(ops.cast(wide + alpha * shift, self.compute_dtype))
        return dropped(self.drop, y, training)

    def check_shapes(self, x: Shape, *more: Shape) -> None:
        for other in more:
            super().check_shapes(x, other)

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "beta": self.beta,
            "dropout": self.dropout,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
        # The features are last, independent of Keras's image data format.
        del config["data_format"]
        return config


def _full(value: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
    """The value of a vector at every position of the gate."""
    return ops.broadcast_to(value, ops.shape(gate)), gate


def _norm(x: Tensor, zero: float = 0.0) -> Tensor:
    """The norm over the features, `zero` where it is zero, with a gradient of zero there."""
    square = ops.sum(ops.square(x), axis=-1, keepdims=True)
    some = square > 0
    return ops.where(some, ops.sqrt(ops.where(some, square, 1)), zero)
