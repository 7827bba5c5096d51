"""Cross-attention to media behind gates that start closed."""

from typing import Any, Unpack

from keras import ops

from keras_hadamard._core.checks import positive_int, positive_number, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._masks import all_of, apply_mask, masked_softmax
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.fusion._conditioned import ConditionedLayer


@serializable
class GatedCrossAttention(ConditionedLayer):
    """Gated cross-attention (the block of Flamingo): a language model's tokens look at media.

    `h = x + tanh(g) * W_o attention(W_q N(x), W_k m, W_v m)`, then
    `y = h + tanh(f) * W_2 gelu(W_1 N(h))`, with `N` a layer normalisation and the scalars `g` and
    `f`, which start at zero: the block starts as the identity, so it can stand between the layers
    of a trained network. Without biases, as in Flamingo; the media `m` are not normalised.

    If `media_locations` says at which tokens the images stand, a token sees only the last image
    before it, or at it. Before the first image it reads zero.

    Args:
        heads: Integer, the number of heads. Defaults to `8`.
        key_dim: Integer, the width of a head. Defaults to `64`.
        expansion: Number, the width of the feed-forward network in widths of `x`. Defaults to `4`.
        only_last: Boolean, whether a token with `media_locations` sees only the last image, or all
            images so far. Defaults to `True`.
        epsilon: Float, of the normalisations. Defaults to `1e-5`.
        **kwargs: Arguments of the projections (`use_bias`, off by default, `kernel_initializer`,
            `bias_initializer`, their regularizers and constraints, as in `keras.layers.Dense`) and
            of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: List `[x, media]`.
        media_locations: Boolean tensor `(batch, length)`, true at a token where the next image
            stands. Defaults to `None`: every token sees all media.
        mask: List of the mask of `x`, `(batch, length)`, and that of the media, of their positions.

    Input shape:
        `x` is `(batch, length, features)`, `media` is `(batch, images, positions, width)`, or
        `(batch, positions, width)` of one image. All but the widths may be unknown.

    Output shape:
        The shape of `x`.

    Weights:
        `2 * heads * key_dim * (width_1 + width_2) + 2 * width_1 * (width_1 * expansion // 1) + 4 *
        width_1 + 2`, with `width_1` the features of `x` and `width_2` those of the media.

    Masking:
        Masked positions of the media are not seen. The mask of `x` is passed on.

    Numerics:
        Normalisations, softmax and gates are computed in float32 under 16-bit policies.

    Raises:
        ValueError: If an argument is out of range, or the inputs are not a list of two float
            tensors that fit together.

    Example:

    >>> text, images = keras.ops.ones((2, 9, 6)), keras.ops.ones((2, 3, 16, 8))
    >>> places = keras.ops.arange(9) % 3 == 0
    >>> layer = keras_hadamard.layers.GatedCrossAttention(heads=2, key_dim=4)
    >>> layer([text, images], media_locations=keras.ops.stack([places, places])).shape
    TensorShape([2, 9, 6])

    Reference:
        - [Flamingo: a Visual Language Model for Few-Shot Learning (Alayrac et al., 2022)](
          https://arxiv.org/abs/2204.14198)
    """

    def __init__(
        self,
        heads: int = 8,
        key_dim: int = 64,
        expansion: float = 4,
        only_last: bool = True,
        epsilon: float = 1e-5,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("use_bias", False)
        super().__init__(data_format="channels_last", **kwargs)
        self.heads = positive_int("heads", heads)
        self.key_dim = positive_int("key_dim", key_dim)
        self.expansion = positive_number("expansion", expansion)
        self.only_last = bool(only_last)
        self.epsilon = positive_number("epsilon", epsilon)

    def build(self, input_shape: list[Shape]) -> None:
        x, media = self.shapes(input_shape)
        width, inner = int(x[-1] or 0), self.heads * self.key_dim
        hidden_units = max(1, int(width * self.expansion))
        norm = {"policy": self.dtype_policy, "input_shape": x, "epsilon": self.epsilon}
        self.attention_norm = normalization("layer", "attention_norm", **norm)
        self.query_projection = self.project(inner, "query_projection", input_shape=x)
        self.key_projection = self.project(inner, "key_projection", input_shape=media)
        self.value_projection = self.project(inner, "value_projection", input_shape=media)
        self.output_projection = self.project(
            width, "output_projection", input_shape=(*x[:-1], inner)
        )
        self.hidden_norm = normalization("layer", "hidden_norm", **norm)
        self.hidden_projection = self.project(
            hidden_units, "hidden_projection", activation="gelu", input_shape=x
        )
        self.final_projection = self.project(
            width, "final_projection", input_shape=(*x[:-1], hidden_units)
        )
        self.attention_gate = self.add_weight(name="attention_gate", shape=(), initializer="zeros")
        self.hidden_gate = self.add_weight(name="hidden_gate", shape=(), initializer="zeros")

    def call(
        self, inputs: list[Tensor], media_locations: Tensor | None = None, mask: Any = None
    ) -> Tensor:
        masks = mask if isinstance(mask, list | tuple) else [mask, None]
        x, media = (apply_mask(z, m) for z, m in zip(inputs, masks, strict=True))
        if len(media.shape) == 3:
            media = media[:, None]
        images, positions = ops.shape(media)[1:3]
        seen = None
        if masks[1] is not None:
            seen = ops.reshape(masks[1], (-1, 1, 1, images * positions))
        if media_locations is not None:
            seen = all_of([seen, self._seen(media_locations, images, positions)])
        media = ops.reshape(media, (-1, images * positions, media.shape[-1]))
        q = self._in_heads(self.query_projection(self.attention_norm(x)))
        k = self._in_heads(self.key_projection(media))
        v = self._in_heads(self.value_projection(media))
        # A query is scaled before the product, which would overflow float16 otherwise.
        scores = ops.matmul(q * self.key_dim**-0.5, ops.swapaxes(k, -1, -2))
        read = ops.matmul(masked_softmax(scores, seen, -1), v)
        read = ops.reshape(
            ops.transpose(read, (0, 2, 1, 3)), (-1, ops.shape(x)[1], self.heads * self.key_dim)
        )
        read = self.output_projection(ops.cast(read, self.compute_dtype))
        h = x + self._open(self.attention_gate) * read
        y = self.final_projection(self.hidden_projection(self.hidden_norm(h)))
        return h + self._open(self.hidden_gate) * y

    def _open(self, gate: Tensor) -> Tensor:
        return ops.cast(ops.tanh(ops.cast(gate, self.variable_dtype)), self.compute_dtype)

    def _in_heads(self, projected: Tensor) -> Tensor:
        dtype = accumulation_dtype(self.compute_dtype)
        shape = (-1, ops.shape(projected)[1], self.heads, self.key_dim)
        return ops.transpose(ops.reshape(ops.cast(projected, dtype), shape), (0, 2, 1, 3))

    def _seen(self, locations: Tensor, images: Any, positions: Any) -> Tensor:
        """Which token sees which position, (batch, 1, length, images * positions)."""
        so_far = ops.cumsum(ops.cast(ops.cast(locations, "bool"), "int32"), axis=1)
        number = ops.repeat(ops.arange(images) + 1, positions)
        number = ops.cast(number, "int32")
        so_far = so_far[:, :, None]
        seen = so_far == number if self.only_last else so_far >= number
        return seen[:, None]

    def check_shapes(self, x: Shape, condition: Shape, *more: Shape) -> None:
        del more
        if len(x) != 3 or len(condition) not in (3, 4) or condition[-1] is None:
            raise received(
                "`x` to be (batch, length, features) and `media` (batch, images, positions, width) "
                "or (batch, positions, width) of known widths",
                x_shape=x,
                media_shape=condition,
            )

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "expansion": self.expansion,
            "only_last": self.only_last,
            "epsilon": self.epsilon,
        }
        # The features are last, independent of Keras's image data format.
        del config["data_format"]
        return config
