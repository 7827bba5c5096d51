"""Proof that no input near a given one is classified otherwise."""

import heapq
import itertools
import math
import time
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import non_negative, positive_int, received
from keras_hadamard.analysis._attack import descended
from keras_hadamard.analysis._inputs import arrays_of, class_functionals, labels_of, scores_shape
from keras_hadamard.analysis._planes import lower_bounds
from keras_hadamard.analysis._program import Program, program_of
from keras_hadamard.analysis.degree import check_polynomial, logits_degree

VERIFIED, FALSIFIED, UNKNOWN = "verified", "falsified", "unknown"
_STEPS = 10
# Boxes whose bounds are found together.
_TOGETHER = 16
_MOST_ROWS = 2048

Box = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class VerifyReport:
    """Result of `verify`.

    Args:
        status: Array of strings, one an example: "verified", "falsified" or "unknown".
        lower: Array, a lower bound of the margin, the score of the label less the highest other,
            over the box of each example.
        upper: Array, the least margin that was found in the box.
        counterexamples: Tuple with an array for each input, of the shape of the inputs: a point of
            the box that is classified otherwise where the status is "falsified", NaN elsewhere.
        boxes: Integer, how many boxes were bounded.

    Example:

    >>> import numpy as np
    >>> report = keras_hadamard.analysis.VerifyReport(
    ...     np.array(["verified"]), np.array([0.5]), np.array([0.7]), (np.full((1, 2), np.nan),), 1
    ... )
    >>> print(report)
    1 verified, 0 falsified, 0 unknown of 1; 1 box bounded
    """

    status: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    counterexamples: tuple[np.ndarray, ...]
    boxes: int

    def __str__(self) -> str:
        counts = ", ".join(
            f"{int(np.sum(self.status == kind))} {kind}" for kind in (VERIFIED, FALSIFIED, UNKNOWN)
        )
        many = "es" if self.boxes > 1 else ""
        return f"{counts} of {len(self.status)}; {self.boxes} box{many} bounded"


def verify(
    model: keras.Model,
    x: Any,
    y: Any,
    eps: float,
    limits: tuple[float, float] | None = None,
    max_boxes: int = 200,
    timeout: float = 60.0,
) -> VerifyReport:
    """Returns whether all inputs within `eps` of each example get its label.

    By branch and bound: the margin over a box has a lower bound (that of `bounds`), and an upper
    one where steps along the gradient lead. A positive lower bound proves, a negative upper one
    refutes; in between, the box is cut in two where the bound depends on it most. The proof is
    of the scores in float64; a counterexample is one of the model itself, in its own dtype.

    Args:
        model: `keras.Model` that is built, a classifier with one output `(batch, classes)`, or of
            one score; a polynomial of the inputs before its softmax or sigmoid.
        x: Array, or list or dictionary of arrays, with a batch of inputs.
        y: Integer labels, or one-hot rows.
        eps: Float, the largest change of any one number of an input, in its units.
        limits: Pair of floats that inputs cannot leave, such as `(0, 1)`. Defaults to `None`.
        max_boxes: Integer, the boxes to bound for one example before it is "unknown". Defaults to
            `200`.
        timeout: Float, seconds for all examples together. Defaults to `60.0`.

    Returns:
        A `VerifyReport`, with margins in the units of the scores.

    Raises:
        ValueError: If the scores are no polynomial, or an argument does not fit.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.eye(2)])
    >>> x = np.array([[1.0, 0.0]])
    >>> [str(keras_hadamard.analysis.verify(model, x, [0], eps).status[0]) for eps in (0.4, 0.6)]
    ['verified', 'falsified']

    Reference:
        - [Sound and Complete Verification of Polynomial Networks (Abad Rocamora et al., 2022)](
          https://arxiv.org/abs/2209.07235)
    """
    program = program_of(model)
    classes = scores_shape(program)
    check_polynomial(logits_degree(program))
    arrays = arrays_of(program, x, "x")
    labels = labels_of(y, len(arrays[0]), classes)
    boxes = boxes_around(arrays, non_negative("eps", eps), limits)
    positive_int("max_boxes", max_boxes)
    functionals = class_functionals(labels, classes)
    ends = time.monotonic() + non_negative("timeout", timeout)
    search = _Search(model, program, functionals.shape[1])
    search.attack(arrays, boxes, functionals, labels)
    for method in ("affine", "best"):
        search.bound(boxes, functionals, method)
    for i in np.flatnonzero(search.status == UNKNOWN):
        box = [(low[i : i + 1], high[i : i + 1]) for low, high in boxes]
        search.branch(int(i), box, functionals[i], int(labels[i]), max_boxes, ends)
    return VerifyReport(
        search.status, search.lower, search.upper, tuple(search.points), search.boxes
    )


