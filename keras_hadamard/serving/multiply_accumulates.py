"""Count of the multiplications that a model takes for one example, by its graph."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

Shape = list[int]
# Loops and calls by the attributes that name their functions.
CALLS = {"PartitionedCall": "f", "StatefulPartitionedCall": "f"}
LOOPS = ("While", "StatelessWhile")


def multiply_accumulates(model: keras.Model) -> int:
    """Returns how many multiplications the model takes for one example.

    Counted are matrix products, convolutions and products by element; the body of a loop as often
    as the loop may turn. Axes of unknown length count as 1.

    Args:
        model: `keras.Model` with inputs of known shapes.

    Returns:
        A Python integer.

    Example:

    >>> import keras
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> keras_hadamard.serving.multiply_accumulates(model)
    32
    """
    specs = [
        tf.TensorSpec([1, *(n or 1 for n in x.shape[1:])], x.dtype, name=x.name)
        for x in model.inputs
    ]
    names = [x.name for x in model.inputs]
    named = isinstance(getattr(model, "input", None), dict)

    def call(*tensors: Any) -> Any:
        several = dict(zip(names, tensors, strict=True)) if named else list(tensors)
        return model(tensors[0] if len(names) == 1 and not named else several, training=False)

    graph = tf.function(call).get_concrete_function(*specs).graph
    definition = graph.as_graph_def(add_shapes=True)
    functions = {f.signature.name: f for f in definition.library.function}
    used = _used(definition.node, {t.op.name for t in graph.outputs})
    return _nodes(used, {}, {}, functions)


def _used(nodes: Iterable[Any], outputs: set[str]) -> list[Any]:
    """The nodes that the outputs are made of; a recurrence leaves a step that nobody takes."""
    by_name = {node.name: node for node in nodes}
    found: set[str] = set()
    ahead = list(outputs)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [i.split(":")[0] for i in by_name[name].input if not i.startswith("^")]
    return [node for name, node in by_name.items() if name in found]


def _nodes(
    nodes: Iterable[Any], shapes: dict[str, Shape], values: dict[str, int], functions: Any
) -> int:
    """The multiplications of nodes; `shapes` and `values` know the arguments of a function."""
    nodes = list(nodes)
    for node in nodes:
        for index, shape in enumerate(node.attr["_output_shapes"].list.shape):
            shapes[f"{node.name}:{index}"] = [max(1, d.size) for d in shape.dim]
        if node.op == "Const" and node.attr["value"].tensor.dtype == tf.int32.as_datatype_enum:
            value = tf.make_ndarray(node.attr["value"].tensor)
            if value.ndim == 0:
                values[f"{node.name}:0"] = int(value)
    for node in nodes:
        # Keras takes the most of one length.
        if node.op in ("Max", "Identity") and _reference(node.input[0]) in values:
            values[f"{node.name}:0"] = values[_reference(node.input[0])]
    total = 0
    for node in nodes:
        inputs = [_reference(name) for name in node.input if not name.startswith("^")]
        known = [shapes.get(name, []) for name in inputs]
        output = shapes.get(f"{node.name}:0", [])
        if node.op in COUNTS:
            total += COUNTS[node.op](node, known, output)
        elif node.op in CALLS:
            total += _function(
                node.attr[CALLS[node.op]].func.name, inputs, shapes, values, functions
            )
        elif node.op in LOOPS:
            # Its second variable is the most turns, where that is known.
            turns = max(1, values.get(inputs[1], 1)) if len(inputs) > 1 else 1
            body = node.attr["body"].func.name
            total += turns * _function(body, inputs, shapes, values, functions)
        elif node.op in ("If", "StatelessIf"):
            branches = (node.attr[b].func.name for b in ("then_branch", "else_branch"))
            total += max(_function(b, inputs[1:], shapes, values, functions) for b in branches)
    return total


def _function(
    name: str, inputs: list[str], shapes: dict[str, Shape], values: dict[str, int], functions: Any
) -> int:
    function = functions[name]
    own: dict[str, Shape] = {}
    constants: dict[str, int] = {}
    for argument, given in zip(function.signature.input_arg, inputs, strict=False):
        own[f"{argument.name}:0"] = shapes.get(given, [])
        if given in values:
            constants[f"{argument.name}:0"] = values[given]
    return _nodes(function.node_def, own, constants, functions)


def _reference(name: str) -> str:
    """`node`, `node:1` and a function's `node:output:1` as `node:1`."""
    node, *rest = name.split(":")
    return f"{node}:{rest[-1] if rest else 0}"


def _matmul(node: Any, inputs: list[Shape], output: Shape) -> int:
    first = inputs[0]
    turned = node.attr["transpose_a"].b or node.attr["adj_x"].b
    return math.prod(output) * (first[-2] if turned else first[-1])


def _convolution(node: Any, inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * math.prod(inputs[1][:-1])


def _depthwise(node: Any, inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * math.prod(inputs[1][:-2])


def _einsum(node: Any, inputs: list[Shape], output: Shape) -> int:
    equation = node.attr["equation"].s.decode().split("->")[0].split(",")
    sizes: dict[str, int] = {}
    rest = 1
    for term, shape in zip(equation, inputs, strict=True):
        before, dots, after = term.partition("...")
        free = len(shape) - len(before) - len(after)
        rest = max(rest, math.prod(shape[len(before) : len(before) + free]) if dots else 1)
        sizes.update(zip(before, shape, strict=False))
        sizes.update(zip(after, shape[len(shape) - len(after) :], strict=False))
    return rest * math.prod(sizes.values())


def _elements(node: Any, inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) if output else 1


COUNTS: dict[str, Callable[[Any, list[Shape], Shape], int]] = {
    "MatMul": _matmul,
    "BatchMatMulV2": _matmul,
    "BatchMatMulV3": _matmul,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Einsum": _einsum,
    "Mul": _elements,
    "Square": _elements,
}
