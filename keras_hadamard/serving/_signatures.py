"""The signatures of an export: each an endpoint by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.serving._endpoint import Endpoint, endpoint_of
from keras_hadamard.serving._input_checks import with_checks
from keras_hadamard.serving._saved_model import SIGNATURE
from keras_hadamard.serving.options import ExportOptions

# The name of the asset, and so of the file that it is made from.
LABELS = "labels.txt"
_MOST_LABELS = 5


@dataclass(frozen=True)
class Signatures:
    """Endpoints by name, the models they come from, and what else has to be saved with them."""

    endpoints: dict[str, Endpoint]
    models: dict[str, keras.Model]
    tracked: list[Any]


def signatures_of(
    model: keras.Model,
    options: ExportOptions,
    examples: Mapping[str, np.ndarray] | None,
    scratch: Path,
) -> tuple[Signatures, dict[str, Endpoint]]:
    """The signatures in plain Keras, and the same endpoints as they are to be written.

    The two differ where XLA is asked for: numbers to compare with come from the first.
    """
    models = {SIGNATURE: model, **(options.signatures or {})}
    before = options.preprocessing
    # Examples are of what requests carry.
    taken = examples if before is None else None
    endpoints = {
        name: endpoint_of(m, taken if name == SIGNATURE else None) for name, m in models.items()
    }
    written = {name: _compiled(e) if options.xla else e for name, e in endpoints.items()}
    tracked: list[Any] = list(models.values())
    if options.labels:
        labels = _table(options, scratch)
        tracked.append(labels)
        models = {SIGNATURE: model, "classify": model, **models}
        outputs = _only_output(endpoints[SIGNATURE], len(options.labels))
        for group in (endpoints, written):
            group["classify"] = _classifying(group[SIGNATURE], outputs, labels, options)
    preceded: set[str] = set()
    if before is not None:
        tracked.append(before)
        first = endpoint_of(before)
        _check_fit(before, endpoints[SIGNATURE])
        made = set(_output_names(before))
        preceded = {name for name, e in endpoints.items() if made <= set(e.specs)}
        endpoints = {name: _preceded(e, first, before) for name, e in endpoints.items()}
        written = {name: _preceded(e, first, before) for name, e in written.items()}
        expected = list(endpoints[SIGNATURE].specs)
        if examples is not None and set(examples) != set(expected):
            raise received(f"`examples` for the inputs {expected}", examples=list(examples))
    if options.input_checks:
        written = {
            name: with_checks(e, models[name], before if name in preceded else None)
            for name, e in written.items()
        }
    return Signatures(endpoints, models, tracked), written


def _compiled(endpoint: Endpoint) -> Endpoint:
    compiled = tf.function(endpoint.call, jit_compile=True, autograph=False)
    return Endpoint(endpoint.specs, compiled)


def _check_fit(before: keras.Model, endpoint: Endpoint) -> None:
    names = _output_names(before)
    unknown = sorted(set(names) - set(endpoint.specs))
    if unknown:
        raise received(f"`preprocessing` to return inputs {list(endpoint.specs)}", outputs=unknown)
    for name, tensor in zip(names, keras.tree.flatten(before.output), strict=True):
        spec = endpoint.specs[name]
        if tensor.dtype != spec.dtype.name or not spec.shape.is_compatible_with(tensor.shape):
            raise received(
                f"`preprocessing` to return {name!r} as {spec.dtype.name} {spec.shape}",
                dtype=tensor.dtype,
                shape=tensor.shape,
            )


def _output_names(before: keras.Model) -> list[str]:
    output = getattr(before, "output", None)
    if not isinstance(output, dict):
        raise received(
            "`preprocessing` to be a functional model that returns a dict", output=output
        )
    # As Keras flattens it.
    return sorted(output)


def _preceded(endpoint: Endpoint, first: Endpoint, before: keras.Model) -> Endpoint:
    """The endpoint on what requests carry, if it takes all that is made of them."""
    made = set(_output_names(before))
    if not made <= set(endpoint.specs):
        return endpoint
    kept = {name: spec for name, spec in endpoint.specs.items() if name not in made}

    def call(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        values = first.call({name: inputs[name] for name in first.specs})
        return endpoint.call({**{name: inputs[name] for name in kept}, **values})

    return Endpoint({**first.specs, **kept}, call)


def _table(options: ExportOptions, scratch: Path) -> Any:
    """From class to name. A lookup table, because its file becomes an asset."""
    file = scratch / LABELS
    file.write_text("".join(f"{label}\n" for label in options.labels), encoding="utf-8")
    index = tf.lookup.TextFileIndex
    initializer = tf.lookup.TextFileInitializer(
        str(file), tf.int64, index.LINE_NUMBER, tf.string, index.WHOLE_LINE
    )
    return tf.lookup.StaticHashTable(initializer, default_value="")


def _only_output(endpoint: Endpoint, count: int) -> str:
    call = tf.function(endpoint.call, autograph=False)
    outputs = call.get_concrete_function(endpoint.specs).structured_outputs
    shapes = {name: tuple(spec.shape) for name, spec in outputs.items()}
    name, shape = next(iter(shapes.items()))
    if len(shapes) != 1 or len(shape) != 2 or shape[1] != count:
        raise received(f"one output of {count} scores for `labels`", outputs=shapes)
    return name


def _classifying(endpoint: Endpoint, output: str, table: Any, options: ExportOptions) -> Endpoint:
    most = min(_MOST_LABELS, len(options.labels))

    def call(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        scores, classes = tf.math.top_k(endpoint.call(inputs)[output], most)
        return {"labels": table.lookup(tf.cast(classes, tf.int64)), "scores": scores}

    return Endpoint(endpoint.specs, call)
