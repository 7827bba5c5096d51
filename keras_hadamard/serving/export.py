"""Writes a model where TF Serving looks for it."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._checks import positive_int, received
from keras_hadamard._introspection.private import all_layers
from keras_hadamard.serving import _samples, _saved_model
from keras_hadamard.serving._endpoint import Endpoint, endpoint_of


def export(
    model: keras.Model,
    directory: str | os.PathLike[str],
    version: int | None = None,
    *,
    examples: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a model as the SavedModel `<directory>/<version>/`, for a stock TF Serving.

    The signature `serving_default` takes inputs by the names of the model's `keras.Input`s and
    returns outputs by the keys of a dict, or else by the names of the output layers, with batches
    of any size. A subclassed model, which has no `keras.Input`, takes the arguments of its `call`
    with the shapes of its first batch, and returns `output` or `output_0`, `output_1`, ...

    The version appears whole or not at all: it is written under a name that a running server
    ignores and then renamed. A model that a stock server cannot run, because part of it is
    XLA-compiled by itself or runs Python, is refused. Beside the SavedModel, in `assets.extra`,
    stand random inputs and the model's answers, with which `serving.check` compares.

    Under a mixed policy give the last layer `dtype="float32"`: the server's REST interface has no
    16-bit floats.

    Args:
        model: A `keras.Model` that is built.
        directory: Path of the model's base directory, which holds its versions. Made if missing.
        version: Positive integer, or None for one more than the highest version there. An existing
            version is never overwritten. Defaults to `None`.
        examples: Dict of arrays by name of input, the rows of which are used in place of random
            inputs: for inputs that are neither numbers around 0 nor indices of an `Embedding`.
            Also tells types and names of the inputs of a subclassed model. Defaults to `None`.

    Returns:
        The `pathlib.Path` of the new version.

    Raises:
        ValueError: If the model is not built, the version exists, `examples` do not fit, or a
            stock TF Serving could not run the model.
        OSError: If the files cannot be written, in which case none are left.

    Example:

    >>> import tempfile
    >>> import keras
    >>> import keras_hadamard
    >>> inputs = keras.Input((4,), name="features")
    >>> model = keras.Model(inputs, keras.layers.Dense(1, name="score")(inputs))
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     first = keras_hadamard.serving.export(model, directory)
    ...     second = keras_hadamard.serving.export(model, directory)
    ...     first.name, second.name
    ('1', '2')
    """
    if examples is not None:
        if not isinstance(examples, Mapping):
            raise received("`examples` to be a dict of arrays", examples=examples)
        examples = {name: np.asarray(value) for name, value in examples.items()}
    endpoint = endpoint_of(model, examples)
    base = Path(directory)
    if base.exists() and not base.is_dir():
        raise received("`directory` to be a directory", directory=str(base))
    existing = _saved_model.versions(base)
    if version is None:
        version = max(existing, default=0) + 1
    elif (version := positive_int("version", version)) in existing:
        raise received(f"a version that is not in {base} yet", version=version)
    if examples is None:
        inputs = _samples.random_inputs(endpoint.specs, _samples.vocabulary_of(model))
    else:
        inputs = _samples.example_inputs(endpoint.specs, examples)

    new = not base.exists()
    target = base / str(version)
    # Not a number, so that a server which polls the directory passes it by.
    draft = base / f".{version}-{uuid.uuid4().hex}"
    try:
        base.mkdir(parents=True, exist_ok=True)
        _write(model, endpoint, draft)
        _refuse_unservable(model, draft)
        _samples.write_record(draft, inputs, _samples.keras_outputs(endpoint, inputs))
        os.rename(draft, target)
    except (OSError, tf.errors.OpError) as error:
        if isinstance(error, tf.errors.OpError) and draft.name not in str(error):
            raise  # of the model itself, not of a file
        reason = " ".join(str(error).split())
        raise OSError(f"Could not write {target}, and left nothing there: {reason}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if new:
            with contextlib.suppress(OSError):  # it is not empty: the export succeeded
                base.rmdir()
    return target


def _write(model: keras.Model, endpoint: Endpoint, path: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(model)
    # Keras also publishes the first endpoint as `serving_default`.
    archive.add_endpoint("serve", endpoint.call, input_signature=[endpoint.specs])
    archive.write_out(str(path), verbose=False)


def _refuse_unservable(model: keras.Model, path: Path) -> None:
    meta_graph = _saved_model.read(path)
    nodes, functions = _saved_model.xla_marks(meta_graph)
    if nodes or functions:
        raise received(
            "a model without parts that compile themselves with XLA, which a stock TF Serving "
            "does not have: no convolutions with `groups`, no `jit_compile` inside `call`",
            layers=_layers_of(model, nodes) or functions,
        )
    foreign = _saved_model.foreign_ops(meta_graph)
    if foreign:
        raise received("a model of TensorFlow's own ops, with no Python functions", ops=foreign)


def _layers_of(model: keras.Model, nodes: list[str]) -> list[str]:
    """The innermost layers in whose name scopes the nodes stand."""
    names = {layer.name for layer in all_layers(model)}
    found = set()
    for node in nodes:
        # TensorFlow may have made a scope's name unique by a number at its end.
        scopes = node.split("/")[:-1]
        candidates = [name for s in scopes for name in (s, re.sub(r"_\d+$", "", s))]
        known = [name for name in candidates if name in names]
        found.add(known[-1] if known else node)
    return sorted(found)
