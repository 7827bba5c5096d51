"""HorNet's mixer of whole images: a filter in the frequency domain and a small kernel."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Initializer, ProjectionArguments, Shape, Tensor
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._convolutions import convolve_depthwise
from keras_hadamard.layers._fan_in import FanInUniform
from keras_hadamard.layers._normalization import normalization
from keras_hadamard.ops._spectral_filter import spectral_filter

EPSILON = 1e-6


@serializable
class GlobalLocalFilter2D(BaseLayer):
    """Half of the channels with a depthwise 3x3, half with a learned spectrum, alternating.

    For images of other sizes, the spectrum is interpolated between its corners.
    """

    def __init__(
        self,
        spectrum_shape: Any,
        depthwise_initializer: Initializer = None,
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        kwargs.setdefault("kernel_initializer", FanInUniform())
        kwargs.setdefault("bias_initializer", FanInUniform())
        super().__init__(**kwargs)
        self.spectrum_shape = tuple(spectrum_shape)
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)

    def build(self, input_shape: Shape) -> None:
        width = input_shape[-1] or 0
        if width % 2:
            raise received("an even number of channels in the global filter", channels=width)
        how = {"policy": self.dtype_policy, "input_shape": input_shape, "epsilon": EPSILON}
        self.before = normalization("layer", "before", **how)
        self.depthwise = convolve_depthwise(
            self,
            3,
            "depthwise",
            use_bias=False,
            kernel_initializer=self.depthwise_initializer,
            input_shape=(*input_shape[:-1], width // 2),
        )
        self.spectrum = self.add_weight(
            name="spectrum",
            shape=(2, width // 2, *self.spectrum_shape),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            autocast=False,
        )
        self.after = normalization("layer", "after", **how)

    def call(self, inputs: Tensor) -> Tensor:
        local, whole = ops.split(self.before(inputs), 2, axis=-1)
        dtype = accumulation_dtype(whole.dtype)
        rows, width = ops.shape(whole)[1:3]
        spectrum = _resized(ops.cast(self.spectrum, dtype), rows, width // 2 + 1)
        filtered = spectral_filter(ops.cast(whole, dtype), spectrum)
        pairs = ops.stack([self.depthwise(local), ops.cast(filtered, local.dtype)], axis=-1)
        return self.after(ops.reshape(pairs, ops.shape(inputs)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "spectrum_shape": self.spectrum_shape,
            "depthwise_initializer": keras.initializers.serialize(self.depthwise_initializer),
        }


def _resized(spectrum: Tensor, rows: Any, columns: Any) -> Tensor:
    """The spectrum (2, channels, rows, columns) in another size, its corners kept."""
    for axis, size in ((2, rows), (3, columns)):
        known = spectrum.shape[axis]
        if size != known or not isinstance(size, int):
            matrix = _interpolation(known, size, spectrum.dtype)
            spectrum = ops.moveaxis(ops.tensordot(spectrum, matrix, axes=(axis, 0)), -1, axis)
    return spectrum


def _interpolation(known: int, size: Any, dtype: Any) -> Tensor:
    """The matrix (known, size) that interpolates linearly."""
    steps = ops.cast(ops.maximum(size - 1, 1), dtype)
    at = ops.cast(ops.arange(size), dtype) * (known - 1) / steps
    near = ops.abs(at - ops.expand_dims(ops.cast(ops.arange(known), dtype), 1))
    return ops.relu(1 - near)
