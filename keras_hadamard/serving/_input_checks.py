"""Checks of a signature's inputs inside the exported graph, whose errors name the input."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from keras_hadamard._core.typing import Tensor
from keras_hadamard.serving._endpoint import Endpoint
from keras_hadamard.serving._lookups import Lookup, inner_graph, lookups_of

_LARGEST = 2**31 - 1
# Of a shape's place after its end. No dimension has this size.
_END = -2
# Values of a tensor that an error shows: sizes of a shape, ids at fault.
_SHOWN = 16


def with_checks(
    endpoint: Endpoint, model: keras.Model, preprocessing: keras.Model | None = None
) -> Endpoint:
    """The endpoint, which first checks ranks and sizes, equal batches, and ids that it looks up."""
    lookups = [one for one in _lookups(model, preprocessing) if one.input in endpoint.specs]

    def call(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return endpoint.call(_checked(endpoint.specs, inputs, lookups))

    return Endpoint(endpoint.specs, call)


def _lookups(model: keras.Model, preprocessing: keras.Model | None) -> list[Lookup]:
    found = lookups_of(model)
    if preprocessing is None:
        return found
    made = set(inner_graph(preprocessing).output)
    kept = [one for one in found if one.input not in made]
    # What the preprocessing only passes on is a lookup of what requests carry.
    passed = lookups_of(preprocessing, [one for one in found if one.input in made])
    return kept + passed


def _checked(
    specs: Mapping[str, tf.TensorSpec], inputs: Mapping[str, Tensor], lookups: Sequence[Lookup]
) -> dict[str, Tensor]:
    # TensorFlow believes the signature's shapes and folds a comparison with them into a constant.
    # Of what comes out of this op it knows nothing.
    values = {
        name: tf.raw_ops.PlaceholderWithDefault(input=inputs[name], shape=None) for name in specs
    }
    checks: list[tf.Operation] = []
    sizes = {name: _padded_shape(value, specs[name]) for name, value in values.items()}
    for name, spec in specs.items():
        checks.append(_check_shape(name, spec, values[name], sizes[name], checks))
    if len(specs) > 1:
        checks.append(_check_batches({name: size[0] for name, size in sizes.items()}, checks))
    with tf.control_dependencies(checks):
        # The model gets the shapes back that it was built with.
        values = {n: tf.ensure_shape(v, specs[n].shape) for n, v in values.items()}
    lookup_checks = [_check_ids(lookup, values[lookup.input]) for lookup in lookups]
    with tf.control_dependencies(lookup_checks):
        return {name: tf.identity(value) for name, value in values.items()} if lookups else values


def _padded_shape(value: Tensor, spec: tf.TensorSpec) -> Tensor:
    """The shape, as long as the declared one and an end, whatever the rank is."""
    places = spec.shape.rank + 1
    return tf.concat([tf.shape(value), [_END] * places], axis=0)[:places]


def _check_shape(
    name: str, spec: tf.TensorSpec, value: Tensor, sizes: Tensor, earlier: list[tf.Operation]
) -> tf.Operation:
    declared = [*spec.shape.as_list(), _END]
    low = [0 if size is None else size for size in declared]
    high = [_LARGEST if size is None else size for size in declared]
    fits = tf.reduce_all(tf.logical_and(sizes >= low, sizes <= high))
    shape = ", ".join("any" if size is None else str(size) for size in spec.shape.as_list()[1:])
    expected = f"Expected input `{name}` of shape (batch{', ' if shape else ''}{shape})."
    with tf.control_dependencies(earlier[-1:]):
        return _assert(fits, [f"{expected} Received shape:", tf.shape(value)])


def _check_batches(rows: Mapping[str, Tensor], earlier: list[tf.Operation]) -> tf.Operation:
    counts = tf.stack(list(rows.values()))
    listed = ", ".join(f"`{name}`" for name in rows)
    expected = f"Expected equal batch sizes of the inputs {listed}."
    with tf.control_dependencies(earlier[-1:]):
        return _assert(
            tf.reduce_all(tf.equal(counts, counts[0])), [f"{expected} Received:", counts]
        )


def _check_ids(lookup: Lookup, value: Tensor) -> tf.Operation:
    ids = lookup.ids(value)
    if not ids.dtype.is_integer or ids.dtype.is_unsigned:
        # As the layer casts them; a NaN is below every id.
        ids = tf.cast(ids, tf.int64)
    low, high = (tf.constant(limit, ids.dtype) for limit in (lookup.low, lookup.high))
    known = tf.logical_and(ids >= low, ids < high)
    expected = f"Expected input `{lookup.input}` of ids {_range(lookup)}."
    received = tf.stack([tf.reduce_min(ids), tf.reduce_max(ids)])
    return _assert(
        tf.reduce_all(known), [f"{expected} Received, from the least to the largest:", received]
    )


def _range(lookup: Lookup) -> str:
    low = lookup.low.tolist() if hasattr(lookup.low, "tolist") else lookup.low
    high = lookup.high.tolist() if hasattr(lookup.high, "tolist") else lookup.high
    if isinstance(low, list) or isinstance(high, list):
        return f"from {low} and below {high}, by column"
    return f"from {low} to {high - 1}"


# Backticks, because TensorFlow shows quotes with a backslash.
def _assert(condition: Tensor, data: list[Tensor | str]) -> tf.Operation:
    # `tf.debugging.Assert` puts numbers that are not int32 behind a `cond`, which costs more.
    return tf.raw_ops.Assert(
        condition=condition, data=[tf.convert_to_tensor(one) for one in data], summarize=_SHOWN
    )
