"""The steps of a model: what is affine in the inputs, what is a product, what is neither."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.analysis._graph import WIDE, Node, read, static_value
from keras_hadamard.analysis._kinds import CALLS, LINEAR, PRODUCTS


@dataclass(frozen=True)
class Affine:
    """A step that is affine in its operands: those that depend on the input of the model.

    `run` is the step itself, `linear` is without its constant term, and `absolute` has the
    absolute values of the coefficients, or is None where these are not known.
    """

    node: Node
    operands: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Callable[..., list[Tensor]]
    linear: Callable[..., list[Tensor]]
    absolute: Callable[..., list[Tensor]] | None
    # Whether it multiplies by constants, and whether it has a constant term.
    scales: bool = False
    constant: bool = False


@dataclass(frozen=True)
class Product:
    """A step that is linear in each of two operands, with coefficients of 0 and 1."""

    node: Node
    operands: tuple[str, str]
    outputs: tuple[str, ...]
    run: Callable[[Tensor, Tensor], Tensor]
    # Whether it multiplies element by element.
    elementwise: bool


@dataclass(frozen=True)
class Blocked:
    """A step that is no polynomial of its operands."""

    node: Node
    operands: tuple[str, ...]
    outputs: tuple[str, ...]


Step = Affine | Product | Blocked


class Lowering:
    """Makes steps of nodes, while it computes their values."""

    def __init__(self, values: dict[str, Tensor], dependent: set[str], exact: bool) -> None:
        self.values = values
        self.dependent = dependent
        self.exact = exact
        self.steps: list[Step] = []

    def add(self, node: Node) -> None:
        if not all(name in self.values for name in node.inputs):
            self.block(node)
            return
        tensors = [self.values[name] for name in node.inputs]
        dependent = bool(self.dependent.intersection(node.outputs))
        if dependent and node.op in CALLS:
            self.block(node)
            return
        if node.op == "ReadVariableOp":
            results = [read(tensors[0])]
        elif node.op == "FusedBatchNormV3":
            results = [_normalised(node, tensors)] * len(node.outputs)
        else:
            results = node.run(tensors)
        results = [self._wide(t) for t in results]
        self.values.update(zip(node.outputs, results, strict=False))
        if dependent:
            self._step(node, tensors)

    def block(self, node: Node) -> None:
        self.steps.append(Blocked(node, node.inputs, node.outputs))

    def _wide(self, tensor: Tensor) -> Tensor:
        wide = WIDE.get(tensor.dtype) if self.exact else None
        return tensor if wide is None else ops.cast(tensor, wide)

    def _step(self, node: Node, tensors: list[Tensor]) -> None:
        places = [i for i, name in enumerate(node.inputs) if name in self.dependent]
        numbers = all(_is_number(tensors[i]) for i in places) and all(
            _is_number(self.values[name]) for name in node.outputs if name in self.values
        )
        if node.op == "IdentityN":
            # One of the operands may be a constant, or no number, where the others are.
            for name, output in zip(node.inputs, node.outputs, strict=True):
                if name in self.dependent:
                    inner = _identity(node, name, output)
                    self._step(inner, [self.values[name]])
        elif node.op in LINEAR and numbers and not (node.op == "Cast" and _is_integer_cast(node)):
            self.steps.append(_affine(node, tensors, places))
        elif node.op in PRODUCTS and numbers and set(places) <= {0, 1}:
            self._product(node, tensors, places)
        elif node.op == "Conv2DBackpropInput" and numbers and places == [2]:
            self.steps.append(_scaled(node, tensors, 2, 1))
        elif node.op in ("RealDiv", "Div", "DivNoNan") and numbers and places == [0]:
            self.steps.append(_scaled(node, tensors, 0, 1))
        elif node.op == "FusedBatchNormV3" and numbers and places == [0]:
            self._batch_normalisation(node, tensors)
        elif node.op == "Square" and numbers:
            self._multiply(node, node.inputs[0], node.inputs[0], node.outputs[0])
        elif node.op == "SquaredDifference" and numbers:
            self._squared_difference(node, tensors, places)
        elif node.op == "Pow" and numbers and places == [0] and _exponent(tensors[1]):
            self._power(node, _exponent(tensors[1]))
        elif node.op == "Prod" and numbers and places == [0]:
            self._reduced_product(node, tensors)
        else:
            self.block(node)

    def _multiply(self, node: Node, first: str, second: str, output: str) -> str:
        if output not in self.values:
            self.values[output] = self.values[first] * self.values[second]
        self.steps.append(Product(node, (first, second), (output,), _times, True))
        return output

    def _product(self, node: Node, tensors: list[Tensor], places: list[int]) -> None:
        if len(places) == 1:
            self.steps.append(_scaled(node, tensors, places[0], 1 - places[0]))
            return

        def run(first: Tensor, second: Tensor) -> Tensor:
            return node.run([first, second, *tensors[2:]])[0]

        pair = (node.inputs[0], node.inputs[1])
        self.steps.append(Product(node, pair, node.outputs, run, node.op == "Mul"))

    def _batch_normalisation(self, node: Node, tensors: list[Tensor]) -> None:
        if dict(node.attributes)["is_training"]:
            self.block(node)
            return

        def run(x: Tensor) -> list[Tensor]:
            return [_normalised(node, [x, *tensors[1:]])]

        def linear(x: Tensor) -> list[Tensor]:
            zero = ops.zeros_like(tensors[2])
            return [_normalised(node, [x, tensors[1], zero, zero, tensors[4]])]

        def absolute(x: Tensor) -> list[Tensor]:
            zero = ops.zeros_like(tensors[2])
            return [_normalised(node, [x, ops.abs(tensors[1]), zero, zero, tensors[4]])]

        self.steps.append(
            Affine(node, node.inputs[:1], node.outputs[:1], run, linear, absolute, True, True)
        )

    def _squared_difference(self, node: Node, tensors: list[Tensor], places: list[int]) -> None:
        name = f"{node.outputs[0]}/difference"
        inner = Node("Sub", node.layer, node.inputs, (name,), (("x", 0), ("y", 1)), ())
        self.values[name] = tensors[0] - tensors[1]
        self.steps.append(_affine(inner, tensors, places))
        self._multiply(node, name, name, node.outputs[0])

    def _power(self, node: Node, exponent: int) -> None:
        """By squares: as few products on the longest path as there can be."""
        base, output = node.inputs[0], node.outputs[0]
        if exponent == 1:
            self.steps.append(_affine(_identity(node, base, output), [self.values[base]], [0]))
            return
        self._power_of(node, base, exponent, output)

    def _power_of(self, node: Node, base: str, exponent: int, output: str) -> str:
        if exponent == 1:
            return base
        half = exponent // 2
        first = self._power_of(node, base, half, f"{output}/{half}")
        second = first
        if exponent % 2:
            second = self._power_of(node, base, half + 1, f"{output}/{half + 1}")
        return self._multiply(node, first, second, output)

    def _reduced_product(self, node: Node, tensors: list[Tensor]) -> None:
        """The product over axes: slices, multiplied as a balanced tree."""
        x, given = tensors[0], static_value(tensors[1])
        if given is None or None in x.shape[1:]:
            self.block(node)
            return
        axes = sorted(int(a) % x.shape.rank for a in np.ravel(given))
        keep = dict(node.attributes)["keep_dims"]
        size = int(np.prod([x.shape[a] for a in axes]))
        rest = [a for a in range(x.shape.rank) if a not in axes]
        shape = [x.shape[a] for a in rest]

        def slices(value: Tensor) -> list[Tensor]:
            turned = ops.reshape(ops.transpose(value, [*axes, *rest]), [size, *shape])
            return list(ops.unstack(turned, num=size))

        names = [f"{node.outputs[0]}/{i}" for i in range(size)]
        inner = Node("Unpack", node.layer, node.inputs[:1], tuple(names), (), ())
        self.values.update(zip(names, slices(x), strict=True))
        self.steps.append(Affine(inner, node.inputs[:1], tuple(names), slices, slices, slices))
        level = 0
        while len(names) > 1:
            pairs = [names[i : i + 2] for i in range(0, len(names), 2)]
            names = [
                pair[0]
                if len(pair) == 1
                else self._multiply(node, pair[0], pair[1], f"{node.outputs[0]}/{level}/{i}")
                for i, pair in enumerate(pairs)
            ]
            level += 1
        kept = [1 if a in axes else x.shape[a] for a in range(x.shape.rank)]

        def shaped(value: Tensor) -> list[Tensor]:
            return [ops.reshape(value, kept if keep else shape)]

        last = Node("Reshape", node.layer, (names[0],), node.outputs, (), ())
        self.steps.append(Affine(last, (names[0],), node.outputs, shaped, shaped, shaped))


def _times(first: Tensor, second: Tensor) -> Tensor:
    return first * second


def _is_number(tensor: Any) -> bool:
    return bool(tensor.dtype.is_floating or tensor.dtype.is_complex)


def _is_integer_cast(node: Node) -> bool:
    to = dict(node.attributes).get("DstT")
    return to is not None and not (to.is_floating or to.is_complex)


def _exponent(tensor: Any) -> int:
    """A positive integer that is the same everywhere, or 0."""
    powers = static_value(tensor)
    if powers is None or not powers.size or np.any(powers != powers.flat[0]):
        return 0
    power = float(powers.flat[0])
    return int(power) if power.is_integer() and 0 < power <= 64 else 0


def _identity(node: Node, first: str, output: str) -> Node:
    return Node("Identity", node.layer, (first,), (output,), (("input", 0),), ())


def _affine(node: Node, tensors: list[Tensor], places: list[int]) -> Affine:
    """A node that is linear in all its floating operands together."""
    data = [i for i, t in enumerate(tensors) if _is_number(t)]
    fixed = [i for i in data if i not in places]

    def put(given: Sequence[Tensor], rest: Callable[[Tensor], Tensor]) -> list[Tensor]:
        operands = [rest(t) if i in fixed else t for i, t in enumerate(tensors)]
        for i, t in zip(places, given, strict=True):
            operands[i] = t
        return operands

    def run(*given: Tensor) -> list[Tensor]:
        return node.run(put(given, lambda t: t))

    def linear(*given: Tensor) -> list[Tensor]:
        return node.run(put(given, ops.zeros_like))

    absolute: Callable[..., list[Tensor]] | None = linear if LINEAR[node.op] else None
    if node.op == "Neg":

        def absolute(given: Tensor) -> list[Tensor]:
            return [given]

    elif node.op == "Sub":

        def absolute(*given: Tensor) -> list[Tensor]:
            first, second = put(given, ops.zeros_like)
            return [first + second]

    operands = tuple(node.inputs[i] for i in places)
    return Affine(node, operands, node.outputs, run, linear, absolute, False, bool(fixed))


def _scaled(node: Node, tensors: list[Tensor], place: int, other: int) -> Affine:
    """A product with a constant, at place `other`."""

    def run(given: Tensor) -> list[Tensor]:
        operands = list(tensors)
        operands[place] = given
        return node.run(operands)

    def absolute(given: Tensor) -> list[Tensor]:
        operands = list(tensors)
        operands[place], operands[other] = given, ops.abs(tensors[other])
        return node.run(operands)

    real = not tensors[other].dtype.is_complex
    return Affine(
        node, (node.inputs[place],), node.outputs, run, run, absolute if real else None, True
    )


def _normalised(node: Node, tensors: list[Tensor]) -> Tensor:
    """Batch normalisation by constant statistics; TensorFlow has it in float32 only."""
    x, scale, offset, mean, variance = tensors
    attributes = dict(node.attributes)
    if attributes["is_training"]:
        axes = [0, 1, 2] if attributes["data_format"] != b"NCHW" else [0, 2, 3]
        mean, variance = ops.moments(x, axes)
    shape = [1, -1, 1, 1] if attributes["data_format"] in (b"NCHW", "NCHW") else [1, 1, 1, -1]
    gain = scale / ops.sqrt(variance + ops.cast(attributes["epsilon"], x.dtype))
    return (x - ops.reshape(mean, shape)) * ops.reshape(gain, shape) + ops.reshape(offset, shape)
