"""Bounds of functionals of the outputs over boxes, by intervals and by planes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from keras_hadamard._core.typing import Tensor
from keras_hadamard.analysis._coefficients import no_polynomial
from keras_hadamard.analysis._intervals import (
    Interval,
    affine_intervals,
    intervals_of,
    product_interval,
)
from keras_hadamard.analysis._program import Program, Run
from keras_hadamard.analysis._steps import Blocked, Product
from keras_hadamard.analysis._sweep import SLOPES, Slope, Swept, optimised, sweep

# Tensors with more elements for an example keep their intervals.
_MOST_ELEMENTS = 512
_MOST_ROWS = 16_384


def tightened(
    program: Program, run: Run, boxes: list[Interval], logits: bool, optimise: bool = False
) -> dict[str, Interval]:
    """Intervals of all tensors, those that are multiplied narrowed by planes."""
    found = dict(zip(run.inputs, boxes, strict=True))
    # Whether an interval is as narrow as it can be, from one step at a time.
    exact = dict.fromkeys(run.inputs, 0)
    ahead = run.ahead
    for step in run.steps:
        if ahead.isdisjoint(step.outputs):
            continue
        if isinstance(step, Blocked):
            raise no_polynomial(step.node.op, step.node.layer)
        if isinstance(step, Product):
            for name in set(step.operands):
                if exact[name] > 1:
                    found[name] = _narrowed(program, run, found, name, logits, optimise)
                    exact[name] = 1
            first, second = (found[name] for name in step.operands)
            found[step.outputs[0]] = product_interval(step, first, second)
            exact[step.outputs[0]] = 2
        else:
            made = affine_intervals(step, [found[name] for name in step.operands])
            found.update(zip(step.outputs, made, strict=False))
            mixes = step.scales or len(step.operands) > 1 or step.node.op in ("Sum", "Mean")
            mixed = max(exact[name] for name in step.operands) + mixes
            exact.update(dict.fromkeys(step.outputs, mixed))
    return found


def _narrowed(
    program: Program,
    run: Run,
    found: dict[str, Interval],
    name: str,
    logits: bool,
    optimise: bool,
) -> Interval:
    """The interval of one tensor, by a sweep for each of its elements."""
    low, high = found[name]
    rows, shape = int(low.shape[0]), tuple(low.shape[1:])
    size = int(np.prod(shape))
    batch = int(run.values[run.inputs[0]].shape[0])
    if rows != batch or size > _MOST_ELEMENTS:
        return low, high
    least: list[Tensor] = []
    most: list[Tensor] = []
    chunk = max(1, _MOST_ROWS // size)
    for start in range(0, rows, chunk):
        part = slice(start, min(start + chunk, rows))
        count = part.stop - part.start
        wide = program.run(
            [ops.repeat(run.values[n][part], size, axis=0) for n in run.inputs], logits=logits
        )
        several = {}
        for key, interval in found.items():
            if int(interval[0].shape[0]) != batch:
                return low, high
            several[key] = tuple(ops.repeat(t[part], size, axis=0) for t in interval)
        seed = np.tile(np.eye(size), (count, 1)).reshape((count * size, *shape))
        seed = ops.convert_to_tensor(seed, dtype=low.dtype)
        for sign, results in ((1.0, least), (-1.0, most)):
            seeds = {name: sign * seed}
            bounds = [sweep(wide, several, seeds, r).bounds for r in SLOPES]
            if optimise:
                bounds += [s.bounds for s in optimised(wide, several, seeds)]
            best = bounds[0]
            for bound in bounds[1:]:
                best = ops.maximum(best, bound)
            results.append(ops.reshape(sign * best, (count, *shape)))
    return (
        ops.maximum(low, ops.concatenate(least, axis=0)),
        ops.minimum(high, ops.concatenate(most, axis=0)),
    )


@dataclass(frozen=True)
class Lower:
    """Lower bounds of functionals of the outputs, each a row, over boxes, and where they lie."""

    bounds: np.ndarray
    corners: list[np.ndarray]
    slopes: list[np.ndarray]


def lower_bounds(
    program: Program,
    boxes: list[tuple[np.ndarray, np.ndarray]],
    functionals: np.ndarray,
    method: str,
    logits: bool = True,
) -> Lower:
    """Lower bounds of `functionals @ outputs`, one row of the boxes and functionals at a time.

    Args:
        program: The model.
        boxes: Lower and upper values of each input, of as many rows as there are functionals, or
            one in so many rows.
        functionals: Array `(rows, outputs)`, for all outputs one after the other.
        method: "interval", "affine", or "best".
        logits: Whether the outputs are taken before a softmax.
    """
    rows, of_box = len(functionals), len(functionals) // len(boxes[0][0])
    run = program.run([(low + high) / 2 for low, high in boxes], logits=logits)
    tensors = [tuple(ops.convert_to_tensor(np.asarray(e, "float64")) for e in b) for b in boxes]
    found = (
        intervals_of(run, tensors)
        if method == "interval"
        else tightened(program, run, tensors, logits, method == "best")
    )
    if of_box > 1:
        run = program.run(
            [np.repeat((low + high) / 2, of_box, axis=0) for low, high in boxes], logits=logits
        )
        batch = len(boxes[0][0])
        several = {
            key: tuple(ops.repeat(t, of_box, axis=0) for t in interval)
            for key, interval in found.items()
            if int(interval[0].shape[0]) == batch
        }
        if len(several) < len(found):
            wide = [tuple(ops.repeat(t, of_box, axis=0) for t in b) for b in tensors]
            several = intervals_of(run, wide)
        found = several
    seeds: dict[str, Any] = {}
    start = 0
    for name in run.outputs:
        shape = tuple(run.values[name].shape[1:])
        size = int(np.prod(shape))
        part = functionals[:, start : start + size].reshape((rows, *shape))
        part = ops.convert_to_tensor(part, dtype="float64")
        seeds[name] = seeds[name] + part if name in seeds else part
        start += size
    slopes: tuple[Slope, ...] = {
        "interval": (None,),
        "affine": SLOPES,
        "best": (None, *SLOPES),
    }[method]
    swept = [sweep(run, found, seeds, slope) for slope in slopes]
    if method == "best":
        swept += optimised(run, found, seeds)
    return _best(swept)


def _best(swept: list[Swept]) -> Lower:
    """The highest of several bounds, row by row."""
    bounds = np.stack([np.asarray(s.bounds) for s in swept])
    which, rows = np.argmax(bounds, axis=0), np.arange(bounds.shape[1])

    def chosen(of: list[list[Tensor]]) -> list[np.ndarray]:
        return [
            np.stack([np.asarray(t) for t in each])[which, rows] for each in zip(*of, strict=True)
        ]

    return Lower(
        bounds[which, rows],
        chosen([s.corners for s in swept]),
        chosen([s.slopes for s in swept]),
    )
