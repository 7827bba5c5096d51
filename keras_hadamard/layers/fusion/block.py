"""Bilinear superdiagonal fusion."""

from typing import Any, ClassVar, Unpack

from keras_hadamard._core.checks import fraction, one_of, positive_int
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._dropout import dropped
from keras_hadamard.layers.fusion._cores import (
    LowRankCore,
    apply_cores,
    build_cores,
    chunk_axis,
    chunk_sizes,
    join_chunks,
)
from keras_hadamard.layers.fusion._fusion import Fusion
from keras_hadamard.layers.fusion._power_normalization import check_normalize_axis, power_normalize
from keras_hadamard.layers.fusion._projections import apply_each, dropout_layer, project_each


@serializable
class BLOCK(Fusion):
    """Bilinear superdiagonal fusion (BLOCK): MUTAN in each of several chunks.

    `y = act(P [n(z_1); ...; n(z_chunks)] + b)` with `z_c = sum_r (M_(c,r) u_c) * (N_(c,r) v_c)`,
    where `u = a(W_1 x_1 + b_1)` and `v = a(W_2 x_2 + b_2)` of width `mm_dim` are cut into chunks
    and `n` is signed square root and L2 norm: a block-term decomposition of the bilinear tensor.

    Args:
        units: Integer, the width of the output.
        mm_dim: Integer, the width of both projections and of the core's output. Defaults to
            `1600`.
        chunks: Integer, the number of chunks of the projections, the last one smaller if `mm_dim`
            is not a multiple. Defaults to `20`.
        rank: Integer, how many products are summed in a chunk. Defaults to `15`.
        activation: Name or function of the output's activation. Defaults to `None`.
        projection_activation: Name or function of the projections' activation. Defaults to `None`.
        dropout: Float in [0, 1), dropout before the output projection. Defaults to `0.0`.
        projection_dropout: Float in [0, 1), dropout of both projections. Defaults to `0.0`.
        normalize: Boolean, whether the fused chunks get the signed square root and L2
            normalisation. Defaults to `True`; the authors' code always does.
        normalize_position: `"before_cat"` normalises every chunk by itself, `"after_cat"` the
            joined chunks. Defaults to `"before_cat"`, as in the authors' code.
        normalize_axis: Integer, the axis of the L2 norm. Defaults to `-1`, the features. The
            authors' code uses `1`, which in sequences is the positions.
        use_core_bias: Boolean, whether the core's factors have biases, as in the authors' code,
            which add lower orders. Defaults to `False`, a pure block-term core.
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
        `mm_dim * (sum(widths) + modalities + units) + 2 * rank * mm_dim**2 / chunks + units`, where
        `mm_dim` is a multiple of `chunks`.

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
    >>> keras_hadamard.layers.BLOCK(6, mm_dim=10, chunks=4, rank=3)([image, question]).shape
    TensorShape([2, 6])

    Reference:
        - [BLOCK: Bilinear Superdiagonal Fusion (Ben-younes et al., 2019)](
          https://arxiv.org/abs/1902.00038)
    """

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "mm_dim"

    def __init__(
        self,
        units: int,
        mm_dim: int = 1600,
        chunks: int = 20,
        rank: int = 15,
        activation: Activation = None,
        projection_activation: Activation = None,
        dropout: float = 0.0,
        projection_dropout: float = 0.0,
        normalize: bool = True,
        normalize_position: str = "before_cat",
        normalize_axis: int = -1,
        use_core_bias: bool = False,
        shared_projections: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(units, **kwargs)
        self.mm_dim = positive_int("mm_dim", mm_dim)
        self.chunks = positive_int("chunks", chunks)
        self.sizes = chunk_sizes(self.mm_dim, self.chunks)
        self.rank = positive_int("rank", rank)
        self.activation = get_activation(activation)
        self.projection_activation = get_activation(projection_activation)
        self.dropout = fraction("dropout", dropout)
        self.projection_dropout = fraction("projection_dropout", projection_dropout)
        self.normalize = bool(normalize)
        self.normalize_position = one_of(
            "normalize_position", normalize_position, ("before_cat", "after_cat")
        )
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
        self.projections = project_each(
            self,
            input_shape,
            self.mm_dim,
            activation=self.projection_activation,
            shared=self.shared_projections,
        )
        self.cores = build_cores(
            self,
            LowRankCore,
            positions,
            self.sizes,
            use_bias=self.use_core_bias,
            rank=self.rank,
            shared=self.shared_projections,
        )
        self.output_projection = self.project(
            self.units, "output_projection", input_shape=(*positions, self.mm_dim)
        )

    def call(self, inputs: list[Tensor], training: bool | None = None) -> Tensor:
        u, v = apply_each(self.projections, inputs, self._projection_dropout, training)
        chunks = apply_cores(self.cores, self.sizes, u, v)
        if self.normalize and self.normalize_position == "before_cat":
            chunks = [power_normalize(z, chunk_axis(self.normalize_axis, z)) for z in chunks]
        z = join_chunks(chunks)
        if self.normalize and self.normalize_position == "after_cat":
            z = power_normalize(z, self.normalize_axis)
        z = dropped(self._dropout, z, training)
        return self.activation(self.output_projection(z))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "mm_dim": self.mm_dim,
            "chunks": self.chunks,
            "rank": self.rank,
            "activation": serialize_activation(self.activation),
            "projection_activation": serialize_activation(self.projection_activation),
            "dropout": self.dropout,
            "projection_dropout": self.projection_dropout,
            "normalize": self.normalize,
            "normalize_position": self.normalize_position,
            "normalize_axis": self.normalize_axis,
            "use_core_bias": self.use_core_bias,
            "shared_projections": self.shared_projections,
            "seed": self.seed,
        }
