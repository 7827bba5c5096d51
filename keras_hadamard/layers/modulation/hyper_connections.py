"""Hyper-connections in place of a skip."""

from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.dtypes import accumulation_dtype
from keras_hadamard._core.introspection.private import masked_by
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Activation, BaseArguments, Shape, Tensor
from keras_hadamard.activations import get as get_activation
from keras_hadamard.activations import serialize as serialize_activation
from keras_hadamard.layers._kernel_free import KernelFreeLayer


@serializable
class HyperConnections(KernelFreeLayer):
    """A layer between several residual streams, which gates read, mix and write.

    `y_s = sum_t A_ts x_t + b_s f(sum_t a_t x_t)` replaces `x + f(x)`: the layer `f` reads the
    streams `x_t` with the weights `a`, `A` mixes them, and `b` writes to them. Each is a learnt
    weight and a gate of the stream itself, `a = a_0 + 0.01 tanh(N(x) W)`, where `N` divides by the
    root of the mean square and scales by `1 + gamma`; both factors 0.01, one for `b` and one for
    the others, are learnt. Repeat an input over a new axis to have streams, and sum over it at the
    end.

    Args:
        branch: Keras layer, whose output has the shape of its input; with its own normalisation, if
            it is to have one.
        streams: Integer, the number of streams. Defaults to `4`.
        index: Integer, the place of the layer in the network: at first it reads the stream of this
            number, modulo `streams`. Defaults to `0`.
        dynamic: Boolean, whether there are gates, or only the learnt weights. Defaults to `True`.
        activation: Name or function of the gates' activation, or `None`. Defaults to `"tanh"`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor.

    Input shape:
        `(batch, ..., streams, width)`.

    Output shape:
        The shape of the input.

    Weights:
        `branch.count_params() + streams * (streams + 2) + dynamic * (width * (streams + 3) + 2)`.
        At first a read stream, no mixing and the weight one for each written stream: on equal
        streams it is `x + f(x)`.

    Masking:
        The mask, of the positions, is passed to the layer and on.

    Numerics:
        Norms, gates and sums over streams are float32 under 16-bit policies. The paper has a layer
        normalisation before the gates; the root of the mean square is that of the code which is
        mostly used.

    Raises:
        ValueError: If an argument is out of range, the input has other streams or an unknown width,
            or the layer changes the shape.

    Example:

    >>> dense = keras.layers.Dense(8)
    >>> x = keras.ops.repeat(keras.ops.ones((2, 5, 1, 8)), 4, axis=2)
    >>> y = keras_hadamard.layers.HyperConnections(dense)(x)
    >>> keras.ops.sum(y, axis=2).shape
    TensorShape([2, 5, 8])

    Reference:
        - [Hyper-Connections (Zhu et al., 2024)](https://arxiv.org/abs/2409.19606)
    """

    def __init__(
        self,
        branch: keras.layers.Layer,
        streams: int = 4,
        index: int = 0,
        dynamic: bool = True,
        activation: Activation = "tanh",
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(branch, keras.layers.Layer):
            raise received("`branch` to be a Keras layer", branch=branch)
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise received("`index` to be an integer that is not negative", index=index)
        self.branch = branch
        self.streams = positive_int("streams", streams)
        self.index = index
        self.dynamic = bool(dynamic)
        self.activation = get_activation(activation)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        *positions, streams, width = self.compute_output_shape(input_shape)
        self.read = self._weight("read", (streams,), self._one_stream)
        self.mixing = self._weight("mixing", (streams, streams), "identity")
        self.write = self._weight("write", (streams,), "ones")
        if self.dynamic:
            self.gamma = self._weight("gamma", (width,), "zeros")
            # Of the gates that read, of those that mix, and of those that write.
            self.gate_kernel = self._weight("gate_kernel", (width, 2 + self.streams), "zeros")
            small = keras.initializers.Constant(0.01)
            self.read_scale, self.write_scale = (
                self._weight(name, (), small) for name in ("read_scale", "write_scale")
            )
        if not self.branch.built:
            self.branch.build((*positions, width))

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        x = ops.cast(inputs, accumulation_dtype(inputs.dtype))
        read, mixing, write = (ops.cast(w, x.dtype) for w in (self.read, self.mixing, self.write))
        if self.dynamic:
            gates = self._gates(x)
            scales = (ops.cast(s, x.dtype) for s in (self.read_scale, self.write_scale))
            read_scale, write_scale = scales
            read = read + read_scale * gates[..., 0]
            mixing = mixing + read_scale * gates[..., 1:-1]
            write = write + write_scale * gates[..., -1]
        seen = ops.cast(ops.sum(read[..., None] * x, axis=-2), inputs.dtype)
        branch = self.branch(masked_by(seen, mask))
        branch = ops.cast(branch, x.dtype)[..., None, :]
        mixed = ops.matmul(ops.swapaxes(mixing, -1, -2), x)
        return ops.cast(mixed + write[..., None] * branch, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = tuple(input_shape)
        if len(shape) < 3 or shape[-2] != self.streams or shape[-1] is None:
            raise received(
                f"an input (batch, ..., {self.streams}, width) of known width", shape=shape
            )
        inner = (*shape[:-2], shape[-1])
        after = tuple(self.branch.compute_output_shape(inner))
        if len(after) != len(inner) or after[-1] != inner[-1]:
            raise received("a `branch` that keeps the shape", before=inner, after=after)
        return shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "branch": keras.saving.serialize_keras_object(self.branch),
            "streams": self.streams,
            "index": self.index,
            "dynamic": self.dynamic,
            "activation": serialize_activation(self.activation),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "HyperConnections":
        branch = keras.saving.deserialize_keras_object(config["branch"])
        layer: HyperConnections = super().from_config({**config, "branch": branch})
        return layer

    def _gates(self, x: Tensor) -> Tensor:
        """One that reads, some that mix and one that writes, for each stream."""
        square = ops.mean(ops.square(x), axis=-1, keepdims=True)
        norm = ops.where(square > 0, ops.rsqrt(ops.where(square > 0, square, 1)), 0)
        x = x * norm * (1 + ops.cast(self.gamma, x.dtype))
        gates = ops.matmul(x, ops.cast(self.gate_kernel, x.dtype))
        return self.activation(gates)

    def _one_stream(self, shape: Shape, dtype: Any = None) -> Tensor:
        return ops.one_hot(self.index % self.streams, self.streams, dtype=dtype)

    def _weight(self, name: str, shape: Shape, initializer: Any) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)
