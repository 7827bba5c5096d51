"""Points of a box at which a functional of the outputs is small."""

import numpy as np
from keras import ops

from keras_hadamard.analysis._graph import gradient
from keras_hadamard.analysis._program import Program

Boxes = list[tuple[np.ndarray, np.ndarray]]


def values_at(
    program: Program, points: list[np.ndarray], rows: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A functional of the scores for each row, and its gradients by the inputs, in float64."""
    results: list[np.ndarray] = []

    def functional(inputs: list[np.ndarray]) -> list[np.ndarray]:
        run = program.run(inputs, logits=True)
        total = ops.sum(run.values[run.outputs[0]] * rows, axis=1)
        results.append(np.asarray(total))
        return [total]

    tensors = [ops.convert_to_tensor(p, dtype="float64") for p in points]
    grads = gradient(functional, tensors, [ops.ones(len(rows), dtype="float64")])
    return results[0], [np.asarray(g) for g in grads]


def descended(
    program: Program, boxes: Boxes, points: list[np.ndarray], rows: np.ndarray, steps: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The least values on the way of signed gradient steps from `points`, and where they are."""
    best = np.full(len(rows), np.inf)
    where = [p.copy() for p in points]
    for step in range(steps + 1):
        values, grads = values_at(program, points, rows)
        better = values < best
        best[better] = values[better]
        for kept, point in zip(where, points, strict=True):
            kept[better] = point[better]
        size = 0.5 * 0.8**step
        points = [
            np.clip(p - size * (high - low) * np.sign(g), low, high)
            for p, g, (low, high) in zip(points, grads, boxes, strict=True)
        ]
    return best, where
