"""The personal gate of a recommender's features."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._alignment import align, join
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._masks import all_of
from keras_hadamard.layers.fusion._fusion import positions_of


@serializable
class GateNU(BaseLayer):
    """Gate of features by a prior, such as a domain or a user (PEPNet, LHUC).

    `y = x * scale * sigmoid(W_2 act(W_1 c + b_1) + b_2)`, where `c` is the prior. With a third
    input `e`, the features that the gate may read but not train, `c` is
    `[stop_gradient(e); prior]`. At the start the gate is about one where `scale` is 2. LHUC, of
    speakers, has one such gate in each hidden layer.

    EPNet gates the embeddings: `gate([e, prior, e])`. PPNet gates each hidden layer:
    `gate([dense(h), prior, e])`.

    Args:
        hidden_units: Integer, the width between the projections. Defaults to `None`, the width of
            `x`.
        scale: Float, the greatest value of the gate. Defaults to `2.0`.
        activation: Name or function of what follows `W_1`. Defaults to `"relu"`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, prior]` or `[x, prior, e]`.

    Input shape:
        Each `(batch, ..., width)`, of equal batch and positions; vectors `(batch, width)` meet
        every position of the others.

    Output shape:
        `(batch, ..., width)`, with the width of `x` and the positions of the inputs.

    Weights:
        `hidden_units * (sum(widths) + 1) + width`, where `hidden_units` = `width`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        Products are computed in the compute dtype.

    Raises:
        ValueError: If an argument is out of range or the inputs do not fit together.

    Example:

    >>> x, prior = keras.ops.ones((4, 6)), keras.ops.ones((4, 3))
    >>> keras_hadamard.layers.GateNU()([x, prior]).shape
    TensorShape([4, 6])

    Reference:
        - [PEPNet: Parameter and Embedding Personalized Network for Infusing with Personalized Prior
          Information (Chang et al., 2023)](https://arxiv.org/abs/2302.01115)
    """

    def __init__(
        self,
        hidden_units: int | None = None,
        scale: float = 2.0,
        activation: Activation = "relu",
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.hidden_units = (
            None if hidden_units is None else positive_int("hidden_units", hidden_units)
        )
        self.scale = float(scale)
        if not self.scale > 0:
            raise received("`scale` to be above 0", scale=scale)
        self.activation = get_activation(activation)

    def build(self, input_shape: Any) -> None:
        *_, width = self.compute_output_shape(input_shape)
        of_prior = sum(s[-1] for s in input_shape[1:])
        units = self.hidden_units or width or 0
        self.hidden = self.project(
            units, "hidden", activation=self.activation, input_shape=(None, of_prior)
        )
        self.gate = self.project(
            width or 0, "gate", activation="sigmoid", input_shape=(None, units)
        )

    def call(self, inputs: Any) -> Tensor:
        x, *given = inputs
        if len(given) == 2:
            given = [ops.stop_gradient(given[1]), given[0]]
        prior = join(align(given))
        x, gate = align([x, self.gate(self.hidden(prior))])
        return x * (self.scale * gate)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        return all_of(mask)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        positions = positions_of(type(self).__name__, input_shape, None)
        if len(input_shape) > 3:
            raise received(
                f"`{type(self).__name__}` to be called on a list of two or three tensors",
                shapes=input_shape,
            )
        return (*positions, input_shape[0][-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "scale": self.scale,
            "activation": serialize_activation(self.activation),
        }
