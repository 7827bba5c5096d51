"""The common form of all methods as a layer: branches, their product, a reduction."""

import functools
import operator
from collections.abc import Sequence
from typing import Any, Unpack

import keras
from keras import ops

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import BaseArguments, Shape, Tensor
from keras_hadamard.layers._kernel_free import KernelFreeLayer
from keras_hadamard.layers._masks import all_of, apply_mask, masked_mean
from keras_hadamard.layers._shared_layers import deserialized, serialized
from keras_hadamard.ops.factorized_bilinear_pool import factorized_bilinear_pool


@serializable
class HadamardProduct(KernelFreeLayer):
    """Product of branches, reduced, projected and added to the input.

    `y = output(reduce(branch_1 * branch_2 * ...)) + skip` is the form that all methods of this
    package share. A new one is defined by its branches: any Keras layers, all applied to one input,
    or each to its own input of a list. `MLB`, `GatedDense`, `StarOperation`, `FeatureCross`,
    `SqueezeExcite2D`, `PolyNonLocal` and others are such products with equal outputs.

    Args:
        branches: Sequence of two or more Keras layers, one for each factor of the product.
            `keras.layers.Identity()` is a branch that passes its input unchanged. A layer that is
            given twice has one set of weights, also in a file or clone.
        output: Keras layer that is applied to the reduced product. Defaults to `None`.
        reduce: `"mean"` over all positions (axes between batch and features, which are kept with
            length 1), or an integer, the number of neighbouring features that are summed. Defaults
            to `None`, no reduction.
        skip: Boolean, whether to add the input; for a list of inputs, the first one. Defaults to
            `False`.
        **kwargs: Arguments of the base layer (`name`, `dtype`, `trainable`).

    Call arguments:
        inputs: Tensor, or a list of as many tensors as there are branches.

    Input shape:
        The inputs of the branches; their outputs must broadcast to one shape.

    Output shape:
        The shape of the product, after `reduce` and `output`.

    Weights:
        `sum(branch.count_params() for branch in branches)`, and those of `output`.

    Masking:
        A position is valid where it is valid in every input that has a mask. The mask leaves masked
        positions out of `"mean"`, and is passed on otherwise. Branches get masked positions is
        zeros.

    Numerics:
        Products are computed in the compute dtype, with an integer `reduce` in float32.

    Raises:
        ValueError: If there are fewer than two branches, an argument is not a layer, or the numbers
            of inputs and branches differ.

    Example:

    >>> from keras.layers import Dense
    >>> glu = keras_hadamard.layers.HadamardProduct([Dense(8), Dense(8, activation="sigmoid")])
    >>> glu(keras.ops.ones((2, 5))).shape
    TensorShape([2, 8])

    Reference:
        - [Hadamard product in deep learning (Chrysos et al., 2025)](
          https://arxiv.org/abs/2504.13112)
    """

    def __init__(
        self,
        branches: Sequence[keras.layers.Layer],
        output: keras.layers.Layer | None = None,
        reduce: str | int | None = None,
        skip: bool = False,
        **kwargs: Unpack[BaseArguments],
    ) -> None:
        super().__init__(**kwargs)
        # No autocast: a branch that looks up indices would get rounded ones.
        self.autocast = False
        if not isinstance(branches, list | tuple) or len(branches) < 2:
            raise received("`branches` to be a sequence of two or more layers", branches=branches)
        for layer in (*branches, output):
            if layer is not None and not isinstance(layer, keras.layers.Layer):
                raise received("`branches` and `output` to be Keras layers", layer=layer)
        if reduce not in (None, "mean"):
            reduce = positive_int("reduce", reduce)
        if isinstance(reduce, int) and len(branches) != 2:
            raise received("two branches for an integer `reduce`", branches=len(branches))
        self.branches = list(branches)
        self.output_layer = output
        self.reduce = reduce
        self.skip = bool(skip)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        for branch, shape in zip(self.branches, self._shapes(input_shape), strict=True):
            if not branch.built:
                branch.build(shape)
        if self.output_layer is not None and not self.output_layer.built:
            self.output_layer.build(self._reduced_shape(input_shape))

    def call(self, inputs: Tensor | list[Tensor], mask: Any = None) -> Tensor:
        many = isinstance(inputs, list | tuple)
        each = list(inputs) if many else [inputs] * len(self.branches)
        masks = mask if isinstance(mask, list | tuple) else [mask] * len(each)
        each = [apply_mask(x, valid) for x, valid in zip(each, masks, strict=True)]
        # Branches keep the policy that they were made with.
        outputs = [
            ops.cast(branch(x), self.compute_dtype)
            for branch, x in zip(self.branches, each, strict=True)
        ]
        if isinstance(self.reduce, int):
            product = factorized_bilinear_pool(*outputs, factor=self.reduce)
        else:
            product = functools.reduce(operator.mul, outputs)
        if self.reduce == "mean":
            axes = tuple(range(1, len(product.shape) - 1))
            product = masked_mean(product, all_of(mask), axes)
        if self.output_layer is not None:
            product = ops.cast(self.output_layer(product), self.compute_dtype)
        return product + ops.cast(each[0], self.compute_dtype) if self.skip else product

    def compute_mask(self, inputs: Any, mask: Any = None) -> Tensor | None:
        return None if self.reduce == "mean" else all_of(mask)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shape = self._reduced_shape(input_shape)
        if self.output_layer is not None:
            shape = tuple(self.output_layer.compute_output_shape(shape))
        return _broadcast(shape, self._shapes(input_shape)[0]) if self.skip else shape

    def get_config(self) -> dict[str, Any]:
        *branches, output = serialized([*self.branches, self.output_layer])
        return {
            **super().get_config(),
            "branches": branches,
            "output": output,
            "reduce": self.reduce,
            "skip": self.skip,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "HadamardProduct":
        *branches, output = deserialized([*config["branches"], config["output"]])
        config = {**config, "branches": branches, "output": output}
        layer: HadamardProduct = super().from_config(config)
        return layer

    def _shapes(self, input_shape: Any) -> list[Shape]:
        """The shape of each branch's input."""
        many = bool(input_shape) and isinstance(input_shape[0], list | tuple)
        if not many:
            return [tuple(input_shape)] * len(self.branches)
        if len(input_shape) != len(self.branches):
            raise received(
                f"one tensor, or a list of {len(self.branches)}, one for each branch",
                shape=input_shape,
            )
        return [tuple(shape) for shape in input_shape]

    def _reduced_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        outputs = [
            tuple(branch.compute_output_shape(shape))
            for branch, shape in zip(self.branches, shapes, strict=True)
        ]
        shape = functools.reduce(_broadcast, outputs)
        if self.reduce == "mean":
            return (shape[0], *[1] * (len(shape) - 2), shape[-1])
        if isinstance(self.reduce, int):
            return (*shape[:-1], (shape[-1] or 0) // self.reduce)
        return shape


def _broadcast(one: Shape, other: Shape) -> Shape:
    shape = []
    rank = max(len(one), len(other))
    pairs = ((1,) * (rank - len(s)) + tuple(s) for s in (one, other))
    for m, n in zip(*pairs, strict=True):
        if m != n and None not in (m, n) and 1 not in (m, n):
            raise received("branches whose outputs broadcast to one shape", shapes=[one, other])
        shape.append(n if m in (1, None) and n != 1 else m)
    return tuple(shape)
