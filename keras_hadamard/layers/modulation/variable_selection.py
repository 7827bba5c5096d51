"""Weights of variables that are computed from all of them."""

from typing import Any, ClassVar, Unpack

from keras import ops

from keras_hadamard._core.checks import fraction, non_negative, positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align, join
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.layers.modulation.gated_residual import GatedResidual


@serializable
class VariableSelection(Fusion):
    """Variable selection (of the temporal fusion transformer): a weight for each variable.

    `y = sum_i w_i v_i with v_i = G_i(x_i) and w = softmax(G([x_1; x_2; ...], c))`, where each `G`
    is a `GatedResidual` network: `G_i` gives `units` features of one variable, `G` the weights of
    all, with the optional context `c`. The weights of an example, and of a step of a sequence, say
    which variables its output is from.

    Args:
        units: Integer, the width of the output.
        hidden_units: Integer, the hidden width of the networks. Defaults to `None`, which is
            `units`.
        use_context: Boolean, whether the last input is the context. Defaults to `False`.
        activation: Name or function of the networks' activation. Defaults to `"elu"`.
        dropout: Number in [0, 1), the dropout of the networks before their gates. Defaults to
            `0.0`.
        return_weights: Boolean, whether `w` is returned with the output. Defaults to `False`.
        epsilon: Float, of the normalisations. Defaults to `0.001`, that of the authors' code.
        seed: Integer, of the dropout. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List of two or more variables, of any widths, and the context if there is one.
        training: Boolean, whether to drop.

    Input shape:
        Each variable is `(batch, width_i)` or `(batch, ..., width_i)` with equal positions; a
        vector among sequences is combined with each of their positions. The context is
        `(batch, width)`, or has the positions of the variables.

    Output shape:
        `(batch, ..., units)`; with `return_weights` a list of it and the weights,
        `(batch, ..., variables)`.

    Weights:
        `sum(hidden_units * (w + hidden_units + 2) + 2 * units * (hidden_units + 2) + (units != w) *
        units * (w + 1) for w in [*widths]) + hidden_units * (sum(widths) + hidden_units + 2) + 2 *
        modalities * (hidden_units + 2) + (modalities != sum(widths)) * modalities * (sum(widths) +
        1)`, with `hidden_units` = `units` where it is `None`. A context of width `w` adds
        `hidden_units * w`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Gates, normalisations, softmax and sum are computed in float32 under 16-bit policies. The
        network of the weights ends in a normalisation, as in the paper: of only two variables, it
        tells little more than which one counts more.

    Raises:
        ValueError: If the inputs are not a list of two or more variables, do not fit together, or
            an argument is out of range.

    Example:

    >>> price, place, today = (keras.ops.ones((2, 9, n)) for n in (1, 4, 3))
    >>> layer = keras_hadamard.layers.VariableSelection(8, return_weights=True)
    >>> y, weights = layer([price, place, today])
    >>> y.shape, weights.shape
    (TensorShape([2, 9, 8]), TensorShape([2, 9, 3]))

    Reference:
        - [Temporal Fusion Transformers for Interpretable Multi-horizon Time Series Forecasting (Lim
          et al., 2021)](https://arxiv.org/abs/1912.09363)
    """

    width_argument: ClassVar[str | None] = "hidden_units"

    def __init__(
        self,
        units: int,
        hidden_units: int | None = None,
        use_context: bool = False,
        activation: Activation = "elu",
        dropout: float = 0.0,
        return_weights: bool = False,
        epsilon: float = 1e-3,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.use_context = bool(use_context)
        self.activation = get_activation(activation)
        self.dropout = fraction("dropout", dropout)
        self.return_weights = bool(return_weights)
        self.epsilon = non_negative("epsilon", epsilon)
        self.seed = seed

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        variables, contexts = self._split(input_shape)
        self.networks = [
            self._network(self.units, f"variable_{i}", [tuple(shape)], i + 1)
            for i, shape in enumerate(variables)
        ]
        width = sum(int(shape[-1] or 0) for shape in variables)
        self.selection = self._network(
            len(variables), "selection", [(*positions, width), *map(tuple, contexts)], 0
        )

    def _network(self, units: int, name: str, shapes: list[Shape], offset: int) -> GatedResidual:
        network: GatedResidual = self.sublayer(
            GatedResidual,
            units,
            self.hidden_units or self.units,
            activation=self.activation,
            dropout=self.dropout,
            epsilon=self.epsilon,
            # Networks of one seed would drop the same features of all variables.
            seed=None if self.seed is None else self.seed + offset,
            name=name,
        )
        network.build(shapes)
        return network

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Any:
        variables, contexts = self._split(inputs)
        dtype = accumulation_dtype(self.compute_dtype)
        values = align(
            [
                network(x, training=training)
                for network, x in zip(self.networks, variables, strict=True)
            ]
        )
        logits = self.selection([join(align(variables)), *contexts], training=training)
        weights = ops.softmax(ops.cast(logits, dtype), axis=-1)
        y, *others = (
            weights[..., i : i + 1] * ops.cast(value, dtype) for i, value in enumerate(values)
        )
        for other in others:
            y = y + other
        y = ops.cast(y, self.compute_dtype)
        return [y, ops.cast(weights, self.compute_dtype)] if self.return_weights else y

    def _split(self, inputs: Any) -> tuple[list[Any], list[Any]]:
        """The variables, and a list of the context if there is one."""
        return (list(inputs[:-1]), list(inputs[-1:])) if self.use_context else (list(inputs), [])

    def positions(self, input_shape: Any) -> Shape:
        """The output's axes before the last: those of the variables."""
        if self.use_context and (not isinstance(input_shape, list | tuple) or len(input_shape) < 3):
            raise received("a list of two or more variables and the context", shape=input_shape)
        return super().positions(input_shape[:-1] if self.use_context else input_shape)

    def compute_mask(self, inputs: list[Tensor], mask: Any = None) -> Any:
        valid = super().compute_mask(inputs, mask)
        return [valid, valid] if self.return_weights else valid

    def compute_output_shape(self, input_shape: list[Shape]) -> Any:
        y = super().compute_output_shape(input_shape)
        return [y, (*y[:-1], len(self._split(input_shape)[0]))] if self.return_weights else y

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "use_context": self.use_context,
            "activation": serialize_activation(self.activation),
            "dropout": self.dropout,
            "return_weights": self.return_weights,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }
