"""The parts of a model of each degree, and how much of its outputs each of them is."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard.analysis._coefficients import coefficients_of
from keras_hadamard.analysis._inputs import arrays_of, one_output
from keras_hadamard.analysis._program import Program, program_of
from keras_hadamard.analysis.degree import check_polynomial, logits_degree

_MOST_DEGREE = 256
_MOST_ROWS = 512


def homogeneous_parts(model: keras.Model, x: Any, center: Any = 0.0) -> np.ndarray:
    """Returns the parts of the outputs of each degree, which add up to the outputs.

    `f(c + t (x - c)) = sum_n t^n p_n(x)`: every tensor of the graph is carried as a series in `t`,
    in float64. Nothing is interpolated, so that degree 32 is as exact as degree 2.

    Args:
        model: `keras.Model` that is built, with one output, a polynomial of the inputs before its
            softmax or sigmoid.
        x: Array, or list or dictionary of arrays, with a batch of inputs.
        center: The point `c` that degrees are counted from: a number, or as `x` for one example.
            Defaults to `0.0`.

    Returns:
        Array `(degree + 1, batch, ...)`, in the units of the outputs.

    Raises:
        ValueError: If the model is no polynomial, or of a degree above 256.

    Example:

    >>> import numpy as np
    >>> square = keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: (x + 1) ** 2)])
    >>> keras_hadamard.analysis.homogeneous_parts(square, np.array([[3.0]]))[:, 0, 0].tolist()
    [1.0, 6.0, 9.0]

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """
    program = program_of(model)
    highest = _degree(program)
    arrays = arrays_of(program, x, "x")
    return _parts(program, arrays, _center(program, arrays, center), highest)


@dataclass(frozen=True, eq=False)
class DegreeEnergy:
    """Result of `degree_energy`, each by degree from 0.

    Args:
        energy: Array `(degree + 1,)`, the variance of the part of each degree over the data, summed
            over the outputs, in their units squared.
        r2: Array `(degree + 1,)`, the share of the outputs' variance that the parts up to each
            degree explain; it may be negative where parts cancel.
        agreement: Array `(degree + 1,)`, the share of examples for which the parts up to each
            degree have the same largest output as all; of the same sign, for one output.
        logits: Boolean, whether the outputs are the scores before a softmax or sigmoid.

    Example:

    >>> import numpy as np
    >>> shares = np.array([0.0, 3.0, 1.0]), np.array([0.0, 0.8, 1.0]), np.array([0.5, 0.9, 1.0])
    >>> print(keras_hadamard.analysis.DegreeEnergy(*shares, False))
    degree  energy     R2  agreement
         0       0  0.000      50.0%
         1       3  0.800      90.0%
         2       1  1.000     100.0%
    """

    energy: np.ndarray
    r2: np.ndarray
    agreement: np.ndarray
    logits: bool

    def plot(self, axes: Any = None) -> Any:
        """Bars of the energy of each degree; needs matplotlib."""
        import matplotlib.pyplot as plt

        axes = plt.subplots()[1] if axes is None else axes
        axes.bar(range(len(self.energy)), self.energy)
        axes.set_xlabel("degree")
        axes.set_ylabel("variance of the part")
        return axes

    def __str__(self) -> str:
        lines = ["degree  energy     R2  agreement"]
        lines += [
            f"{n:6d}  {e:6.3g}  {r:5.3f}  {a:9.1%}"
            for n, (e, r, a) in enumerate(zip(self.energy, self.r2, self.agreement, strict=True))
        ]
        return "\n".join(lines)


def degree_energy(model: keras.Model, data: Any, center: Any = None) -> DegreeEnergy:
    """Returns how much of the outputs the parts of each degree are, over data.

    Parts are correlated, so that their variances do not add up to that of the outputs: `r2` and
    `agreement` say what a model without the higher degrees would give.

    Args:
        model: `keras.Model` that is built, with one output, a polynomial of the inputs before its
            softmax or sigmoid.
        data: Array, or list or dictionary of arrays, with inputs.
        center: The point that degrees are counted from: a number, or an input. Defaults to `None`,
            the mean of the data.

    Returns:
        A `DegreeEnergy`, which prints as a table and can be plotted.

    Raises:
        ValueError: If the model is no polynomial, or of a degree above 256.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x + 3.0)])
    >>> energy = keras_hadamard.analysis.degree_energy(model, np.array([[0.0], [2.0]]))
    >>> energy.energy.tolist(), energy.r2.tolist()
    ([0.0, 1.0], [0.0, 1.0])

    Reference:
        - [Deep Polynomial Neural Networks (Chrysos et al., 2021)](https://arxiv.org/abs/2006.13026)
    """
    program = program_of(model)
    highest = _degree(program)
    arrays = arrays_of(program, data, "data")
    if center is None:
        middle = [a.mean(axis=0, keepdims=True) for a in arrays]
    else:
        middle = _center(program, arrays, center)
    parts = _parts(program, arrays, middle, highest)
    parts = parts.reshape(highest + 1, len(arrays[0]), -1)
    sums = np.cumsum(parts, axis=0)
    whole = sums[-1]
    total = float(whole.var(axis=0).sum())
    rest = ((sums - whole) ** 2).mean(axis=1).sum(axis=-1)
    if whole.shape[1] > 1:
        same = sums.argmax(axis=2) == whole.argmax(axis=1)
    else:
        same = ((sums > 0) == (whole > 0))[..., 0]
    return DegreeEnergy(
        parts.var(axis=1).sum(axis=-1),
        1 - rest / total if total else np.ones(highest + 1),
        same.mean(axis=1),
        program.graph.logits()[1],
    )


def _degree(program: Program) -> int:
    one_output(program)
    report = check_polynomial(logits_degree(program), _MOST_DEGREE)
    return max(d or 0 for d in report.per_output)


def _center(program: Program, arrays: list[np.ndarray], center: Any) -> list[np.ndarray]:
    if np.ndim(center) == 0 and not isinstance(center, dict):
        return [np.full((1, *a.shape[1:]), float(center)) for a in arrays]
    found = arrays_of(program, center, "center")
    if len(found[0]) != 1:
        raise received("`center` to be one input", center=len(found[0]))
    return found


def _parts(
    program: Program, arrays: list[np.ndarray], center: list[np.ndarray], highest: int
) -> np.ndarray:
    found = []
    for start in range(0, len(arrays[0]), _MOST_ROWS):
        rows = [a[start : start + _MOST_ROWS] for a in arrays]
        run = program.run(rows, logits=True)
        rays = [
            {0: ops.convert_to_tensor(c + 0 * a), 1: ops.convert_to_tensor(a - c)}
            for a, c in zip(rows, center, strict=True)
        ]
        series = coefficients_of(run, rays, 0, lambda one, two: one + two)[0]
        nothing = np.zeros(run.values[run.outputs[0]].shape)
        found.append(
            np.stack([np.asarray(series.get(n, nothing)) + nothing for n in range(highest + 1)])
        )
    return np.concatenate(found, axis=1)
