"""Result of writing a model in another format."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_hadamard._core.files import write_atomically
from keras_hadamard.serving import _samples
from keras_hadamard.serving._compare import difference
from keras_hadamard.serving._endpoint import Endpoint
from keras_hadamard.serving._metrics import Metric, metric

Arrays = Mapping[str, np.ndarray]

_REPEATS = 20


@dataclass(frozen=True)
class Artifact:
    """A file made of a model, compared with the model in its outputs and timed.

    Args:
        path: `pathlib.Path` of the file.
        format: String, the format with the type of its numbers, such as `"LiteRT float16"`.
        size: Integer, bytes of the file.
        difference: Float, the largest difference between its outputs and Keras's, relative to the
            largest value of the output; infinite where they cannot be compared or integers differ.
        tolerance: Float, how much of that the format may cost.
        milliseconds: Float, the median time of one call with one example, on this machine.
        keras_milliseconds: Float, that of the Keras model, called as a graph.
        rows: Integer, how many rows they were compared on. Defaults to `0`, not said.
        held_out: Boolean, whether none of those rows had calibrated the file. Defaults to `None`,
            nothing was calibrated.
        metric: `Metric` of the task, where targets were given: its `name`, `"accuracy"` or
            `"RMSE"`, its `value` of the file, its `keras_value`, its `rows`, and by how much the
            file is `allowed` to be worse. Defaults to `None`.

    Example:

    >>> from pathlib import Path
    >>> from keras_hadamard.serving import Artifact
    >>> made = Artifact(Path("m.onnx"), "ONNX", 2048, 2e-7, 1e-4, 0.02, 0.5)
    >>> print(made)
    ok    m.onnx: ONNX, 2 kB, 2.0e-07 from Keras (allowed 0.0001), 0.020 ms (Keras 0.500 ms)
    """

    path: Path
    format: str
    size: int
    difference: float
    tolerance: float
    milliseconds: float
    keras_milliseconds: float
    rows: int = 0
    held_out: bool | None = None
    metric: Metric | None = None

    @property
    def ok(self) -> bool:
        """Whether outputs are within the tolerance, and the task is done as well as allowed."""
        return self.difference <= self.tolerance and (self.metric is None or self.metric.ok)

    def __str__(self) -> str:
        return (
            f"{'ok' if self.ok else 'FAIL':<6}{self.path}: {self.format}, "
            f"{math.ceil(self.size / 1024)} kB, {self.difference:.1e} from Keras (allowed "
            f"{self.tolerance:g}){self._where()}, {self.milliseconds:.3f} ms (Keras "
            f"{self.keras_milliseconds:.3f} ms)"
        )

    def _where(self) -> str:
        """On which rows, and how well the task is done there."""
        where = ""
        if self.held_out is not None:
            kind = "held-out" if self.held_out else "calibration"
            where = f" on {self.rows} {kind} row{'s' * (self.rows != 1)}"
        return where if self.metric is None else f"{where}, {self.metric}"


def publish(
    path: Path,
    content: bytes,
    kind: str,
    endpoint: Endpoint,
    run: Callable[[Arrays], Arrays],
    inputs: Sequence[Arrays],
    tolerance: float,
    *,
    expected: Arrays | None = None,
    targets: np.ndarray | None = None,
    held_out: bool | None = None,
) -> Artifact:
    """Writes `content` once it has run on `inputs`, the first of which is one example.

    `expected` are the Keras model's outputs for all rows of them, and `targets` what is true.
    """
    if expected is None:
        batches = {i: dict(one) for i, one in enumerate(inputs)}
        expected = _joined(list(_samples.keras_outputs(endpoint, batches).values()))
    actual = _joined([run(values) for values in inputs])
    measured = None if targets is None else _measured(targets, actual, expected)
    first = inputs[0]
    keras_time = _keras_milliseconds(endpoint, first)
    milliseconds = _milliseconds(lambda: run(first))
    write_atomically(path, content)
    return Artifact(
        path,
        kind,
        len(content),
        largest_difference(expected, actual),
        tolerance,
        milliseconds,
        keras_time,
        sum(len(next(iter(one.values()))) for one in inputs),
        held_out,
        measured,
    )


def _measured(targets: np.ndarray, actual: Arrays, expected: Arrays) -> Metric:
    (name,) = expected
    return metric(targets, actual[name], expected[name])


def _keras_milliseconds(endpoint: Endpoint, example: Arrays) -> float:
    @tf.function(autograph=False)
    def graph(values: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return endpoint.call(values)

    tensors = {n: tf.constant(example[n], spec.dtype) for n, spec in endpoint.specs.items()}
    with tf.device("/CPU:0"):
        return _milliseconds(lambda: [y.numpy() for y in graph(tensors).values()])


def _joined(rows: Sequence[Arrays]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def largest_difference(expected: Arrays, actual: Arrays) -> float:
    """The largest difference of any output, relative to its scale."""
    if set(expected) != set(actual):
        return math.inf
    found = [difference(expected[name], actual[name]) for name in expected]
    return max(math.inf if isinstance(value, str) else value for value in found)


def _milliseconds(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)
