"""Asks a `tensorflow_model_server` of this machine what the loader was asked."""

import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from keras_hadamard.serving import _configs, _model_server
from keras_hadamard.serving._compare import compare
from keras_hadamard.serving._loader import Batches, Calls
from keras_hadamard.serving._model_server import ServerError
from keras_hadamard.serving.report import CheckItem

# What TF Serving's REST interface converts to and from JSON (its util/json_tensor.cc).
REST_TYPES = {"float32", "float64", "int8", "int16", "int32", "int64"}
REST_TYPES |= {"uint8", "uint32", "uint64", "bool", "string"}


class Checked(Protocol):
    """What is checked: a version, the types of its inputs, and how far outputs may differ."""

    @property
    def path(self) -> Path: ...
    @property
    def version(self) -> int | None: ...
    @property
    def specs(self) -> Mapping[str, Mapping[str, tf.TensorSpec]]: ...
    @property
    def tolerance(self) -> float: ...
    @property
    def xla(self) -> bool: ...


def items(checked: Checked, calls: Calls, expected: Calls) -> Iterator[CheckItem]:
    """Nothing where there is no server."""
    if shutil.which(_model_server.PROGRAM) is None or not checked.version:
        return
    if not any(expected.values()):
        yield CheckItem("server", None, "not started: see the batches")
        return
    try:
        with _model_server.running(checked.path.parent, checked.version, checked.xla) as server:
            yield CheckItem(
                "server", True, f"{_model_server.PROGRAM} serves version {checked.version}"
            )
            yield _asked("REST", server.ask_rest, checked, calls, _by_rest(expected))
            if all(map(importlib.util.find_spec, ("grpc", "tensorflow_serving"))):
                yield _asked("gRPC", server.ask_grpc, checked, calls, expected)
            else:
                yield CheckItem("gRPC", None, 'not asked: pip install "keras-hadamard[serving]"')
    except ServerError as error:
        yield CheckItem("server", False, f"{_model_server.PROGRAM}: {error}")


def _asked(
    name: str, ask: Callable[..., Any], checked: Checked, calls: Calls, expected: Calls
) -> CheckItem:
    if not expected:
        return CheckItem(name, None, "not asked: no signature has types of JSON only")
    worst, count = "", 0
    for signature, outputs in expected.items():
        inputs = _as_declared(calls[signature], checked.specs[signature], _largest(checked.path))
        answers: Batches = {}
        for batch, values in inputs.items():
            try:
                found = ask(signature, values)
            except ServerError as error:
                return CheckItem(name, False, f"{signature}, batch {batch}: {error}")
            answers[batch] = _like(found, outputs[batch])
            count += 1
        passed, detail = compare({b: outputs[b] for b in answers}, answers, checked.tolerance)
        if not passed:
            return CheckItem(name, False, f"{signature}: {detail}")
        worst = worst or detail
    return CheckItem(name, True, f"{count} requests; {worst}")


def _by_rest(expected: Calls) -> Calls:
    """The signatures, all outputs of which JSON has."""
    return {
        name: batches
        for name, batches in expected.items()
        if all(
            value.dtype.kind in "OSU" or value.dtype.name in REST_TYPES
            for outputs in batches.values()
            for value in outputs.values()
        )
    }


def _as_declared(
    batches: Batches, specs: Mapping[str, tf.TensorSpec], largest: int | None
) -> Batches:
    """The inputs by the types that the signature has, as far as the server takes as many rows."""
    return {
        batch: {
            name: values[name].astype(spec.dtype.as_numpy_dtype) for name, spec in specs.items()
        }
        for batch, values in batches.items()
        if largest is None or batch <= largest
    }


def _largest(path: Path) -> int | None:
    try:
        declared = _configs.batching(path)
    except ValueError:
        return None
    return declared.largest if declared else None


def _like(found: Mapping[str, Any], expected: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An answer as arrays. REST sends only the values of a single output, without its name."""
    if list(found) == [""]:
        found = dict(zip(expected, found.values(), strict=False))
    return {
        name: _array(value, expected[name].dtype if name in expected else None)
        for name, value in found.items()
    }


def _array(value: Any, dtype: np.dtype | None) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value.astype("float32") if value.dtype.name == "bfloat16" else value
    kind: Any = object if dtype is not None and dtype.kind in "OSU" else dtype
    return np.asarray(value, kind)
