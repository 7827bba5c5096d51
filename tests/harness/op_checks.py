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

    given = {
        dtype: [None if t is None else tf.cast(t, dtype) for t in tensors] for dtype in TOLERANCE
    }

    def each(dtypes: dict[str, list[Any]]) -> dict[str, Any]:
        """A program for all dtypes takes less time than one for each."""
        return {dtype: op(*args, **options) for dtype, args in dtypes.items()}

    def uncompiled(dtypes: dict[str, list[Any]]) -> dict[str, Any]:
        with config.eager_compile_scope(False):
            return each(dtypes)

    # Called eagerly, each dtype has a program of its own, which is that of XLA.
    runs = {"eager": (each, {"float32": given["float32"]}), "uncompiled": (uncompiled, given)}
    runs |= {mode: (MODES[mode](each), given) for mode in ("graph", "xla")}
    for mode, (run, args) in runs.items():
        for dtype, got in run(args).items():
            assert got.dtype == dtype
            assert_near(tf.cast(got, "float64"), reference, TOLERANCE[dtype], f"{mode} {dtype}")


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

    def value(*args: Any) -> Any:
        return tf.reduce_sum(apply(*args) * cotangent)

    def slope(*args: Any) -> Any:
        return _sum_of_products(_gradient(value, args), seconds)

    def both(*args: Any) -> Any:
        return _gradient(value, args), _gradient(slope, args)

    def near(got: Any, order: int, mode: str) -> None:
        for i, one, other in zip(given, got, expected[order - 1], strict=True):
            # Central differences are good to about the cube root of the precision, squared.
            assert_near(one, other, 1e-7, f"{mode}, order {order}, tensor {i}")

    with config.eager_compile_scope(False):
        expected = _differences(value, values), _differences(slope, values)
        for mode, wrap in MODES.items():
            for order, got in enumerate(wrap(both)(*values), 1):
                near(got, order, mode)
    near(_gradient(value, values), 1, "eager, compiled")


def _gradient(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """The gradient of a function's value, of zeros where it does not depend on an argument."""
    with tf.GradientTape() as tape:
        tape.watch(args)
        value = function(*args)
    return tape.gradient(value, args, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def _sum_of_products(tensors: Sequence[Any], others: Sequence[Any]) -> Any:
    return tf.add_n([tf.reduce_sum(t * o) for t, o in zip(tensors, others, strict=True)])


def _differences(scalar: Callable[..., Any], values: list[Any], step: float = 1e-5) -> list[Any]:
    compiled = tf.function(scalar, autograph=False)
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
