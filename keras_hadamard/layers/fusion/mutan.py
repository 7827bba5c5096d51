"""Multimodal Tucker fusion with a core of low rank."""

from typing import Any, ClassVar, Unpack

from keras_hadamard._core.checks import fraction, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.fusion._cores import LowRankCore, apply_core, build_cores
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.layers.fusion._power_normalization import check_normalize_axis, power_normalize
from keras_hadamard.layers.fusion._projections import apply_each, dropout_layer, project_each


@serializable
class MUTAN(Fusion):
    """Multimodal Tucker fusion (MUTAN): a Tucker decomposition whose core has low-rank slices.

    `y = act(P z + b)` with `z = sum_r (M_r u) * (N_r v)`, `u = a(W_1 x_1 + b_1)`,
    `v = a(W_2 x_2 + b_2)`, all of width `mm_dim`: each slice of the core is a matrix of rank
    `rank`. With `rank = mm_dim` it can be any core, as in `TuckerFusion`.

    Args:
        units: Integer, the width of the output.
        mm_dim: Integer, the width of both projections and of the core's output. Defaults to
            `None`, which is `units`.
        rank: Integer, the number of products in the sum. Defaults to `15`, as in the authors' code.
        activation: Name or function of the output's activation. Defaults to `None`.
        projection_activation: Name or function of the projections' activation. Defaults to
            `"tanh"`, as in the paper; the authors' code has none.
        dropout: Float in [0, 1), dropout before the output projection. Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of both projections. Defaults to `0.0`.
        normalize: Boolean, whether the core's output gets the signed square root and L2
            normalisation. Defaults to `False`.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features. The
            authors' code uses `1`, which in sequences is the positions.
        use_core_bias: Boolean, whether the core's factors have biases, as in the authors' code,
            which add lower orders. Defaults to `False`, a pure core of low rank.
        shared_projections: Boolean, whether both inputs, which then have one width, have the same
            projection and the same core factors. Defaults to `False`.
        seed: Integer, the seed of the dropouts. Defaults to `None`.
        **kwargs: Arguments of the projections (`use_bias`, `kernel_initializer`,
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
        `mm_dim * (sum(widths) + modalities) + 2 * rank * mm_dim**2 + (mm_dim + 1) * units`, with
        `mm_dim` = `units` where it is `None`.

    Masking:
        A position is valid where it is valid in every input that has a mask; the mask is passed on.

    Numerics:
        The products of the core are float32 under 16-bit policies, as are the signed square root
        and the L2 norm, which have finite gradients at exact zeros and zero rows.

    Raises:
        ValueError: If the inputs are not a list of two, do not fit together, or an argument is out
            of range.

    Example:

    >>> image, question = keras.ops.ones((2, 7)), keras.ops.ones((2, 5))
    >>> keras_hadamard.layers.MUTAN(6, mm_dim=8, rank=3)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [MUTAN: Multimodal Tucker Fusion for VQA (Ben-younes et al., 2017)](
          https://arxiv.org/abs/1705.06676)
    """

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "mm_dim"

    def __init__(
        self,
        units: int,
        mm_dim: int | None = None,
        rank: int = 15,
        activation: Activation = None,
        projection_activation: Activation = "tanh",
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
        normalize: bool = False,
        normalize_axis: int = -1,
        use_core_bias: bool = False,
        shared_projections: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.mm_dim = None if mm_dim is None else positive_int("mm_dim", mm_dim)
        self.rank = positive_int("rank", rank)
        self.activation = get_activation(activation)
        self.projection_activation = get_activation(projection_activation)
        self.dropout = fraction("dropout", dropout)
        self.projection_dropout = fraction("projection_dropout", projection_dropout)
        self.normalize = bool(normalize)
        self.normalize_axis = check_normalize_axis(normalize_axis)
        self.use_core_bias = bool(use_core_bias)
        self.shared_projections = bool(shared_projections)
        self.seed = seed
        self._dropout = dropout_layer(self, self.dropout, "dropout", seed)
        self._projection_dropout = dropout_layer(
            self, self.projection_dropout, "projection_dropout", seed, offset=1
        )

    def build(self, input_shape: list[Shape]) -> None:
        positions = self.positions(input_shape)
        width = self.mm_dim or self.units
        self.projections = project_each(
            self,
            input_shape,
            width,
            activation=self.projection_activation,
            shared=self.shared_projections,
        )
        self.cores = build_cores(
            self,
            LowRankCore,
            positions,
            [(1, width)],
            use_bias=self.use_core_bias,
            rank=self.rank,
            shared=self.shared_projections,
        )
        self.output_projection = self.project(
            self.units, "output_projection", input_shape=(*positions, width)
        )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        u, v = apply_each(self.projections, inputs, self._projection_dropout, training)
        z = apply_core(self.cores[0], u, v)
        if self.normalize:
            z = power_normalize(z, self.normalize_axis)
        z = dropped(self._dropout, z, training)
        return self.activation(self.output_projection(z))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mm_dim": self.mm_dim,
            "rank": self.rank,
            "activation": serialize_activation(self.activation),
            "projection_activation": serialize_activation(self.projection_activation),
            "dropout": self.dropout,
            "projection_dropout": self.projection_dropout,
            "normalize": self.normalize,
            "normalize_axis": self.normalize_axis,
            "use_core_bias": self.use_core_bias,
            "shared_projections": self.shared_projections,
            "seed": self.seed,
        }
