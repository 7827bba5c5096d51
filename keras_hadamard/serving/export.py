"""Writes a model where TF Serving looks for it."""

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.files import write_atomically
from keras_hadamard._core.introspection.private import all_layers
from keras_hadamard.serving import _configs, _samples, _saved_model, _warmup
from keras_hadamard.serving._archive import write_archive
from keras_hadamard.serving._loader import Calls
from keras_hadamard.serving._metadata import ExportMetadata, write_metadata
from keras_hadamard.serving._model_name import model_name
from keras_hadamard.serving._publish import temporary_path, version_path
from keras_hadamard.serving._saved_model import SIGNATURE
from keras_hadamard.serving._signatures import Signatures, signatures_of
from keras_hadamard.serving.options import ExportOptions


def export(
    model: keras.Model,
    directory: str | os.PathLike[str],
    version: int | None = None,
    *,
    examples: Mapping[str, Any] | None = None,
    options: ExportOptions | None = None,
) -> Path:
    """Writes a model as the SavedModel `<directory>/<version>/`, for a stock TF Serving.

    The signature `serving_default` takes inputs by the names of the model's `keras.Input`s and
    returns outputs by the keys of a dict, or else by the names of the output layers, with batches
    of any size. A subclassed model, which has no `keras.Input`, takes the arguments of its `call`
    with the shapes of its first batch, and returns `output` or `output_0`, `output_1`, ...
    `options` add further signatures, preprocessing and labels.

    The version appears whole or not at all: it is written under a name that a running server
    ignores and then renamed. A model that a stock server cannot run, because part of it is
    XLA-compiled by itself or runs Python, is refused.

    A version also holds the server's batching parameters (`batching_params.pbtxt`), and in
    `assets.extra` warm-up requests, and random inputs with the model's answers, with which
    `serving.check` compares. Beside the versions stands `models.config`, for
    `--model_config_file`, which is written once and then left as it is. It looks for the model in
    `/models/NAME`, so mount the folder there: `docker run -v DIRECTORY:/models/NAME ...`.

    Under a mixed policy give the last layer `dtype="float32"`: the server's REST interface has no
    16-bit floats.

    Args:
        model: A `keras.Model` that is built.
        directory: Path of the model's base directory, which holds its versions. Made if missing.
        version: Positive integer, or None for one more than the highest version there. An existing
            version is never overwritten. Defaults to `None`.
        examples: Dict of arrays by name of input, the rows of which are used in place of random
            inputs: for inputs that are neither numbers around 0 nor indices of an `Embedding`.
            Also tells types and names of the inputs of a subclassed model. With preprocessing,
            what requests carry. Defaults to `None`.
        options: `ExportOptions`: further signatures, preprocessing, labels, batch sizes, XLA.
            Defaults to `None`, those of `ExportOptions()`.

    Returns:
        The `pathlib.Path` of the new version.

    Raises:
        ValueError: If the model is not built, the version exists, `examples` or `options` do not
            fit, or a stock TF Serving could not run the model.
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
    options = options or ExportOptions()
    if not isinstance(options, ExportOptions):
        raise received("`options` to be ExportOptions", options=options)
    given = _samples.as_arrays(examples)
    target = version_path(directory, version)
    name = options.name or model_name(target.parent.resolve().name)
    with tempfile.TemporaryDirectory() as scratch:
        signatures, written = signatures_of(model, options, given, Path(scratch))
        inputs = _inputs(signatures, given, _samples.BATCH_SIZES)
        warm = _inputs(signatures, given, options.batch_sizes)
        with temporary_path(target) as draft:
            first = {"serve": written.pop(SIGNATURE)}
            write_archive(draft, signatures.tracked, {**first, **written})
            _refuse_unservable(list(signatures.models.values()), draft, options.xla)
            outputs = {
                signature: _samples.keras_outputs(endpoint, inputs[signature])
                for signature, endpoint in signatures.endpoints.items()
            }
            _samples.write_record(draft, inputs, outputs)
            write_metadata(draft, ExportMetadata(options.xla, options.preprocessing is not None))
            if options.batch_sizes:
                _warmup.write(draft, name, warm)
                text = _configs.batching_text(options.batch_sizes, options.largest_request)
                (draft / _configs.BATCHING).write_text(text, encoding="utf-8")
    _configure(target.parent, name)
    return target


def _inputs(
    signatures: Signatures, examples: Mapping[str, np.ndarray] | None, sizes: Iterable[int]
) -> Calls:
    return {
        name: _samples.inputs_for(signatures.models[name], endpoint, examples, sizes)
        for name, endpoint in signatures.endpoints.items()
    }


def _configure(base: Path, name: str) -> None:
    """Writes the configuration of the model, once: whoever runs the server may change it."""
    if not (base / _configs.MODELS).exists():
        text = _configs.models_text(name)
        write_atomically(base / _configs.MODELS, text.encode())


def _refuse_unservable(models: list[keras.Model], path: Path, xla: bool) -> None:
    meta_graph = _saved_model.read(path)
    nodes, functions = _saved_model.xla_marks(meta_graph)
    if (nodes or functions) and not xla:
        raise received(
            "a model without parts that compile themselves with XLA, which a stock TF Serving "
            "does not have: no convolutions with `groups`, no `jit_compile` inside `call`",
            layers=_layers_of(models, nodes) or functions,
        )
    foreign = _saved_model.foreign_ops(meta_graph)
    if foreign:
        raise received("a model of TensorFlow's own ops, with no Python functions", ops=foreign)


def _layers_of(models: list[keras.Model], nodes: list[str]) -> list[str]:
    """The innermost layers in whose name scopes the nodes stand."""
    names = {layer.name for model in models for layer in all_layers(model)}
    found = set()
    for node in nodes:
        # TensorFlow may have made a scope's name unique by a number at its end.
        scopes = node.split("/")[:-1]
        candidates = [name for s in scopes for name in (s, re.sub(r"_\d+$", "", s))]
        known = [name for name in candidates if name in names]
        found.add(known[-1] if known else node)
    return sorted(found)
