"""Reads what a SavedModel says about itself, without loading it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_hadamard._core.checks import received

SIGNATURE = "serving_default"

# These run Python inside the process that exported them, and no other process has that Python.
_PYTHON_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
# The first demands a compilation; the second marks what lies in a `jit_scope`. A server without XLA
# refuses both. Other `_Xla...` attributes only carry hints between TensorFlow's own passes.
_XLA_MARKS = ("_XlaMustCompile", "_XlaCompile")

_HALF_TOLERANCES = {tf.float16.as_datatype_enum: 1e-2, tf.bfloat16.as_datatype_enum: 5e-2}


def versions(directory: Path) -> dict[int, Path]:
    """The version directories of a model's base directory, by number as the server reads them."""
    if not directory.is_dir():
        return {}
    return {
        int(path.name): path
        for path in directory.iterdir()
        if path.is_dir() and path.name.isascii() and path.name.isdigit()
    }


def resolve(directory: Path) -> tuple[Path, int | None]:
    """The SavedModel meant by `directory`: itself, or its highest version."""
    if (directory / "saved_model.pb").is_file():
        name = directory.name
        return directory, int(name) if name.isascii() and name.isdigit() else None
    found = versions(directory)
    if not found:
        raise received(
            "`directory` to hold a SavedModel, or numbered versions of one",
            directory=str(directory),
        )
    version = max(found)
    return found[version], version


def read(path: Path) -> Any:
    """The MetaGraphDef that a server loads.

    Raises:
        ValueError: If there is none, or it cannot be read.
    """
    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString((path / "saved_model.pb").read_bytes())
    # protobuf's DecodeError is not a ValueError, and its class differs between implementations.
    except Exception as error:
        raise ValueError(f"saved_model.pb cannot be read: {error}") from error
    for meta_graph in saved_model.meta_graphs:
        if "serve" in meta_graph.meta_info_def.tags:
            return meta_graph
    raise ValueError("saved_model.pb has no graph with the tag 'serve'")


def signatures(meta_graph: Any) -> dict[str, Any]:
    """The signatures that requests name; `serve` is Keras's second name of `serving_default`."""
    return {
        name: signature
        for name, signature in sorted(meta_graph.signature_def.items())
        if not name.startswith("__") and name != "serve"
    }


def _nodes(meta_graph: Any) -> Iterator[Any]:
    yield from meta_graph.graph_def.node
    for function in meta_graph.graph_def.library.function:
        yield from function.node_def


def _marked(attributes: Any) -> bool:
    # `_XlaMustCompile` is also written as False, by `jit_compile=False`; indexing would add a key.
    return any(mark in attributes and attributes[mark].b for mark in _XLA_MARKS)


def xla_marks(meta_graph: Any) -> tuple[list[str], list[str]]:
    """Names of the nodes, and of the functions, that only run where XLA compiles them."""
    functions = meta_graph.graph_def.library.function
    return (
        sorted({node.name for node in _nodes(meta_graph) if _marked(node.attr)}),
        sorted({function.signature.name for function in functions if _marked(function.attr)}),
    )


def foreign_ops(meta_graph: Any) -> list[str]:
    """Ops that a stock server does not have: custom ops, and ops that call back into Python."""
    functions = {function.signature.name for function in meta_graph.graph_def.library.function}
    ops = {node.op for node in _nodes(meta_graph)} - functions
    # `tf.raw_ops` lists TensorFlow's own ops; ops of loaded libraries are registered, not listed.
    return sorted(op for op in ops if op in _PYTHON_OPS or not hasattr(tf.raw_ops, op))


def has_loops(meta_graph: Any) -> bool:
    return any(node.op in ("While", "StatelessWhile") for node in _nodes(meta_graph))


def tolerance(meta_graph: Any) -> float:
    """How far outputs may differ, relative to their scale.

    A graph orders and fuses operations in other ways than eager execution does, so that values
    differ by some units of the coarsest type in which anything is computed.
    """
    types = {value.type for node in _nodes(meta_graph) for value in node.attr.values()}
    return max((_HALF_TOLERANCES[kind] for kind in types & set(_HALF_TOLERANCES)), default=1e-5)


def specs(tensors: Any) -> dict[str, tf.TensorSpec]:
    """Shapes and types of a signature's inputs or outputs."""
    return {
        name: tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.as_dtype(info.dtype), name)
        for name, info in sorted(tensors.items())
    }
