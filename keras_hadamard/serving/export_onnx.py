"""Writes a model as ONNX, for ONNX Runtime and other readers."""

import importlib
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard.ops._portable import portable_ops
from keras_hadamard.serving import _samples
from keras_hadamard.serving._endpoint import Endpoint, endpoint_of
from keras_hadamard.serving._onnx_axes import name_axes
from keras_hadamard.serving.artifact import Arrays, Artifact, publish

TOLERANCE = 1e-4
# Read by every ONNX Runtime since 1.14, of 2023.
_OPSET = 18


def export_onnx(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    examples: Mapping[str, Any] | None = None,
) -> Artifact:
    """Writes a model as ONNX, with batches of any size, and compares it in ONNX Runtime.

    Inputs and outputs have the names that `serving.export` gives them. Their first axis is called
    `batch`, and another open axis by the name and the place, such as `tokens_1`. The file is
    run on batches of 1, 3 and 8, and compared with the Keras model: within 1e-4 of the output's
    scale. What differs by more is written too, and its report says so.

    Args:
        model: A `keras.Model` that is built.
        path: Path of the file, which ends in `.onnx`. Replaced whole if it exists.
        examples: Dict of arrays by name of input, the rows of which are used for the comparison.
            Defaults to `None`, random inputs.

    Returns:
        An `Artifact`, with size, difference and times.

    Raises:
        ValueError: If the model is not built, `examples` do not fit, or ONNX does not have the ops
            of the model.
        ImportError: If tf2onnx or ONNX Runtime, of the extra `onnx`, is not installed.
        OSError: If the file cannot be written.

    Example:

    >>> import keras
    >>> import keras_hadamard
    >>> inputs = keras.Input((4,), name="features")
    >>> model = keras.Model(inputs, keras.layers.Dense(1, name="score")(inputs))
    >>> keras_hadamard.serving.export_onnx(model, "model.txt")
    Traceback (most recent call last):
    ValueError: Expected `path` to end in .onnx. Received: path='model.txt'
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise received("`path` to end in .onnx", path=str(path))
    given = _samples.as_arrays(examples)
    endpoint = endpoint_of(model, given)
    inputs = _samples.inputs_for(model, endpoint, given)
    tf2onnx, runtime = (_require(name) for name in ("tf2onnx", "onnxruntime"))
    content = _convert(tf2onnx, endpoint)
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    # Its errors derive only from Exception.
    except Exception as error:
        raise received("a model that ONNX Runtime can run", reason=_reason(error)) from error
    names = [output.name for output in session.get_outputs()]
    taken = {value.name for value in session.get_inputs()}

    def run(values: Arrays) -> Arrays:
        # The converter drops inputs that no output depends on.
        fed = {
            name: values[name].astype(spec.dtype.as_numpy_dtype)
            for name, spec in endpoint.specs.items()
            if name in taken
        }
        try:
            return dict(zip(names, session.run(names, fed), strict=True))
        except Exception as error:
            raise received("a model that ONNX Runtime can run", reason=_reason(error)) from error

    return publish(path, content, "ONNX", endpoint, run, list(inputs.values()), TOLERANCE)


def _require(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'ONNX needs {module}: pip install "keras-hadamard[onnx]". Received: {error}'
        ) from error


def _convert(tf2onnx: Any, endpoint: Endpoint) -> bytes:
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    # It reports each op that it does not have and continues; what is missing is raised below.
    logger.setLevel(logging.CRITICAL)
    function = tf.function(endpoint.call, autograph=False)
    try:
        with portable_ops():
            proto, _ = tf2onnx.convert.from_function(
                function,
                input_signature=[endpoint.specs],
                opset=_OPSET,
                custom_op_handlers={"Expm1": (_expm1, []), "Erfc": (_erfc, [])},
            )
            _keep_constants(proto, function.get_concrete_function(endpoint.specs).graph.captures)
    except Exception as error:
        raise received("a model of ops that ONNX has", reason=_reason(error)) from error
    finally:
        logger.setLevel(level)
    content: bytes = name_axes(importlib.import_module("onnx"), proto).SerializeToString()
    return content


def _keep_constants(proto: Any, captures: Any) -> None:
    """Tensors that a layer keeps beside its weights, such as means, are no inputs of the file."""
    values = {inside.name: outside for outside, inside in captures}
    numpy_helper = importlib.import_module("onnx.numpy_helper")
    for value in [value for value in proto.graph.input if value.name in values]:
        array = values[value.name].numpy()
        proto.graph.initializer.append(numpy_helper.from_array(array, value.name))
        proto.graph.input.remove(value)


def _expm1(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """`exp(x) - 1 = tanh(x / 2) * (exp(x) + 1)`, which is as exact near zero."""
    (x,), (output,) = node.input, node.output
    kind = {"shapes": [graph.get_shape(output)], "dtypes": [graph.get_dtype(output)]}
    half, one = (
        graph.make_const(f"{name}_{value}", np.array(value, "float32")).output[0]
        for value in (0.5, 1.0)
    )
    tanh = graph.make_node("Tanh", graph.make_node("Mul", [x, half]).output).output[0]
    above = graph.make_node("Add", [graph.make_node("Exp", [x]).output[0], one]).output[0]
    graph.remove_node(node.name)
    graph.make_node("Mul", [tanh, above], name=name, outputs=[output], **kind)


def _erfc(graph: Any, node: Any, name: str, _: list[Any]) -> None:
    """`1 - erf(x)`, in which GELU multiplies what is nearly 0 by `x`: exact enough."""
    (x,), (output,) = node.input, node.output
    kind = {"shapes": [graph.get_shape(output)], "dtypes": [graph.get_dtype(output)]}
    one = graph.make_const(f"{name}_one", np.array(1.0, "float32")).output[0]
    erf = graph.make_node("Erf", [x]).output[0]
    graph.remove_node(node.name)
    graph.make_node("Sub", [one, erf], name=name, outputs=[output], **kind)


def _reason(error: Exception) -> str:
    """The ops in question, or the beginning of what is said."""
    text = " ".join(str(error).split())
    # The converter keeps TensorFlow's name of an op that it has none for.
    ops = re.findall(r"No Op registered for (\w+)", text)
    return f"no op for {', '.join(ops)}" if ops else text[:300]
