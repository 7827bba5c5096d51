"""Focal modulation over one or two axes."""

from typing import Any, ClassVar

from keras import ops

from keras_hadamard._checks import positive_int, received
from keras_hadamard._typing import Activation, Initializer, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._channels import image_format, to_last, to_last_shape
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers._masks import counted, masked_mean
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.layers.pairwise._depthwise_mixer import DepthwiseMixer, multiplied
from keras_hadamard.ops._precision import at_least_float32


class FocalModulation(DepthwiseMixer):
    """Base of focal modulation over `rank` axes; a sequence is an image of one row."""

    rank: ClassVar[int] = 2

    def __init__(
        self,
        levels: int,
        window: int,
        factor: int,
        post_norm: bool,
        normalize_modulator: bool,
        activation: Activation,
        use_output_bias: bool,
        depthwise_initializer: Initializer,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(depthwise_initializer, **kwargs)
        self.levels = positive_int("levels", levels)
        self.window = positive_int("window", window)
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 0:
            raise received("`factor` to be an integer of at least zero", factor=factor)
        self.factor = factor
        self.post_norm = bool(post_norm)
        self.normalize_modulator = bool(normalize_modulator)
        self.activation = get_activation(activation)
        self.use_output_bias = bool(use_output_bias)
        self.data_format = image_format(data_format)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        shape = self._known(input_shape)
        self.width = width = int(shape[-1] or 0)
        self.input_projection = self.project(
            2 * width + self.levels + 1, "input_projection", input_shape=shape
        )
        sizes = [self.window + self.factor * level for level in range(self.levels)]
        self.depthwise = [
            convolve_depthwise(
                self,
                size if self.rank == 2 else (1, size),
                f"depthwise_{i + 1}",
                use_bias=False,
                kernel_initializer=self.depthwise_initializer,
                input_shape=shape,
            )
            for i, size in enumerate(sizes)
        ]
        self.modulator_projection = self.project(width, "modulator_projection", input_shape=shape)
        self.normalization = None
        if self.post_norm:
            self.normalization = normalization(
                "layer", "normalization", policy=self.dtype_policy, input_shape=shape
            )
        self.output_projection = self.project(
            width, "output_projection", use_bias=self.use_output_bias, input_shape=shape
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        x = to_last(inputs, self.data_format) if self.rank == 2 else ops.expand_dims(inputs, 1)
        if mask is not None:
            mask = ops.cast(mask if self.rank == 2 else ops.expand_dims(mask, 1), "bool")
        query, context, gates = ops.split(
            self.input_projection(counted(x, mask)), (self.width, 2 * self.width), axis=-1
        )
        modulator = self.modulator_projection(self._modulator(context, gates, mask))
        y = multiplied(query, modulator)
        y = self.output_projection(y if self.normalization is None else self.normalization(y))
        if self.rank == 1:
            return ops.squeeze(y, 1)
        return to_last(y, self.data_format, back=True)

    def _modulator(self, context: Tensor, gates: Tensor, mask: Tensor | None) -> Tensor:
        """The contexts of all levels and of all positions, each by its gate, added up."""
        dtype = at_least_float32(context.dtype)
        *local, whole = ops.split(ops.cast(gates, dtype), self.levels + 1, axis=-1)
        total: Any = 0.0
        for depthwise, gate in zip(self.depthwise, local, strict=True):
            # Masked positions count as the padding does, on every level.
            context = self.activation(depthwise(counted(context, mask)))
            total = total + ops.cast(context, dtype) * gate
        pooled = masked_mean(ops.cast(context, dtype), mask, axes=(1, 2))
        total = total + self.activation(pooled) * whole
        if self.normalize_modulator:
            total = total / (self.levels + 1)
        return ops.cast(total, context.dtype)

    def _known(self, input_shape: Shape) -> Shape:
        """The shape as that of an image, its channels last and known."""
        shape = tuple(input_shape)
        if len(shape) == self.rank + 2:
            last = to_last_shape(shape, self.data_format) if self.rank == 2 else shape
            if last[-1] is not None:
                return last if self.rank == 2 else (last[0], 1, *last[1:])
        what = "an image" if self.rank == 2 else "a sequence"
        raise received(f"{what} of known channels", shape=shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._known(input_shape)
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "levels": self.levels,
            "window": self.window,
            "factor": self.factor,
            "post_norm": self.post_norm,
            "normalize_modulator": self.normalize_modulator,
            "activation": serialize_activation(self.activation),
            "use_output_bias": self.use_output_bias,
        }
