"""The degree of a model as a polynomial of its inputs."""

from dataclasses import dataclass

import keras
import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.analysis._coefficients import coefficients_of, no_polynomial
from keras_hadamard.analysis._degrees import CONSTANT, Blocker, degrees_of
from keras_hadamard.analysis._kinds import hint
from keras_hadamard.analysis._program import Program, Run, program_of

# Above, the highest coefficient on a ray is not looked at.
_MOST = 64


@dataclass(frozen=True)
class DegreeReport:
    """Result of `degree`.

    Args:
        per_output: Tuple with the degree of each output, `None` where it is no polynomial.
        depth: Integer, the products one after the other on the longest path, as the model runs.
        balanced_depth: Integer, the same if each product of several factors is taken in pairs.
        exact: Boolean, whether every degree was attained on a random ray. Without it, degrees are
            upper bounds: terms may cancel, or weights be zero.
        blockers: Tuple of pairs of strings, the operations that are no polynomial and their layers.

    Example:

    >>> print(keras_hadamard.analysis.DegreeReport((3,), 2, 2, True, ()))
    polynomial of degree 3
    products in a row: 2, at best 2
    """

    per_output: tuple[int | None, ...]
    depth: int
    balanced_depth: int
    exact: bool
    blockers: tuple[tuple[str, str], ...]

    @property
    def polynomial(self) -> bool:
        """Whether every output is a polynomial of the inputs."""
        return all(d is not None for d in self.per_output)

    def __str__(self) -> str:
        most = "" if self.exact or not self.polynomial else "at most "
        if self.polynomial:
            lines = [f"polynomial of degree {most}{', '.join(map(str, self.per_output))}"]
        else:
            told = ", ".join("none" if d is None else str(d) for d in self.per_output)
            lines = [f"no polynomial; degree by output: {told}"]
            lines += [f"  {op} in {layer}: {hint(op)}" for op, layer in self.blockers]
        lines.append(f"products in a row: {self.depth}, at best {self.balanced_depth}")
        return "\n".join(lines)


def degree(model: keras.Model) -> DegreeReport:
    """Returns the degree of each output as a polynomial of all inputs, at inference.

    The graph of the model is walked: sums have the highest degree of their terms, products the sum
    of those of their factors. Any other operation on the inputs is named, with its layer and what
    to pass instead. Constants, such as moving statistics and masks, have degree 0.

    Args:
        model: `keras.Model` that is built, with inputs of known sizes but for the batch.

    Returns:
        A `DegreeReport`, which prints as text.

    Raises:
        ValueError: If the model is not built, or an input has an unknown size.

    Example:

    >>> poly = keras_hadamard.layers.PolynomialDense(2, degree=4)
    >>> report = keras_hadamard.analysis.degree(keras.Sequential([keras.Input((3,)), poly]))
    >>> report.per_output, report.depth, report.balanced_depth
    ((4,), 3, 2)

    Reference:
        - [P-nets: Deep Polynomial Neural Networks (Chrysos et al., 2020)](
          https://arxiv.org/abs/2003.03828)
    """
    program = program_of(model)
    run = program.run(noise(program, 2))
    return _report(run)


def require_polynomial(model: keras.Model, most: int | None = None) -> DegreeReport:
    """Returns the degree of a model, or raises with the operation that is no polynomial.

    Args:
        model: `keras.Model` that is built.
        most: Integer, the highest degree that will do. Defaults to `None`, any.

    Returns:
        The `DegreeReport` of the model.

    Raises:
        ValueError: If an output is no polynomial, or of a higher degree.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="scores")])
    >>> keras_hadamard.analysis.require_polynomial(model).per_output
    (1,)

    Reference:
        - [P-nets: Deep Polynomial Neural Networks (Chrysos et al., 2020)](
          https://arxiv.org/abs/2003.03828)
    """
    return check_polynomial(degree(model), most)


def check_polynomial(report: DegreeReport, most: int | None = None) -> DegreeReport:
    """The report, if it is that of a polynomial."""
    if not report.polynomial:
        raise no_polynomial(*report.blockers[0])
    highest = max(d or 0 for d in report.per_output)
    if most is not None and highest > most:
        raise received(f"a polynomial of degree {most} at most", degree=highest)
    return report


def logits_degree(program: Program) -> DegreeReport:
    """The degree of the outputs, before a softmax or sigmoid."""
    return _report(program.run(noise(program, 2), logits=True))


def noise(program: Program, batch: int) -> list[np.ndarray]:
    """Random inputs: no two numbers are equal, and none is zero."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=spec.of_batch(batch)) for spec in program.specs]


def _report(run: Run) -> DegreeReport:
    found, blockers = degrees_of(run)
    of = [found.get(name, CONSTANT) for name in run.outputs]
    degrees = tuple(d.degree for d in of)
    wanted = _needed_blockers(run, blockers)
    return DegreeReport(
        degrees,
        max(d.depth for d in of),
        max(d.balanced for d in of),
        all(d is not None for d in degrees) and _attained(run, [d or 0 for d in degrees]),
        tuple((b.operation, b.layer) for b in wanted),
    )


def _needed_blockers(run: Run, blockers: list[Blocker]) -> list[Blocker]:
    """The blockers that the outputs depend on."""
    ahead = run.ahead
    found = {Blocker(s.node.op, s.node.layer) for s in run.steps if not ahead.isdisjoint(s.outputs)}
    return [blocker for blocker in blockers if blocker in found]


def _attained(run: Run, degrees: list[int]) -> bool:
    """Whether the highest coefficient on a random ray is not zero."""
    highest = max(degrees)
    if highest > _MOST:
        return False
    rays = [{0: run.values[name] * 0, 1: run.values[name]} for name in run.inputs]
    series = coefficients_of(
        run, rays, 0, lambda one, two: one + two if one + two <= highest else None
    )
    for coefficients, wanted in zip(series, degrees, strict=True):
        sizes = {n: float(np.max(np.abs(np.asarray(c)))) for n, c in coefficients.items()}
        # What cancels leaves rounding errors.
        if wanted and not sizes.get(wanted, 0.0) > 1e-12 * max(sizes.values()):
            return False
    return True
