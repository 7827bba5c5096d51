"""The check whether a SavedModel runs on a stock TF Serving, by running it as one does."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_hadamard.serving import _check_files, _check_runs, _saved_model
from keras_hadamard.serving._check_server import REST_TYPES
from keras_hadamard.serving._endpoint import endpoint_of
from keras_hadamard.serving._metadata import XLA_FLAG, ExportMetadata, read_metadata
from keras_hadamard.serving.report import CheckItem, CheckReport

# TF Serving's gRPC interface also carries the others, as TensorProto does.
_GRPC_TYPES = REST_TYPES | {"uint16", "float16", "bfloat16", "complex64", "complex128"}


def check(directory: str | os.PathLike[str], model: keras.Model | None = None) -> CheckReport:
    """Checks whether a SavedModel runs on a stock TF Serving, and answers as the Keras model does.

    Looks at the file (no part that has to be compiled by XLA, no ops but TensorFlow's own, named
    inputs and outputs of every signature, types, dynamic batch), then runs batches of 1, 3 and 8 in
    the server's loader, on a CPU and with XLA disabled as the server has it, and compares the
    outputs: within 1e-5 of the output's scale, 1e-2 where the model computes in float16 and 5e-2
    where in bfloat16. The loader runs in a process of its own, for some five seconds. Where
    TensorFlow has no switch for XLA (macOS, Windows), the item `XLA` says so, and all the rest is
    checked.

    Where `tensorflow_model_server` is on the `PATH`, it is started too, on free ports and with
    batching, and asked over REST and, if the extra `serving` is installed, over gRPC. It is ended
    afterwards.

    Where they are there, the labels, the warm-up requests (which are run too), the batching
    parameters and `models.config` are looked at as the server would read them. A version that was
    exported for XLA runs with it, and the report says which flag the server needs.

    Args:
        directory: Path of a model's base directory, whose highest version is taken, or of one
            version.
        model: The `keras.Model` to compare `serving_default` with, or None for the answers that
            `serving.export` recorded, which all signatures have. Without either the comparison is
            skipped. A version with preprocessing is compared with its record. Defaults to `None`.

    Returns:
        A `CheckReport`, whose `ok` sums it up and which prints as one line per item.

    Raises:
        ValueError: If `directory` holds no SavedModel, or `model` is not a built `keras.Model`.

    Example:

    >>> import tempfile
    >>> import keras
    >>> import keras_hadamard
    >>> inputs = keras.Input((4,), name="features")
    >>> model = keras.Model(inputs, keras.layers.Dense(1, name="score")(inputs))
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = keras_hadamard.serving.export(model, directory)
    ...     report = keras_hadamard.serving.check(directory)
    >>> report.ok, report.version
    (True, 1)
    >>> print(report.items[4])
    ok    signature      serving_default(features) -> score
    """
    path, version = _saved_model.resolve(Path(directory))
    if model is not None:
        endpoint_of(model)
    try:
        metadata = read_metadata(path)
    except ValueError as error:
        item = CheckItem("metadata", False, " ".join(str(error).split()))
        return CheckReport(path, version, (item,))
    return CheckReport(path, version, tuple(_items(path, version, model, metadata)), metadata.xla)


def _items(
    path: Path, version: int | None, model: keras.Model | None, metadata: ExportMetadata
) -> Iterator[CheckItem]:
    yield CheckItem(
        "layout",
        version is not None and version > 0,
        f"version {version}"
        if version
        else "a server takes only directories with a number for a"
        f" name, 1 or more, and this one is {path.name!r}",
    )
    try:
        meta_graph = _saved_model.read(path)
    except ValueError as error:
        yield CheckItem("readable", False, " ".join(str(error).split()))
        return
    functions = len(meta_graph.graph_def.library.function)
    yield CheckItem("readable", True, f"{functions} functions")
    yield _no_xla(meta_graph, metadata.xla)
    foreign = _saved_model.foreign_ops(meta_graph)
    yield CheckItem("core ops", not foreign, ", ".join(foreign) or "only TensorFlow's own")

    found = _saved_model.signatures(meta_graph)
    lack = _lack(found)
    if lack:
        yield CheckItem("signature", False, lack)
        return
    inputs = {name: _saved_model.specs(signature.inputs) for name, signature in found.items()}
    for name, signature in found.items():
        outputs = _saved_model.specs(signature.outputs)
        yield CheckItem(
            "signature", True, f"{name}({', '.join(inputs[name])}) -> {', '.join(outputs)}"
        )
    yield _types(found)
    fixed = [
        f"{name} {spec.shape}"
        for specs in inputs.values()
        for name, spec in specs.items()
        if not _dynamic(spec.shape)
    ]
    yield CheckItem("dynamic batch", not fixed, ", ".join(fixed) or "in every input")
    yield from _check_files.labels(path, inputs)
    wrong, warm = _check_files.warm_up(path, inputs)
    if wrong is not None:
        yield wrong
    batching = _check_files.batching(path, warm)
    if batching is not None:
        yield batching
    if version is not None:
        yield from _check_files.models(path.parent)
    tolerance = _saved_model.tolerance(meta_graph)
    runs = _check_runs.Runs(path, version, inputs, warm, tolerance, metadata.xla)
    yield from runs.items(None if metadata.preprocessing else model)


def _lack(found: dict[str, Any]) -> str | None:
    """The missing parts of the signatures: each needs inputs and outputs, and one its name."""
    empty = [name for name, s in found.items() if not s.inputs or not s.outputs]
    if _saved_model.SIGNATURE not in found:
        return f"{_saved_model.SIGNATURE} not among {sorted(found)}"
    if empty:
        return f"{', '.join(empty)} has no inputs or no outputs"
    return None


def _no_xla(meta_graph: Any, xla: bool) -> CheckItem:
    nodes, functions = _saved_model.xla_marks(meta_graph)
    marked = nodes or functions
    if xla:
        return CheckItem(
            "XLA", bool(marked), f"compiled: the server needs {XLA_FLAG}" if marked else "no marks"
        )
    shown = ", ".join(marked[:3]) + (f" and {len(marked) - 3} more" if len(marked) > 3 else "")
    return CheckItem("no XLA marks", not marked, shown or "nothing has to be compiled by XLA")


def _types(found: dict[str, Any]) -> CheckItem:
    types = {
        name: spec.dtype.name
        for signature in found.values()
        for tensors in (signature.inputs, signature.outputs)
        for name, spec in _saved_model.specs(tensors).items()
    }
    impossible = [f"{name} {kind}" for name, kind in types.items() if kind not in _GRPC_TYPES]
    if impossible:
        return CheckItem("dtypes", False, ", ".join(impossible))
    grpc = [f"{name} {kind}" for name, kind in types.items() if kind not in REST_TYPES]
    if grpc:
        return CheckItem("dtypes", True, f"by gRPC only, not by REST: {', '.join(grpc)}")
    return CheckItem("dtypes", True, ", ".join(sorted(set(types.values()))))


def _dynamic(shape: tf.TensorShape) -> bool:
    return shape.rank is None or (shape.rank > 0 and shape[0] is None)