def boxes_around(
    arrays: list[np.ndarray], eps: float, limits: tuple[float, float] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The boxes of inputs within `eps`, cut off at the limits."""
    low, high = (-math.inf, math.inf) if limits is None else limits
    if not low < high:
        raise received("`limits` to be a pair of numbers, the lower one first", limits=limits)
    if any(np.any(a < low) or np.any(a > high) for a in arrays):
        raise received("`x` within `limits`", limits=limits, x=[(a.min(), a.max()) for a in arrays])
    return [(np.maximum(a - eps, low), np.minimum(a + eps, high)) for a in arrays]


class _Search:
    """What is known so far of each example."""

    def __init__(self, model: keras.Model, program: Program, others: int) -> None:
        self.model = model
        self.program = program
        self.others = others
        self.boxes = 0

    def attack(
        self,
        arrays: list[np.ndarray],
        boxes: Box,
        functionals: np.ndarray,
        labels: np.ndarray,
    ) -> None:
        """Steps along the gradients of all margins, for all examples together."""
        count = len(labels)
        self.status = np.full(count, UNKNOWN, dtype=f"<U{len(FALSIFIED)}")
        self.lower = np.full(count, -np.inf)
        self.upper = np.full(count, np.inf)
        self.points = [np.full_like(a, np.nan) for a in arrays]
        chunk = max(1, _MOST_ROWS // self.others)
        for start in range(0, count, chunk):
            part = slice(start, start + chunk)

            def several(array: np.ndarray, part: slice = part) -> np.ndarray:
                return np.repeat(array[part], self.others, axis=0)

            rows = functionals[part].reshape(-1, functionals.shape[-1])
            wide = [(several(low), several(high)) for low, high in boxes]
            values, points = descended(
                self.program, wide, [several(a) for a in arrays], rows, _STEPS
            )
            values = values.reshape(-1, self.others)
            for i, least in enumerate(values.argmin(axis=1)):
                at = i * self.others + int(least)
                self._found(
                    start + i, values[i, least], [p[at : at + 1] for p in points], labels[start + i]
                )

    def _found(self, i: int, value: float, point: list[np.ndarray], label: int) -> None:
        """Keeps a point if it is the least so far, and what it refutes."""
        self.upper[i] = min(self.upper[i], value)
        if value < 0 and _classified_otherwise(self.model, self.program, point, int(label)):
            self.status[i] = FALSIFIED
            for kept, found in zip(self.points, point, strict=True):
                kept[i] = found[0]

    def bound(self, boxes: Box, functionals: np.ndarray, method: str) -> None:
        """Bounds over the whole boxes, of those that are still open."""
        chunk = max(1, _MOST_ROWS // self.others)
        # What is refuted has a lower bound as well.
        ahead = np.flatnonzero((self.status == UNKNOWN) | (self.lower == -np.inf))
        for start in range(0, len(ahead), chunk):
            which = ahead[start : start + chunk]
            rows = functionals[which].reshape(-1, functionals.shape[-1])
            found = lower_bounds(
                self.program, [(low[which], high[which]) for low, high in boxes], rows, method
            )
            least = found.bounds.reshape(-1, self.others).min(axis=1)
            self.lower[which] = np.maximum(self.lower[which], least)
            self.boxes += len(which)
        proved = (self.lower > 0) & (self.status == UNKNOWN)
        self.status[proved] = VERIFIED

    def branch(
        self,
        i: int,
        box: Box,
        functionals: np.ndarray,
        label: int,
        max_boxes: int,
        ends: float,
    ) -> None:
        """Cuts the box of one example until all parts are proved, or one is refuted."""
        order = itertools.count()
        queue: list[tuple[float, int, Box]] = [(float(self.lower[i]), next(order), box)]
        # The first box was bounded twice.
        done, proved = 1, math.inf
        together = max(1, min(_TOGETHER, _MOST_ROWS // self.others))
        while queue and done < max_boxes and time.monotonic() < ends:
            count = min(together, len(queue), max_boxes - done)
            several = [heapq.heappop(queue) for _ in range(count)]
            parts = [
                (
                    np.concatenate([whole[k][0] for *_, whole in several]),
                    np.concatenate([whole[k][1] for *_, whole in several]),
                )
                for k in range(len(box))
            ]
            done += count
            found = lower_bounds(self.program, parts, np.tile(functionals, (count, 1)), "affine")
            per_box = found.bounds.reshape(count, -1)
            worst = per_box.argmin(axis=1)
            at = np.arange(count) * self.others + worst
            corners = [c[at] for c in found.corners]
            values, points = descended(self.program, parts, corners, functionals[worst], _STEPS)
            least = int(values.argmin())
            self._found(i, values[least], [p[least : least + 1] for p in points], label)
            if self.status[i] == FALSIFIED:
                break
            for number, (parent, _, whole) in enumerate(several):
                bound = max(parent, float(per_box[number].min()))
                if bound > 0:
                    proved = min(proved, bound)
                    continue
                slopes = [s[at[number] : at[number] + 1] for s in found.slopes]
                for half in _halves(whole, slopes):
                    heapq.heappush(queue, (bound, next(order), half))
        self.boxes += done - 1
        if self.status[i] != FALSIFIED:
            self.lower[i] = min([proved, *(bound for bound, *_ in queue)])
            self.status[i] = UNKNOWN if queue else VERIFIED


def _classified_otherwise(
    model: keras.Model, program: Program, point: list[np.ndarray], label: int
) -> bool:
    """Whether the model itself, in its own dtype, gives another class."""
    scores = np.asarray(program.run(point, exact=False).values[program.graph.outputs[0]])[0]
    if len(scores) > 1:
        return int(scores.argmax()) != label
    inner = program.run(point, exact=False, logits=True)
    return bool((float(inner.values[inner.outputs[0]][0, 0]) > 0) != (label == 1))


def _halves(box: Box, slopes: list[np.ndarray]) -> list[Box]:
    """The box cut in two across the axis that its bound depends on most."""
    sizes = [
        (np.abs(s) + 1e-9 * np.abs(s).max() + 1e-30) * (high - low)
        for s, (low, high) in zip(slopes, box, strict=True)
    ]
    which = int(np.argmax([size.max() for size in sizes]))
    axis = np.unravel_index(sizes[which].argmax(), sizes[which].shape)
    low, high = box[which]
    middle = (low[axis] + high[axis]) / 2
    below, above = high.copy(), low.copy()
    below[axis], above[axis] = middle, middle
    first, second = list(box), list(box)
    first[which], second[which] = (low, below), (above, high)
    return [first, second]
