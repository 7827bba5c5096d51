"""Base class of focal modulations, and their levels of context."""

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.typing import Activation, Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers._masks import apply_mask, masked_mean


class FocalLayer(BaseLayer):
    """Base of focal modulations: their arguments; weights are initialised as in PyTorch."""

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
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", FanInUniform())
        kwargs.setdefault("bias_initializer", FanInUniform())
        super().__init__(**kwargs)
        self.levels = positive_int("levels", levels)
        self.window = positive_int("window", window)
        if isinstance(factor, bool) or not isinstance(factor, int) or factor < 0:
            raise received("`factor` to be an integer of at least zero", factor=factor)
        self.factor = factor
        self.post_norm = bool(post_norm)
        self.normalize_modulator = bool(normalize_modulator)
        self.activation = get_activation(activation)
        self.use_output_bias = bool(use_output_bias)
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)
        self.supports_masking = True

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
            "depthwise_initializer": keras.initializers.serialize(self.depthwise_initializer),
        }


def convolve_levels(
    layer: FocalLayer, sizes: Sequence[int | tuple[int, int]], shape: Shape
) -> list[Any]:
    """Creates a depthwise convolution of each size, applied one after another to a context."""
    return [
        convolve_depthwise(
            layer,
            size,
            f"depthwise_{level + 1}",
            use_bias=False,
            kernel_initializer=layer.depthwise_initializer,
            input_shape=shape,
        )
        for level, size in enumerate(sizes)
    ]


def modulator(
    context: Tensor,
    gates: Tensor,
    levels: Sequence[Callable[[Tensor], Tensor]],
    activation: Callable[[Tensor], Tensor],
    mask: Tensor | None,
) -> Tensor:
    """The sum of the contexts of all levels and the mean of an image, each times its gate.

    `sum_l g_l * c_l + g_(L + 1) * act(mean(c_L))` with `c_l = act(D_l(c_(l - 1)))`, in float32 at
    least.
    """
    dtype = accumulation_dtype(context.dtype)
    mask = None if mask is None else ops.cast(mask, "bool")
    *local, whole = ops.split(ops.cast(gates, dtype), len(levels) + 1, axis=-1)
    total: Any = 0.0
    for depthwise, gate in zip(levels, local, strict=True):
        # Masked positions count as the padding does, on every level.
        context = activation(depthwise(apply_mask(context, mask)))
        total = total + ops.cast(context, dtype) * gate
    pooled = masked_mean(ops.cast(context, dtype), mask, axes=(1, 2))
    return total + activation(pooled) * whole
