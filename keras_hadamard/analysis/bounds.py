"""Bounds of the outputs of a model over boxes of inputs."""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import one_of, received
from keras_hadamard.analysis._inputs import arrays_of, one_output
from keras_hadamard.analysis._planes import lower_bounds
from keras_hadamard.analysis._program import program_of
from keras_hadamard.analysis.degree import check_polynomial, logits_degree

METHODS = ("best", "affine", "interval")
_MOST_ROWS = 4096


@dataclass(frozen=True, eq=False)
class BoundsReport:
    """Result of `bounds`.

    Args:
        lower: Array of the shape of the outputs: no input of the box gives less.
        upper: Array of the shape of the outputs: no input of the box gives more.
        method: String, the method.
        logits: Boolean, whether the bounds are of the scores before a softmax or sigmoid.

    Example:

    >>> import numpy as np
    >>> low, high = np.array([[0.0, 1.0]]), np.array([[1.0, 4.0]])
    >>> print(keras_hadamard.analysis.BoundsReport(low, high, "interval", False))
    bounds (interval) of 2 outputs over 1 box; widths: mean 2, largest 3
    """

    lower: np.ndarray
    upper: np.ndarray
    method: str
    logits: bool

    @property
    def width(self) -> np.ndarray:
        """The width of the bounds."""
        return self.upper - self.lower

    def __str__(self) -> str:
        boxes = len(self.lower)
        of = "scores before the softmax" if self.logits else "outputs"
        return (
            f"bounds ({self.method}) of {math.prod(self.lower.shape[1:])} {of} over {boxes} "
            f"box{'es' if boxes > 1 else ''}; widths: mean {self.width.mean():.3g}, "
            f"largest {self.width.max():.3g}"
        )


def bounds(model: keras.Model, lower: Any, upper: Any, method: str = "best") -> BoundsReport:
    """Returns bounds of the outputs that hold for every input between `lower` and `upper`.

    They are sound up to rounding in float64, whatever the dtype of the model: `"interval"` follows
    lower and upper values through the graph, each output by its own weights; `"affine"` puts each
    product between two planes and follows these from the outputs back to the inputs, as CROWN;
    `"best"` also moves the planes of each product to where the bound is best, and takes the best of
    all. An interval of width 0 gives the output itself.

    Args:
        model: `keras.Model` that is built, with one output that is a polynomial of the inputs, or
            that is one before a softmax or sigmoid.
        lower: Array, or list or dictionary of arrays, with a batch of inputs.
        upper: As `lower`, not less in any element. In the units of the inputs.
        method: `"best"`, `"affine"` or `"interval"`, from slow to fast. Defaults to `"best"`.

    Returns:
        A `BoundsReport`, in the units of the outputs; of the scores, where there is a softmax.

    Raises:
        ValueError: If the model is no polynomial, `lower` exceeds `upper`, or shapes do not fit.

    Example:

    >>> import numpy as np
    >>> square = keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x * x)])
    >>> report = keras_hadamard.analysis.bounds(square, np.array([[-1.0]]), np.array([[2.0]]))
    >>> report.lower.tolist(), report.upper.tolist()
    ([[0.0]], [[4.0]])

    Reference:
        - [Efficient Neural Network Robustness Certification with General Activation Functions
          (Zhang et al., 2018)](https://arxiv.org/abs/1811.00866)
        - [Sound and Complete Verification of Polynomial Networks (Abad Rocamora et al., 2022)](
          https://arxiv.org/abs/2209.07235)
    """
    one_of("method", method, METHODS)
    program = program_of(model)
    shape = one_output(program)
    check_polynomial(logits_degree(program))
    low, high = arrays_of(program, lower, "lower"), arrays_of(program, upper, "upper")
    if any(a.shape != b.shape for a, b in zip(low, high, strict=True)):
        raise received(
            "`lower` and `upper` of one shape",
            lower=[a.shape for a in low],
            upper=[b.shape for b in high],
        )
    if any(np.any(a > b) for a, b in zip(low, high, strict=True)):
        raise received("`lower` not to exceed `upper`", difference=_largest(low, high))
    outputs = math.prod(shape)
    both = np.concatenate([np.eye(outputs), -np.eye(outputs)])
    # A sweep of all outputs at once, and of as many boxes as rows allow.
    chunk = max(1, _MOST_ROWS // len(both))
    found = []
    for start in range(0, len(low[0]), chunk):
        boxes = [
            (a[start : start + chunk], b[start : start + chunk])
            for a, b in zip(low, high, strict=True)
        ]
        rows = np.tile(both, (len(boxes[0][0]), 1))
        found.append(lower_bounds(program, boxes, rows, method).bounds.reshape(-1, 2, outputs))
    result = np.concatenate(found)
    return BoundsReport(
        result[:, 0].reshape(-1, *shape),
        -result[:, 1].reshape(-1, *shape),
        method,
        program.graph.logits()[1],
    )


def _largest(low: list[np.ndarray], high: list[np.ndarray]) -> float:
    return float(max(np.max(a - b) for a, b in zip(low, high, strict=True)))
