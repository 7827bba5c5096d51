"""Says whether a SavedModel runs on a stock TF Serving, by running it as one does."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_hadamard.serving import _loader, _samples, _saved_model
from keras_hadamard.serving._compare import compare
from keras_hadamard.serving._endpoint import endpoint_of
from keras_hadamard.serving._loader import Batches, LoaderRun
from keras_hadamard.serving.report import CheckItem, CheckReport

# What TF Serving's REST interface converts to and from JSON (its util/json_tensor.cc); its gRPC
# interface also carries the others, as TensorProto does.
_REST_TYPES = {"float32", "float64", "int8", "int16", "int32", "int64"}
_REST_TYPES |= {"uint8", "uint32", "uint64", "bool", "string"}
_GRPC_TYPES = _REST_TYPES | {"uint16", "float16", "bfloat16", "complex64", "complex128"}


def check(directory: str | os.PathLike[str], model: keras.Model | None = None) -> CheckReport:
    """Says whether a SavedModel runs on a stock TF Serving, and answers as the Keras model does.

    Looks at the file (no part that has to be compiled by XLA, no ops but TensorFlow's own, named
    inputs and outputs, types, dynamic batch), then runs batches of 1, 3 and 8 in the server's
    loader, on a CPU and with XLA disabled as the server has it, and compares the outputs: within
    1e-5 of the output's scale, 1e-2 where the model computes in float16 and 5e-2 where in bfloat16.
    The loader runs in a process of its own, for some five seconds.

    Args:
        directory: Path of a model's base directory, whose highest version is taken, or of one
            version.
        model: The `keras.Model` to compare with, or None for the answers that `serving.export`
            recorded. Without either the comparison is skipped. Defaults to `None`.

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
    return CheckReport(path, version, tuple(_items(path, version, model)))


def _items(path: Path, version: int | None, model: keras.Model | None) -> Iterator[CheckItem]:
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
    yield _no_xla(meta_graph)
    foreign = _saved_model.foreign_ops(meta_graph)
    yield CheckItem("core ops", not foreign, ", ".join(foreign) or "only TensorFlow's own")

    signature = meta_graph.signature_def.get(_saved_model.SIGNATURE)
    if signature is None or not signature.inputs or not signature.outputs:
        found = sorted(key for key in meta_graph.signature_def if not key.startswith("__"))
        lack = "has no inputs or no outputs" if signature is not None else f"not among {found}"
        yield CheckItem("signature", False, f"{_saved_model.SIGNATURE} {lack}")
        return
    inputs = _saved_model.specs(signature.inputs)
    outputs = _saved_model.specs(signature.outputs)
    yield CheckItem(
        "signature",
        True,
        f"{_saved_model.SIGNATURE}({', '.join(inputs)}) -> {', '.join(outputs)}",
    )
    yield _types({**inputs, **outputs})
    fixed = [f"{name} {spec.shape}" for name, spec in inputs.items() if not _dynamic(spec.shape)]
    yield CheckItem("dynamic batch", not fixed, ", ".join(fixed) or "in every input")
    yield from _runs(path, inputs, model, _saved_model.tolerance(meta_graph))


def _no_xla(meta_graph: Any) -> CheckItem:
    nodes, functions = _saved_model.xla_marks(meta_graph)
    marked = nodes or functions
    shown = ", ".join(marked[:3]) + (f" and {len(marked) - 3} more" if len(marked) > 3 else "")
    return CheckItem("no XLA marks", not marked, shown or "nothing has to be compiled by XLA")


def _types(specs: dict[str, tf.TensorSpec]) -> CheckItem:
    types = {name: spec.dtype.name for name, spec in specs.items()}
    impossible = [f"{name} {kind}" for name, kind in types.items() if kind not in _GRPC_TYPES]
    if impossible:
        return CheckItem("dtypes", False, ", ".join(impossible))
    grpc = [f"{name} {kind}" for name, kind in types.items() if kind not in _REST_TYPES]
    if grpc:
        return CheckItem("dtypes", True, f"by gRPC only, not by REST: {', '.join(grpc)}")
    return CheckItem("dtypes", True, ", ".join(sorted(set(types.values()))))


def _dynamic(shape: tf.TensorShape) -> bool:
    return shape.rank is None or (shape.rank > 0 and shape[0] is None)


def _runs(
    path: Path, specs: dict[str, tf.TensorSpec], model: keras.Model | None, tolerance: float
) -> Iterator[CheckItem]:
    try:
        record = _samples.read_record(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        yield CheckItem("record", False, f"assets.extra cannot be read: {error}")
        record = None
    if record is None and any(not spec.shape.rank for spec in specs.values()):
        yield CheckItem("batches", False, "not run: no inputs are recorded, and shapes are unknown")
        return
    inputs = record[0] if record else _samples.random_inputs(specs)
    run = _loader.run(path, inputs)
    for batch in inputs:
        yield _batch(batch, run)
    if run.error or run.failures:
        yield CheckItem("outputs", None, "not compared: see the batches")
    elif model is not None:
        yield _against(model, inputs, run, tolerance)
    elif record is None:
        yield CheckItem("outputs", None, "not compared: none are recorded, and no model is given")
    else:
        yield CheckItem("outputs", *compare(record[1], run.outputs, tolerance))


def _batch(batch: int, run: LoaderRun) -> CheckItem:
    name = f"batch {batch}"
    failure = run.error or run.failures.get(batch)
    if failure:
        return CheckItem(name, False, failure)
    # With batching on, the server hands each request its rows of every output.
    wrong = {n: v.shape for n, v in run.outputs[batch].items() if v.shape[:1] != (batch,)}
    if wrong:
        return CheckItem(name, False, f"outputs without a row for each input: {wrong}")
    return CheckItem(name, True, "runs with XLA disabled")


def _against(model: keras.Model, inputs: Batches, run: LoaderRun, tolerance: float) -> CheckItem:
    some = next(iter(inputs.values()))
    examples = None if getattr(model, "inputs", None) else some
    try:
        endpoint = endpoint_of(model, examples)
    except ValueError as error:
        return CheckItem("outputs", False, str(error))
    if set(endpoint.specs) != set(some):
        return CheckItem("outputs", False, f"the model's inputs are {list(endpoint.specs)}")
    expected = _samples.keras_outputs(endpoint, inputs)
    return CheckItem("outputs", *compare(expected, run.outputs, tolerance))
