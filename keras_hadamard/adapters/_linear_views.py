"""Layers that compute `x W + b`, so that an adapter need not form a matrix of `W`'s size."""

from typing import Any

import keras
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import Kernel, lora_of
from keras_hadamard._core.typing import Tensor
from keras_hadamard.adapters._adapter import Linear, Update, Weights
from keras_hadamard.ops._inputs import whole_ids


def linear_view_of(kernel: Kernel) -> "DenseView | None":
    """The linear view of the kernel's layer, or None where only its own `call` can compute it."""
    layer = kernel.layer
    for kind, linear_view in LINEAR_VIEWS.items():
        # A subclass with its own `call` may compute anything.
        if isinstance(layer, kind) and type(layer).call is kind.call:
            return linear_view(kernel) if linear_view.fits(layer) else None
    return None


class DenseView:
    """`keras.layers.Dense`."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.layer = kernel.layer

    @staticmethod
    def fits(layer: Any) -> bool:
        # The computation of a quantised layer is left to it, including the activation.
        return layer.quantization_mode is None or _linear(layer)

    def call(self, original: Linear, adapters: Any, x: Tensor) -> Tensor:
        """The layer's outputs with the `adapters` and their weights, applied one after another."""
        quantized = self.layer.quantization_mode is not None
        if not self.fits(self.layer):
            raise received(
                f"{self.kernel.path!r}, which has an activation, to be quantised after merging",
                quantization_mode=self.layer.quantization_mode,
            )
        linear = original if quantized else self.linear
        for adapter, weights in adapters:
            linear = adapter.adapted(linear, self, weights)
        y = linear(x)
        return y if _linear(self.layer) else self.layer.activation(y)

    def linear(self, x: Tensor) -> Tensor:
        """The layer's own call, up to the activation."""
        y = ops.matmul(x, self._kernel())
        return y if self.layer.bias is None else ops.add(y, self.layer.bias)

    def _kernel(self) -> Tensor:
        # Without it TensorFlow's tape computes the gradient of a frozen kernel, unused.
        kernel = ops.convert_to_tensor(self.kernel.variable)
        more = lora_of(self.kernel)
        kernel = kernel if more is None else kernel + ops.cast(more, kernel.dtype)
        return kernel if self.layer.trainable else ops.stop_gradient(kernel)

    def matrix(self) -> Tensor:
        if self.layer.quantization_mode is not None:
            raise received(
                "an adapter that does not need the kernel's own values, as those of LoRA and LoHa, "
                f"for {self.kernel.path!r}, which is quantised",
                quantization_mode=self.layer.quantization_mode,
            )
        kernel, axes = self._kernel(), self.kernel.axes
        if axes != tuple(range(len(axes))):
            kernel = ops.transpose(kernel, axes)
        return ops.reshape(kernel, (-1, self.kernel.view[2]))

    def bias(self) -> Tensor:
        return 0.0 if self.layer.bias is None else ops.convert_to_tensor(self.layer.bias)

    def product(self, update: Update, x: Tensor, weights: Weights) -> Tensor:
        weights = {name: ops.cast(value, x.dtype) for name, value in weights.items()}
        w = ops.cast(self.matrix(), x.dtype) if update.uses_kernel else None
        return update.product(x, w, weights)

    def on_inputs(self, vector: Tensor) -> Tensor:
        return vector

    def on_outputs(self, vector: Tensor) -> Tensor:
        return vector


