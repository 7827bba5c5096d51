"""The checks that every op passes."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_hadamard import config

MODES: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "eager": lambda f: f,
    "graph": lambda f: tf.function(f, autograph=False),
    "xla": lambda f: tf.function(f, jit_compile=True, autograph=False),
}
# A few rounding errors of each type, of the largest value.
TOLERANCE = {"float64": 1e-12, "float32": 2e-6, "float16": 3e-3, "bfloat16": 2e-2}


def assert_near(
    got: Any, expected: Any, tolerance: float, what: str = "", slack: float = 0.0
) -> None:
    """Raises where the error is above `tolerance` of the largest value and above `slack`."""
    got, expected = np.asarray(got, "float64"), np.asarray(expected, "float64")
    assert got.shape == expected.shape, (what, got.shape, expected.shape)
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    error = np.abs(got - expected).max(initial=0.0) / scale
    assert error <= max(tolerance, slack / scale), (
        f"{what}: relative error {error:.2e} above {tolerance:.0e}"
    )


def check_forward(
    op: Callable[..., Any],
    tensors: Sequence[np.ndarray | None],
    reference: np.ndarray,
    **options: Any,
) -> None:
    """Eager, uncompiled, graph, XLA and every dtype against a float64 reference."""
    for dtype, tolerance in TOLERANCE.items():
        args = [None if t is None else tf.cast(t, dtype) for t in tensors]
        for mode, wrap in MODES.items():
            got = wrap(lambda *a: op(*a, **options))(*args)
            assert got.dtype == dtype
            assert_near(tf.cast(got, "float64"), reference, tolerance, f"{mode} {dtype}")
    with config.eager_compile_scope(False):
        args = [None if t is None else tf.constant(t, "float64") for t in tensors]
        assert_near(op(*args, **options), reference, TOLERANCE["float64"], "uncompiled")


def check_gradients(
    op: Callable[..., Any], tensors: Sequence[np.ndarray | None], **options: Any
) -> None:
    """First and second order against central differences in float64, in every mode."""
    given = [i for i, t in enumerate(tensors) if t is not None]
    values = [tf.constant(tensors[i], "float64") for i in given]
    rng = np.random.default_rng(1)

    def apply(*args: Any) -> Any:
        full: list[Any] = [None] * len(tensors)
        for i, arg in zip(given, args, strict=True):
            full[i] = arg
        return op(*full, **options)

    cotangent = tf.constant(rng.normal(size=apply(*values).shape))
    seconds = [tf.constant(rng.normal(size=v.shape)) for v in values]

    def first(*args: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(args)
            value = tf.reduce_sum(apply(*args) * cotangent)
        return tape.gradient(value, args)

    def second(*args: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(args)
            value = tf.add_n(
                [tf.reduce_sum(g * s) for g, s in zip(first(*args), seconds, strict=True)]
            )
        return tape.gradient(value, args, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    expected_first = _differences(lambda a: tf.reduce_sum(apply(*a) * cotangent), values)
    expected_second = _differences(
        lambda a: tf.add_n([tf.reduce_sum(g * s) for g, s in zip(first(*a), seconds, strict=True)]),
        values,
    )
    for mode, wrap in MODES.items():
        for order, function, expected in (
            (1, first, expected_first),
            (2, second, expected_second),
        ):
            for i, (got, want) in enumerate(zip(wrap(function)(*values), expected, strict=True)):
                # Central differences are good to about the cube root of the precision, squared.
                assert_near(got, want, 1e-7, f"{mode}, order {order}, tensor {given[i]}")


def _differences(scalar: Callable[[Any], Any], values: list[Any], step: float = 1e-5) -> list[Any]:
    compiled = tf.function(lambda *a: scalar(a), autograph=False)
    grads = []
    for i, value in enumerate(values):
        flat = value.numpy().ravel()
        grad = np.zeros_like(flat)
        for j in range(flat.size):
            sides = []
            for sign in (1, -1):
                moved = flat.copy()
                moved[j] += sign * step
                args = list(values)
                args[i] = tf.constant(moved.reshape(value.shape))
                sides.append(float(compiled(*args)))
            grad[j] = (sides[0] - sides[1]) / (2 * step)
        grads.append(grad.reshape(value.shape))
    return grads


def check_symbolic(
    op: Callable[..., Any], tensors: Sequence[np.ndarray | None], tmp_path: Any, **options: Any
) -> None:
    """A functional model with unknown length, saved and loaded, gives the op's numbers."""
    values = [None if t is None else tf.constant(t, "float32") for t in tensors]
    expected = op(*values, **options)
    for known in (True, False):
        inputs = [
            None
            if v is None
            else keras.Input(v.shape[1:] if known or v.ndim < 3 else (None, *v.shape[2:]))
            for v in values
        ]
        try:
            output = op(*inputs, **options)
        except ValueError as error:
            if known or "known" not in str(error):
                raise
            continue  # The op says that it needs the axis.
        model = keras.Model([i for i in inputs if i is not None], output)
        assert len(output.shape) == len(expected.shape)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        for m in (model, again):
            assert_near(m([v for v in values if v is not None]), expected, 1e-6, "symbolic")


def gradients(op: Callable[..., Any], *tensors: Any, mode: str = "eager", **options: Any) -> Any:
    """The gradients of the sum of the op's output."""
    tensors = tuple(tf.convert_to_tensor(t) for t in tensors)

    def grad(*args: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(args)
            value = tf.reduce_sum(op(*args, **options))
        return tape.gradient(value, args)

    return [g.numpy() for g in MODES[mode](grad)(*tensors)]
