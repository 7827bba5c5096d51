"""The block of multilinear operator networks."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import fraction, positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers.high_order.mu_layer import MuLayer, layer_normalization
from keras_hadamard.layers.modulation.drop_path import DropPath


@serializable
class PolyBlock(BaseLayer):
    """Two Mu-Layers with skips, the first with neighbouring pixels (MONet).

    `y = z + Mu(LN(z)) with z = x + Mu_s(LN(x))`: `Mu_s` is a `MuLayer` with the spatial shift, as
    wide as the input, `Mu` one without, `expansion` times as wide. In the public code, both
    normalisations are one object; the paper does not mention it.

    Args:
        expansion: Integer, the width of the second product relative to the input. Defaults to `3`.
        shared_normalization: Boolean, whether the two Mu-Layers share the normalisation before
            them. Defaults to `True`.
        normalize: Boolean, whether to normalise, before the Mu-Layers and in them. Defaults to
            `True`. Without it, the block is a polynomial of degree four.
        use_alpha: Boolean, whether the products have a learned factor. Defaults to `True`.
        activation: Name or function applied in each Mu-Layer. Defaults to `None`.
        drop_path: Number in [0, 1), the probability of skipping a Mu-Layer for an example in
            training. Defaults to `0.0`.
        seed: Integer, the seed of the skipping. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`, here He normal,
            `bias_initializer` of the last ones, their regularizers and constraints, as in
            `keras.layers.Dense`) and of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.
        training: Boolean, whether examples skip Mu-Layers.

    Input shape:
        `(batch, height, width, channels)`.

    Output shape:
        The shape of the input.

    Weights:
        `sum(2 * n * (channels + 3) + max(1, n // 8) * (channels + n + 1) for n in (channels,
        expansion * channels)) + 4 * channels + 2`, with `n` the width of each product.

    Masking:
        Images have no masks.

    Numerics:
        As `MuLayer`. Sums are computed in the compute dtype.

    Raises:
        ValueError: If an argument is out of range or the input is not an image of known channels.

    Example:

    >>> x = keras.ops.ones((2, 8, 8, 16))
    >>> keras_hadamard.layers.PolyBlock()(x).shape
    TensorShape([2, 8, 8, 16])

    Reference:
        - [Multilinear Operator Networks (Cheng et al., 2024)](https://arxiv.org/abs/2401.17992)
    """

    def __init__(
        self,
        expansion: int = 3,
        shared_normalization: bool = True,
        normalize: bool = True,
        use_alpha: bool = True,
        activation: Activation = None,
        drop_path: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", "he_normal")
        super().__init__(**kwargs)
        self.expansion = positive_int("expansion", expansion)
        self.shared_normalization = bool(shared_normalization)
        self.normalize = bool(normalize)
        self.use_alpha = bool(use_alpha)
        self.activation = get_activation(activation)
        self.drop_path = fraction("drop_path", drop_path)
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        self._check(input_shape)
        width = input_shape[-1] or 0
        self.normalizations = [
            layer_normalization(
                self.normalize, f"normalization_{i + 1}", self.dtype_policy, input_shape
            )
            for i in range(1 if self.shared_normalization else 2)
        ]
        self.spatial = self._mu(width, "spatial", input_shape, use_spatial_shift=True)
        self.channel = self._mu(self.expansion * width, "channel", input_shape)
        # One seed for both would drop the same examples twice.
        self.drops = [
            DropPath(
                self.drop_path,
                None if self.seed is None else self.seed + i,
                name=f"drop_path_{i + 1}",
                dtype=self.dtype_policy,
            )
            for i in range(2)
        ]

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        x = inputs
        first, last = self.normalizations[0], self.normalizations[-1]
        x = ops.add(x, self.drops[0](self.spatial(first(x)), training=training))
        return ops.add(x, self.drops[1](self.channel(last(x)), training=training))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._check(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "expansion": self.expansion,
            "shared_normalization": self.shared_normalization,
            "normalize": self.normalize,
            "use_alpha": self.use_alpha,
            "activation": serialize_activation(self.activation),
            "drop_path": self.drop_path,
            "seed": self.seed,
        }

    @staticmethod
    def _check(input_shape: Shape) -> None:
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise received("an image (batch, height, width, channels)", shape=input_shape)

    def _mu(self, hidden_units: int, name: str, input_shape: Shape, **kwargs: Any) -> MuLayer:
        layer: MuLayer = self.sublayer(
            MuLayer,
            None,
            hidden_units,
            normalize=self.normalize,
            use_alpha=self.use_alpha,
            activation=self.activation,
            name=name,
            **kwargs,
        )
        layer.build(input_shape)
        return layer
