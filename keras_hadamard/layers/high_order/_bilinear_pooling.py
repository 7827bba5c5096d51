"""What the bilinear poolings share: one or two feature maps in, one normalised vector out."""

from abc import abstractmethod
from typing import Any

from keras import ops

from keras_hadamard._checks import one_of, received
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers._channels import channels_axis, image_format, to_last
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.ops._precision import at_least_float32
from keras_hadamard.ops.l2_normalize import l2_normalize
from keras_hadamard.ops.signed_sqrt import signed_sqrt

# The least norm to divide by, as `l2_normalize` has it.
EPSILON = 1e-12


class BilinearPooling(KernelFreeLayer):
    """Base of the poolings: a subclass sums the products of two feature maps over positions."""

    def __init__(
        self,
        reduce: str,
        use_signed_sqrt: bool,
        use_l2_normalization: bool,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.reduce = one_of("reduce", reduce, ("mean", "sum"))
        self.use_signed_sqrt = bool(use_signed_sqrt)
        self.use_l2_normalization = bool(use_l2_normalization)
        self.data_format = image_format(data_format)

    def call(self, inputs: Any) -> Tensor:
        maps = [self._rows(x) for x in (inputs if isinstance(inputs, list | tuple) else [inputs])]
        z = self.pool(maps[0], maps[-1])
        # Of unit length, the sum and the mean are one.
        if self.reduce == "mean" and not self.use_l2_normalization:
            z = z / ops.cast(ops.maximum(ops.shape(maps[0])[1], 1), z.dtype)
        return ops.cast(self._normalise(z), self.compute_dtype)

    def _normalise(self, z: Tensor) -> Tensor:
        if not self.use_l2_normalization:
            return signed_sqrt(z) if self.use_signed_sqrt else z
        if not self.use_signed_sqrt:
            return l2_normalize(z)
        # The square of the norm of the roots is the sum of the magnitudes.
        norm = ops.sum(ops.abs(z), axis=-1, keepdims=True)
        return signed_sqrt(z / ops.maximum(norm, EPSILON**2))

    @abstractmethod
    def pool(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum over positions of `(batch, positions, channels)` maps, in at least float32."""

    def channels(self, input_shape: Any) -> tuple[int, int]:
        """The channels of both maps, once they are known to fit together."""
        name = type(self).__name__
        many = len(input_shape) > 0 and all(isinstance(s, list | tuple) for s in input_shape)
        shapes = [tuple(s) for s in input_shape] if many else [tuple(input_shape)]
        axis = channels_axis(self.data_format)
        if len(shapes) > 2 or any(len(s) != 4 or s[axis] is None for s in shapes):
            raise received(
                f"`{name}` to be called on one or two feature maps of rank 4 with known channels",
                shapes=shapes,
            )
        positions = [s[1:3] if axis == -1 else s[2:] for s in shapes]
        sides = zip(positions[0], positions[-1], strict=True)
        if any(None not in pair and pair[0] != pair[1] for pair in sides):
            raise received(f"the maps of `{name}` to have equal positions", shapes=shapes)
        return int(shapes[0][axis]), int(shapes[-1][axis])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "reduce": self.reduce,
            "use_signed_sqrt": self.use_signed_sqrt,
            "use_l2_normalization": self.use_l2_normalization,
            "data_format": self.data_format,
        }

    def _rows(self, x: Tensor) -> Tensor:
        x = to_last(x, self.data_format)
        batch, height, width, channels = ops.shape(x)
        x = ops.reshape(x, (batch, height * width, channels))
        # Sums over thousands of positions overflow float16.
        return ops.cast(x, at_least_float32(self.compute_dtype))


def moments(x: Tensor, y: Tensor) -> Tensor:
    """The outer products of `(batch, positions, channels)` maps, summed over positions, flat."""
    products = ops.matmul(ops.transpose(x, (0, 2, 1)), y)
    return ops.reshape(products, (ops.shape(x)[0], x.shape[-1] * y.shape[-1]))


def first(input_shape: Any) -> Shape:
    """The shape of the first map."""
    return tuple(input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape)
