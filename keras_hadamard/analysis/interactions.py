"""Shapley values and interaction indices of a polynomial, exactly."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard.analysis._graph import gradient
from keras_hadamard.analysis._inputs import arrays_of, one_output
from keras_hadamard.analysis._program import Program, program_of
from keras_hadamard.analysis.degree import check_polynomial, logits_degree

_MOST_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Interactions:
    """Result of `interactions`.

    With `n` features or groups: `values[b, i, o]` are the Shapley values of example `b` and output
    `o`, `pairs[b, i, j, o]` the interaction indices.

    Args:
        values: Array `(batch, n, outputs)`, in the units of the outputs.
        pairs: Array `(batch, n, n, outputs)`, symmetric, with zeros on the diagonal; `None` where
            only values were asked for.
        names: Tuple of strings, the features or groups.
        baseline: Array `(batch, outputs)`, the outputs at the baseline.
        outputs: Array `(batch, outputs)`, the outputs at the examples.
        degree: Integer, the degree of the model.
        logits: Boolean, whether the outputs are the scores before a softmax or sigmoid.

    Example:

    >>> import numpy as np
    >>> both = np.array([[[0.0, 2.0], [2.0, 0.0]]])[..., None]
    >>> report = keras_hadamard.analysis.Interactions(
    ...     np.ones((1, 2, 1)), both, ("a", "b"), np.zeros((1, 1)), 2 * np.ones((1, 1)), 2, False
    ... )
    >>> report.top(2)
    [('a x b', 2.0), ('a', 1.0)]
    """

    values: np.ndarray
    pairs: np.ndarray | None
    names: tuple[str, ...]
    baseline: np.ndarray
    outputs: np.ndarray
    degree: int
    logits: bool

    def top(self, k: int = 10, example: int | None = None, output: int = 0) -> list[Any]:
        """The `k` largest Shapley values and interactions, each `(name, value)`.

        Without an example, the mean of their absolute values over all.
        """
        positive_int("k", k)
        values, pairs = self.values[..., output], self.pairs
        terms = list(zip(self.names, self._of(values, example), strict=True))
        if pairs is not None:
            both = self._of(pairs[..., output], example)
            terms += [
                (f"{self.names[i]} x {self.names[j]}", both[i, j])
                for i, j in itertools.combinations(range(len(self.names)), 2)
            ]
        terms.sort(key=lambda term: -abs(term[1]))
        return [(name, float(value)) for name, value in terms[:k]]

    @staticmethod
    def _of(values: np.ndarray, example: int | None) -> np.ndarray:
        of: np.ndarray = np.abs(values).mean(axis=0) if example is None else values[example]
        return of

    def to_shap(self) -> np.ndarray:
        """The interactions as `shap` has them: `(batch, n, n)`, or `(batch, n, n, outputs)`.

        Half of an interaction stands on either side of the diagonal, the rest of the Shapley value
        on it: rows have the Shapley values as their sums, all of it is `outputs - baseline`.
        """
        if self.pairs is None:
            raise received("interactions of order 2", order=1)
        matrix = self.pairs / 2
        index = np.arange(len(self.names))
        matrix[:, index, index] = self.values - matrix.sum(axis=2)
        return matrix[..., 0] if matrix.shape[-1] == 1 else matrix

    def plot(self, example: int | None = None, output: int = 0, axes: Any = None) -> Any:
        """A heat map of the interactions, with main effects on the diagonal; needs matplotlib."""
        import matplotlib.pyplot as plt

        matrix = self.to_shap()
        matrix = matrix[..., output] if matrix.ndim == 4 else matrix
        shown = self._of(matrix, example)
        axes = plt.subplots()[1] if axes is None else axes
        size = np.abs(shown).max() or 1.0
        image = axes.imshow(shown, cmap="RdBu_r", vmin=-size, vmax=size)
        axes.figure.colorbar(image, ax=axes)
        axes.set_xticks(range(len(self.names)), self.names, rotation=90)
        axes.set_yticks(range(len(self.names)), self.names)
        return axes

    def __str__(self) -> str:
        of = "scores before the softmax" if self.logits else "outputs"
        lines = [
            f"exact for a polynomial of degree {self.degree}; {len(self.values)} examples, "
            f"{len(self.names)} features, {self.values.shape[-1]} {of}"
        ]
        width = max(len(name) for name, _ in self.top())
        lines += [f"  {name.ljust(width)}  {value:.4g}" for name, value in self.top()]
        return "\n".join(lines)


def interactions(
    model: keras.Model,
    x: Any,
    baseline: Any,
    order: int = 2,
    groups: Sequence[int] | Sequence[Sequence[int]] | None = None,
    names: Sequence[str] | None = None,
    max_terms: int = 200_000,
) -> Interactions:
    """Returns exact Shapley values and interactions of the features of each example.

    A feature that is absent has its value of the baseline. A polynomial of degree N has no
    interactions of more than N features: `m_T`, the part of the output that needs all features of
    `T`, is 0 for larger `T`, and the Shapley value is `phi_i = sum_(T with i) m_T / |T|`, the
    interaction index `I_ij = sum_(T with i, j) m_T / (|T| - 1)`. At degree 2 these are the gradient
    at the midpoint and the Hessian, times the differences, for any number of features; above, the
    sum runs over all sets of up to N features. Nothing is sampled. A softmax or sigmoid is left
    out: its scores are explained, and the result says so.

    Args:
        model: `keras.Model` that is built, with one output, a polynomial of the inputs before its
            softmax or sigmoid.
        x: Array, or list or dictionary of arrays, with a batch of inputs.
        baseline: As `x`, for each example or for all of them one.
        order: 1 for Shapley values, 2 for interactions as well. Defaults to `2`.
        groups: Sequence with the group of each number of an input, by its integer, or with the
            numbers of each group; those of several inputs one after the other. A group is one
            feature: a word, a block of pixels. Defaults to `None`, each number by itself.
        names: Sequence of strings, of the features or groups. Defaults to `None`, their numbers.
        max_terms: Integer, the most sets of features above degree 2. Defaults to `200000`.

    Returns:
        `Interactions`, in the units of the outputs; `sum_i phi_i` is output less baseline.

    Raises:
        ValueError: If the model is no polynomial, there are too many sets of features, or an
            argument does not fit.

    Example:

    >>> import numpy as np
    >>> product = keras.Sequential(
    ...     [keras.Input((3,)), keras.layers.Lambda(lambda x: x[:, :1] * x[:, 1:2] + x[:, 2:])]
    ... )
    >>> found = keras_hadamard.analysis.interactions(product, np.array([[2.0, 3.0, 5.0]]), 0.0)
    >>> found.values[0, :, 0].tolist(), found.top(1)
    ([3.0, 3.0, 5.0], [('0 x 1', 6.0)])

    Reference:
        - [A Unified Approach to Interpreting Model Predictions (Lundberg and Lee, 2017)](
          https://arxiv.org/abs/1705.07874)
        - [An Axiomatic Approach to the Concept of Interaction (Grabisch and Roubens, 1999)](
          https://doi.org/10.1007/s001820050125)
    """
    one_of("order", order, (1, 2))
    program = program_of(model)
    one_output(program)
    report = check_polynomial(logits_degree(program))
    highest = max(d or 0 for d in report.per_output)
    arrays = arrays_of(program, x, "x")
    whole = _flat(arrays)
    absent = _baseline(program, arrays, baseline)
    members = _members(groups, whole.shape[1])
    told = tuple(str(i) for i in range(len(members))) if names is None else tuple(names)
    if len(told) != len(members):
        raise received(f"{len(members)} names, one a feature", names=told)
    players = np.zeros((len(members), whole.shape[1]))
    for row, group in zip(players, members, strict=True):
        row[group] = 1
    start, end = _scores(program, absent), _scores(program, whole)
    if highest <= 2:
        values, pairs = _quadratic(program, whole, absent, players, order)
    else:
        sets = sum(math.comb(len(members), size) for size in range(1, highest + 1))
        if sets > max_terms:
            raise received(
                f"at most {max_terms} sets of up to {highest} of {len(members)} features: group "
                "features by `groups`, or raise `max_terms`",
                sets=sets,
            )
        values, pairs = _by_sets(program, whole, absent, players, highest)
    return Interactions(
        values,
        pairs if order == 2 else None,
        told,
        start,
        end,
        highest,
        program.graph.logits()[1],
    )


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([a.reshape(len(a), -1) for a in arrays], axis=1)


def _unflat(program: Program, flat: Any) -> list[Any]:
    parts, start = [], 0
    for spec in program.specs:
        parts.append(ops.reshape(flat[:, start : start + spec.size], spec.of_batch(len(flat))))
        start += spec.size
    return parts


def _scores(program: Program, flat: np.ndarray) -> np.ndarray:
    """The outputs `(rows, outputs)` for flat inputs."""
    found = []
    for start in range(0, len(flat), _MOST_ROWS):
        run = program.run(_unflat(program, flat[start : start + _MOST_ROWS]), logits=True)
        value = np.asarray(run.values[run.outputs[0]])
        found.append(value.reshape(len(value), -1))
    return np.concatenate(found)


def _jacobian(program: Program, flat: np.ndarray, outputs: int) -> np.ndarray:
    """The derivatives `(rows, inputs, outputs)` of the outputs of flat inputs."""

    def scores(tensors: list[Any]) -> list[Any]:
        run = program.run(_unflat(program, tensors[0]), logits=True)
        return [ops.reshape(run.values[run.outputs[0]], (len(flat), -1))]

    columns = []
    for output in range(outputs):
        upstream = np.zeros((len(flat), outputs))
        upstream[:, output] = 1
        at = ops.convert_to_tensor(flat)
        columns.append(np.asarray(gradient(scores, [at], [ops.convert_to_tensor(upstream)])[0]))
    return np.stack(columns, axis=-1)


def _baseline(program: Program, arrays: list[np.ndarray], baseline: Any) -> np.ndarray:
    """The baseline of each example, flat."""
    if np.ndim(baseline) == 0 and not isinstance(baseline, dict):
        return np.full_like(_flat(arrays), float(baseline))
    found = _flat(arrays_of(program, baseline, "baseline"))
    if len(found) not in (1, len(arrays[0])):
        raise received(
            f"`baseline` for one example or for all {len(arrays[0])}", baseline=len(found)
        )
    return np.broadcast_to(found, (len(arrays[0]), found.shape[1])).copy()


def _members(groups: Any, features: int) -> list[list[int]]:
    """The numbers of each group; each number is in one group."""
    if groups is None:
        return [[i] for i in range(features)]
    listed = [np.ravel(g).astype("int64").tolist() for g in groups]
    if all(np.ndim(g) == 0 for g in groups):
        labels = [g[0] for g in listed]
        listed = [[i for i, g in enumerate(labels) if g == label] for label in sorted(set(labels))]
        if len(labels) != features:
            raise received(f"a group for each of {features} numbers", groups=len(labels))
    if sorted(i for group in listed for i in group) != list(range(features)):
        raise received(f"each of {features} numbers in one group", groups=listed)
    return listed


def _quadratic(
    program: Program, x: np.ndarray, baseline: np.ndarray, players: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Degree 2: the gradient at the midpoint, and the Hessian, which is constant."""
    delta = x - baseline
    outputs = _scores(program, x[:1]).shape[1]
    middle = _jacobian(program, (x + baseline) / 2, outputs)
    values = np.einsum("gi,bi,bio->bgo", players, delta, middle)
    if order == 1:
        return values, None
    size = x.shape[1]
    hessian = np.zeros((size, size, outputs))
    start = _jacobian(program, np.zeros((1, size)), outputs)[0]
    for first in range(0, size, _MOST_ROWS):
        rows = np.eye(size)[first : first + _MOST_ROWS]
        hessian[first : first + len(rows)] = _jacobian(program, rows, outputs) - start
    hessian = (hessian + hessian.transpose(1, 0, 2)) / 2
    ungrouped = np.array_equal(players, np.eye(size))
    pairs = np.zeros((len(x), len(players), len(players), outputs))
    for b, step in enumerate(delta):
        of = step[:, None, None] * hessian * step[None, :, None]
        if not ungrouped:
            of = np.einsum("gi,ijo,hj->gho", players, of, players, optimize=True)
        pairs[b] = (of + of.transpose(1, 0, 2)) / 2
    index = np.arange(len(players))
    pairs[:, index, index] = 0
    return values, pairs


def _by_sets(
    program: Program, x: np.ndarray, baseline: np.ndarray, players: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray]:
    """Any degree: what each set of features adds to the sets within it."""
    count, most = len(players), min(degree, len(players))
    sets = [s for size in range(most + 1) for s in itertools.combinations(range(count), size)]
    place = {s: n for n, s in enumerate(sets)}
    present = np.zeros((len(sets), count))
    for row, members in zip(present, sets, strict=True):
        row[list(members)] = 1
    mask = present @ players
    outputs = _scores(program, x[:1]).shape[1]
    values = np.zeros((len(x), count, outputs))
    pairs = np.zeros((len(x), count, count, outputs))
    for b, (row, base) in enumerate(zip(x, baseline, strict=True)):
        # The value of every set, then what it adds: subsets are subtracted feature by feature.
        adds = np.concatenate(
            [
                _scores(program, base + mask[start : start + _MOST_ROWS] * (row - base))
                for start in range(0, len(sets), _MOST_ROWS)
            ]
        )
        adds = _differences(adds, sets, place)
        for members, part in zip(sets[1:], adds[1:], strict=True):
            values[b, list(members)] += part / len(members)
            for i, j in itertools.combinations(members, 2):
                pairs[b, i, j] += part / (len(members) - 1)
    return values, pairs + pairs.transpose(0, 2, 1, 3)


def _differences(
    values: np.ndarray, sets: list[tuple[int, ...]], place: dict[tuple[int, ...], int]
) -> np.ndarray:
    """The Moebius coefficients: the alternating sums over all subsets."""
    found = np.zeros_like(values)
    for number, members in enumerate(sets):
        for size in range(len(members) + 1):
            sign = -1.0 if (len(members) - size) % 2 else 1.0
            for subset in itertools.combinations(members, size):
                found[number] += sign * values[place[subset]]
    return found
