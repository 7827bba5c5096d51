"""The graph of a model as a list of operations.

The one file of the analyses that needs TensorFlow: Keras has no graph of operations.
"""

import functools
import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard._core.typing import Tensor
from keras_hadamard.analysis._kinds import HEADS, SHAPES


@dataclass(frozen=True, eq=False)
class Node:
    """One operation of a graph, with its operands and results by name."""

    op: str
    layer: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    # The operands by the names of the function in `tf.raw_ops`, as places in `inputs`.
    places: tuple[tuple[str, Any], ...]
    attributes: tuple[tuple[str, Any], ...]
    # The dtypes of the results in the model itself.
    dtypes: tuple[str, ...] = ()

    def run(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The results, in the dtype of the operands."""
        if self.op == "Const":
            return [tf.constant(dict(self.attributes)["value"])]
        wide = any(t.dtype in (tf.float64, tf.complex128) for t in tensors)
        arguments: dict[str, Any] = {
            name: [tensors[i] for i in place] if isinstance(place, list) else tensors[place]
            for name, place in self.places
        }
        for name, value in self.attributes:
            arguments[name] = _widened(value) if wide else value
        results = getattr(tf.raw_ops, self.op)(**arguments)
        if isinstance(results, tf.Tensor):
            return [results]
        return list(results) if isinstance(results, (list, tuple)) else []


class Graph:
    """The operations that the outputs of a model are made of, in their order."""

    def __init__(self, model: keras.Model) -> None:
        self.specs = specs_of(model)
        structure = _structure(model)
        # The names by which a dictionary has the inputs.
        self.keys = (
            sorted(structure) if isinstance(structure, dict) else [s.name for s in self.specs]
        )

        def call(*tensors: Any) -> Any:
            given: Any = tensors[0]
            if structure is not None:
                given = keras.tree.pack_sequence_as(structure, list(tensors))
            return keras.tree.flatten(model(given, training=False))

        # Functions inside of it are written out, and not called.
        eager = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(True)
        try:
            concrete = tf.function(call, autograph=False).get_concrete_function(
                *(tf.TensorSpec(s.shape, s.dtype) for s in self.specs)
            )
        finally:
            tf.config.run_functions_eagerly(eager)
        graph = concrete.graph
        variables = {id(v.handle): v for v in graph.variables}
        self.captured = {
            inner.name: variables.get(id(outer), outer) for outer, inner in graph.captures
        }
        self.inputs = [t.name for t in graph.inputs if t.name not in self.captured]
        self.outputs = [t.name for t in graph.outputs]
        known = {layer.name for layer in all_layers(model)}
        needed = _needed(graph.outputs)
        self.nodes = [
            _node(op, known)
            for op in graph.get_operations()
            if op.name in needed and op.type != "Placeholder"
        ]
        self.dependent = self._find_dependent()

    def _find_dependent(self) -> set[str]:
        found = set(self.inputs)
        for node in self.nodes:
            if node.op not in SHAPES and found.intersection(node.inputs):
                found.update(node.outputs)
        return found

    def logits(self) -> tuple[list[str], bool]:
        """The outputs, before a softmax or sigmoid where there is one, and whether there is."""
        made = {name: node for node in self.nodes for name in node.outputs}
        found, any_head = [], False
        for name in self.outputs:
            inner = name
            while inner in made and made[inner].op in ("Identity", "Cast", "Reshape"):
                inner = made[inner].inputs[0]
            head = inner in made and made[inner].op in HEADS
            any_head |= head
            found.append(made[inner].inputs[0] if head else name)
        return found, any_head


@dataclass(frozen=True)
class Spec:
    """One input of a model."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    def of_batch(self, batch: int) -> tuple[int, ...]:
        """The shape of a batch; all other sizes are known."""
        return (batch, *(n or 1 for n in self.shape[1:]))

    @property
    def size(self) -> int:
        return math.prod(n or 1 for n in self.shape[1:])


def specs_of(model: keras.Model) -> list[Spec]:
    """The inputs of a model, whose sizes must be known but for the batch."""
    tensors = getattr(model, "inputs", None)
    if tensors:
        specs = [
            Spec(t.name, tuple(t.shape), keras.backend.standardize_dtype(t.dtype)) for t in tensors
        ]
    else:
        config = model.get_build_config() or {}
        shape = config.get("input_shape")
        if not isinstance(shape, (tuple, list)) or not all(
            isinstance(n, int) or n is None for n in shape
        ):
            raise received(
                "a model with known inputs: build it from `keras.Input`, or call it on one tensor",
                model=model,
            )
        specs = [Spec("inputs", tuple(shape), keras.config.floatx())]
    for spec in specs:
        if any(n is None for n in spec.shape[1:]):
            raise received(
                "inputs of known sizes, but for the batch: `keras.Sequential([keras.Input(shape), "
                "model])` gives a model its sizes",
                shape=spec.shape,
            )
    return [Spec(s.name, (None, *s.shape[1:]), s.dtype) for s in specs]


def _structure(model: keras.Model) -> Any:
    """The inputs as the model takes them, or None for one tensor."""
    if not getattr(model, "inputs", None) or isinstance(model, keras.Sequential):
        return None
    return getattr(model, "input", None)


def gradient(
    function: Callable[[list[Tensor]], list[Tensor]], at: list[Tensor], upstream: list[Tensor]
) -> list[Tensor]:
    """The vector-Jacobian product of a function of tensors; zeros where nothing depends."""
    with tf.GradientTape() as tape:
        tape.watch(at)
        results = function(at)
    return list(tape.gradient(results, at, upstream, unconnected_gradients="zero"))


def weight_jacobian(model: keras.Model, x: Any, output: int) -> list[Tensor]:
    """The derivatives of one output of each example by each trainable weight."""
    weights = [v.value for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        results = keras.tree.flatten(model(x, training=False))[0]
        results = tf.reshape(results, [tf.shape(results)[0], -1])[:, output]
    return list(tape.jacobian(results, weights, unconnected_gradients="zero"))


def _needed(outputs: Sequence[Any]) -> set[str]:
    found: set[str] = set()
    ahead = [t.op for t in outputs]
    while ahead:
        op = ahead.pop()
        if op.name not in found:
            found.add(op.name)
            ahead += [t.op for t in op.inputs]
    return found


def _node(op: Any, known: set[str]) -> Node:
    if op.type in ("StopGradient", "PreventGradient"):
        # Steps are differentiated for what they compute.
        names = tuple(t.name for t in op.inputs), tuple(t.name for t in op.outputs)
        dtypes = tuple(t.dtype.name for t in op.outputs)
        return Node("Identity", _layer(op.name, known), *names, (("input", 0),), (), dtypes)
    places: list[tuple[str, Any]] = []
    attributes: list[tuple[str, Any]] = []
    function = getattr(tf.raw_ops, op.type, None)
    if function is not None:
        parameters = [p for p in _parameters(op.type) if p != "name"]
        arguments = [a.name for a in op.op_def.input_arg]
        kinds = {a.name for a in op.op_def.attr}
        # Some operands have other names in Python, in the same order.
        others = iter([p for p in parameters if p not in arguments and p not in kinds])
        at = 0
        for argument in op.op_def.input_arg:
            name = argument.name if argument.name in parameters else next(others)
            if argument.number_attr or argument.type_list_attr:
                count = (
                    op.get_attr(argument.number_attr)
                    if argument.number_attr
                    else len(op.get_attr(argument.type_list_attr))
                )
                places.append((name, list(range(at, at + count))))
                at += count
            else:
                places.append((name, at))
                at += 1
        attributes = [(name, op.get_attr(name)) for name in parameters if name in kinds]
        # What is left are attributes with other names in Python.
        inferred = {a.number_attr for a in op.op_def.input_arg}
        inferred |= {a.type_list_attr for a in op.op_def.input_arg}
        inferred |= {a.type_attr for a in op.op_def.input_arg}
        renamed = [a.name for a in op.op_def.attr if a.name not in {*parameters, *inferred}]
        attributes += [
            (name, op.get_attr(attribute)) for name, attribute in zip(others, renamed, strict=False)
        ]
    if op.type == "Const":
        attributes = [("value", tf.make_ndarray(op.get_attr("value")))]
    return Node(
        op.type,
        _layer(op.name, known),
        tuple(t.name for t in op.inputs),
        tuple(t.name for t in op.outputs),
        tuple(places),
        tuple(attributes),
        tuple(t.dtype.name for t in op.outputs),
    )


@functools.cache
def _parameters(op: str) -> tuple[str, ...]:
    return tuple(inspect.signature(getattr(tf.raw_ops, op)).parameters)


def _layer(name: str, known: set[str]) -> str:
    """The path of the layer: TensorFlow numbers names that it has seen before."""
    parts = name.split("/")
    found = []
    for part in parts[:-1]:
        plain = part
        while plain not in known and re.search(r"_\d+$", plain):
            plain = re.sub(r"_\d+$", "", plain)
        if plain in known:
            found.append(plain)
    return "/".join(found) or name


WIDE = {
    tf.float16: tf.float64,
    tf.bfloat16: tf.float64,
    tf.float32: tf.float64,
    tf.complex64: tf.complex128,
}


def _widened(value: Any) -> Any:
    return WIDE.get(value, value) if isinstance(value, tf.DType) else value


def read(tensor: Any) -> Tensor:
    """The value of a variable that the graph captured, or the tensor itself."""
    return tensor.read_value() if isinstance(tensor, tf.Variable) else tensor


def static_value(tensor: Any) -> np.ndarray | None:
    """The value of a tensor that is known, or None for one that is being traced."""
    value = tf.get_static_value(tensor)
    return None if value is None else np.asarray(value)
