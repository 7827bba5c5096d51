"""The gated residual network of the temporal fusion transformer."""

from typing import Any, ClassVar, Unpack

import keras

from keras_hadamard._core.checks import fraction, non_negative, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer
from keras_hadamard.layers.modulation.gated_dense import GatedDense


@serializable
class GatedResidual(ConditionedLayer):
    """Gated residual network (GRN of the temporal fusion transformer), with or without a context.

    `y = N(x + (A e) * sigmoid(B e)) with e = C activation(D x + E c)`, all except `E` with biases:
    `N` is a layer normalisation, `c` the optional context, and a gate near zero skips the rest. If
    the output has another width than `x`, a projection of `x` is added instead.

    Args:
        units: Integer, the width of the output. Defaults to `None`, that of `x`.
        hidden_units: Integer, the width of `e` and of the activated layer. Defaults to `None`, that
            of the output, as in the paper.
        activation: Name or function. Defaults to `"elu"`.
        dropout: Number in [0, 1), the dropout of `e`, before the gate. Defaults to `0.0`.
        epsilon: Float, of the normalisation. Defaults to `0.001`, that of the authors' code.
        seed: Integer, of the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor `x`, or list `[x, context]`.
        training: Boolean, whether to drop.

    Input shape:
        `x` is `(batch, ..., width)`, `context` is `(batch, width)` of any width, or one for each
        position of `x`.

    Output shape:
        `(batch, ..., units)`.

    Weights:
        `hidden_units * (sum(widths) + hidden_units + 2) + 2 * units * (hidden_units + 2) + (units
        != width_1) * units * (width_1 + 1)`, with `widths` those of the inputs, `units` = `width_1`
        and `hidden_units` = `units` by default. The authors' code projects `x` whenever it is given
        an output width, even that of `x`.

    Masking:
        The mask of `x` is passed on.

    Numerics:
        Gate and normalisation are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not float tensors that fit
            together.

    Example:

    >>> x, context = keras.ops.ones((2, 9, 6)), keras.ops.ones((2, 4))
    >>> keras_hadamard.layers.GatedResidual(8)([x, context]).shape
    TensorShape([2, 9, 8])

    Reference:
        - [Temporal Fusion Transformers for Interpretable Multi-horizon Time Series Forecasting (Lim
          et al., 2021)](https://arxiv.org/abs/1912.09363)
    """

    takes: ClassVar[str] = "[x] or [x, context]"
    counts: ClassVar[tuple[int, ...]] = (1, 2)

    def __init__(
        self,
        units: int | None = None,
        hidden_units: int | None = None,
        activation: Activation = "elu",
        dropout: float = 0.0,
        epsilon: float = 1e-3,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(data_format="channels_last", **kwargs)
        self.units = None if units is None else positive_int("units", units)
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.activation = get_activation(activation)
        self.dropout = fraction("dropout", dropout)
        self.epsilon = non_negative("epsilon", epsilon)
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        x, *contexts = self.shapes(input_shape)
        output = self.compute_output_shape(input_shape)
        units = output[-1] or 0
        hidden_units = self.hidden_units or units
        hidden = (*x[:-1], hidden_units)
        self.hidden_projection = self.project(hidden_units, "hidden_projection", input_shape=x)
        for context in contexts:
            self.context_projection = self.project(
                hidden_units, "context_projection", use_bias=False, input_shape=context
            )
        self.projection = self.project(hidden_units, "projection", input_shape=hidden)
        self.drop = keras.layers.Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy, name="drop"
        )
        self.gate = self.sublayer(GatedDense, units, name="gate")
        self.gate.build(hidden)
        self.skip = (
            keras.layers.Identity(dtype=self.dtype_policy, name="skip")
            if units == x[-1]
            else self.project(units, "skip", input_shape=x)
        )
        self.normalization = normalization(
            "layer",
            "normalization",
            policy=self.dtype_policy,
            input_shape=output,
            epsilon=self.epsilon,
        )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        x, *contexts = inputs
        hidden = self.hidden_projection(x)
        for context in contexts:
            one, other = align([hidden, self.context_projection(context)])
            hidden = one + other
        hidden = self.projection(self.activation(hidden))
        y = self.gate(dropped(self.drop, hidden, training))
        return self.normalization(self.skip(x) + y)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        x, *_ = self.shapes(input_shape)
        return (*x[:-1], self.units or x[-1])

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "units": self.units,
            "hidden_units": self.hidden_units,
            "activation": serialize_activation(self.activation),
            "dropout": self.dropout,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
        # The features are last, independent of Keras's image data format.
        del config["data_format"]
        return config

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        listed = inputs if isinstance(inputs, list | tuple) else [inputs]
        return super().__call__(listed, *args, **kwargs)

    def shapes(self, input_shape: Any) -> list[Shape]:
        bare = not any(isinstance(s, list | tuple) for s in input_shape)
        return super().shapes([input_shape] if bare else input_shape)

    def check_shapes(self, x: Shape, *more: Shape) -> None:
        for context in more:
            super().check_shapes(x, context)