class EinsumView(DenseView):
    """`keras.layers.EinsumDense`, where the kernel's letters are inputs or outputs, never both."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel)
        inputs, weights, outputs = _operands(self.layer.equation)
        sizes = dict(zip(weights, kernel.shape, strict=True))
        self.inputs, self.outputs = inputs, outputs
        self.contracted = [c for c in weights if c in inputs]
        self.made = [c for c in weights if c in outputs]
        self.sizes = sizes

    @staticmethod
    def fits(layer: Any) -> bool:
        inputs, weights, outputs = _operands(layer.equation)
        return (
            DenseView.fits(layer)
            and all((c in inputs) != (c in outputs) for c in weights)
            and all(c in outputs for c in inputs if c not in weights)
            and all("." not in part.removeprefix("...") for part in (inputs, outputs))
        )

    def linear(self, x: Tensor) -> Tensor:
        y = ops.einsum(self.layer.equation, x, self._kernel())
        return y if self.layer.bias is None else ops.add(y, self.layer.bias)

    def product(self, update: Update, x: Tensor, weights: Weights) -> Tensor:
        rank = len(x.shape)
        inputs = _axes(self.inputs, rank)
        kept = [c for c in inputs if c not in self.contracted]
        x = ops.transpose(x, [inputs.index(c) for c in kept + self.contracted])
        shape = ops.shape(x)[: len(kept)]
        y = super().product(update, ops.reshape(x, (*shape, self.kernel.view[1])), weights)
        y = ops.reshape(y, (*shape, *(self.sizes[c] for c in self.made)))
        outputs = _axes(self.outputs, len(y.shape))
        return ops.transpose(y, [(kept + self.made).index(c) for c in outputs])

    def on_inputs(self, vector: Tensor) -> Tensor:
        return self._broadcast(vector, self.contracted, self.inputs)

    def on_outputs(self, vector: Tensor) -> Tensor:
        return self._broadcast(vector, self.made, self.outputs)

    def _broadcast(self, vector: Tensor, letters: list[str], axes: str) -> Tensor:
        tensor = ops.reshape(vector, [self.sizes[c] for c in letters])
        there = [c for c in axes if c in letters]
        tensor = ops.transpose(tensor, [letters.index(c) for c in there])
        # An ellipsis comes first, where broadcasting adds the axes.
        return ops.reshape(
            tensor, [self.sizes[c] if c in letters else 1 for c in axes.replace(".", "")]
        )


class EmbeddingView(DenseView):
    """`keras.layers.Embedding`, a product with rows that are 1 at one place: rows of the matrix."""

    @staticmethod
    def fits(layer: Any) -> bool:
        return True

    def call(self, original: Linear, adapters: Any, x: Tensor) -> Tensor:
        linear = original
        for adapter, weights in adapters:
            linear = adapter.adapted(linear, self, weights)
        return linear(x)

    def bias(self) -> Tensor:
        return 0.0

    def product(self, update: Update, x: Tensor, weights: Weights) -> Tensor:
        x = whole_ids(ops.convert_to_tensor(x))
        rows = {
            name: ops.take(value, x, axis=0) if name in update.of_inputs else value
            for name, value in weights.items()
        }
        w = ops.take(self.matrix(), x, axis=0) if update.uses_kernel else None
        return ops.cast(update.update(w, rows), self.layer.compute_dtype)

    def on_inputs(self, vector: Tensor) -> Tensor:
        raise received(
            f"an adapter that scales outputs for {self.kernel.path!r}, whose inputs are indices",
            layer=self.layer,
        )


LINEAR_VIEWS: dict[type[keras.layers.Layer], type[DenseView]] = {
    keras.layers.Dense: DenseView,
    keras.layers.EinsumDense: EinsumView,
    keras.layers.Embedding: EmbeddingView,
}


def _linear(layer: Any) -> bool:
    return layer.activation is None or layer.activation is keras.activations.linear


def _operands(equation: str) -> tuple[str, str, str]:
    operands, outputs = equation.replace(" ", "").split("->")
    inputs, weights = operands.split(",")
    return inputs, weights, outputs


def _axes(letters: str, rank: int) -> list[str]:
    """A name for each axis, the ellipsis written out."""
    named = letters.replace(".", "")
    if named == letters:
        return list(letters)
    front = letters.index("...")
    unnamed = [f"...{i}" for i in range(rank - len(named))]
    return [*letters[:front], *unnamed, *letters[front + 3 :]]
