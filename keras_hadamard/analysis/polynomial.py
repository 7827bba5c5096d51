"""The coefficients of a model, monomial by monomial."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import positive_int, received
from keras_hadamard._core.extras import require
from keras_hadamard.analysis._coefficients import coefficients_of
from keras_hadamard.analysis._inputs import one_output
from keras_hadamard.analysis._program import program_of
from keras_hadamard.analysis.degree import check_polynomial, logits_degree

# What cancels leaves rounding errors.
_ZERO = 1e-14


@dataclass(frozen=True, eq=False)
class Polynomial:
    """Result of `polynomial`: `f(x) = sum_t coefficients[t] * prod_i x_i ** exponents[t, i]`.

    Args:
        exponents: Integer array `(terms, features)`, by degree; features are the numbers of the
            inputs, one input after the other.
        coefficients: Array `(terms, outputs)`.
        logits: Boolean, whether the outputs are the scores before a softmax or sigmoid.

    Example:

    >>> import numpy as np
    >>> exponents, coefficients = np.array([[0, 0], [1, 1]]), np.array([[2.0], [3.0]])
    >>> f = keras_hadamard.analysis.Polynomial(exponents, coefficients, False)
    >>> print(f)
    f = 2 + 3*x0*x1
    >>> f(np.array([[1.0, 5.0]])).tolist()
    [[17.0]]
    """

    exponents: np.ndarray
    coefficients: np.ndarray
    logits: bool

    @property
    def degree(self) -> int:
        """The highest degree of a term."""
        return int(self.exponents.sum(axis=1).max(initial=0))

    def __call__(self, x: Any) -> np.ndarray:
        """The values `(batch, outputs)` at inputs of `(batch, features)`."""
        flat = np.asarray(x, dtype="float64")
        flat = flat.reshape(len(flat), -1)
        if flat.shape[1] != self.exponents.shape[1]:
            raise received(f"{self.exponents.shape[1]} features", x=np.shape(x))
        terms = np.ones((len(flat), len(self.exponents)))
        for n in range(1, self.degree + 1):
            for i in range(flat.shape[1]):
                which = self.exponents[:, i] >= n
                terms[:, which] *= flat[:, i : i + 1]
        return np.asarray(terms @ self.coefficients)

    def to_sympy(self, names: Sequence[str] | None = None) -> list[Any]:
        """An expression of `sympy` for each output, which needs that package."""
        sympy = require("sympy", "sympy", "Polynomial.to_sympy", extra="analysis")
        symbols = [sympy.Symbol(name) for name in self._names(names)]
        return [
            sympy.Add(
                *(
                    float(c) * sympy.Mul(*(s ** int(p) for s, p in zip(symbols, e, strict=True)))
                    for e, c in zip(self.exponents, column, strict=True)
                    if c
                )
            )
            for column in self.coefficients.T
        ]

    def text(self, output: int = 0, names: Sequence[str] | None = None, terms: int = 20) -> str:
        """One output as text: the `terms` largest, by degree."""
        told = self._names(names)
        column = self.coefficients[:, output]
        largest = sorted(np.argsort(-np.abs(column), kind="stable")[: positive_int("terms", terms)])
        parts = [_term(column[t], self.exponents[t], told) for t in largest if column[t]]
        more = int(np.count_nonzero(column)) - len(parts)
        text = " + ".join(parts).replace("+ -", "- ") or "0"
        return text + (f" + {more} more terms" if more else "")

    def _names(self, names: Sequence[str] | None) -> list[str]:
        count = self.exponents.shape[1]
        told = [f"x{i}" for i in range(count)] if names is None else list(names)
        if len(told) != count:
            raise received(f"{count} names, one a feature", names=told)
        return told

    def __str__(self) -> str:
        outputs = self.coefficients.shape[1]
        left = ["f"] if outputs == 1 else [f"f{o}" for o in range(outputs)]
        return "\n".join(f"{name} = {self.text(o)}" for o, name in enumerate(left))


def _term(coefficient: float, exponents: np.ndarray, names: list[str]) -> str:
    powers = [
        name if p == 1 else f"{name}**{p}" for name, p in zip(names, exponents, strict=True) if p
    ]
    number = f"{coefficient:.6g}"
    return "*".join([number, *powers])


def polynomial(model: keras.Model, max_terms: int = 100_000) -> Polynomial:
    """Returns the coefficients of all monomials of the inputs.

    Each tensor of the graph is carried as its coefficients: linear operations act on each of them,
    products on each pair. Nothing is fitted, so nothing is ill-conditioned; all is in float64.

    Args:
        model: `keras.Model` that is built, with one output, a polynomial of the inputs before its
            softmax or sigmoid.
        max_terms: Integer, the most monomials there may be. Defaults to `100000`.

    Returns:
        A `Polynomial`, which can be called, printed and turned into `sympy`.

    Raises:
        ValueError: If the model is no polynomial, or there may be too many monomials.

    Example:

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x[:, :1] ** 2)])
    >>> print(keras_hadamard.analysis.polynomial(model))
    f = 1*x0**2

    Reference:
        - [P-nets: Deep Polynomial Neural Networks (Chrysos et al., 2020)](
          https://arxiv.org/abs/2003.03828)
    """
    positive_int("max_terms", max_terms)
    program = program_of(model)
    one_output(program)
    report = check_polynomial(logits_degree(program))
    highest = max(d or 0 for d in report.per_output)
    features = sum(spec.size for spec in program.specs)
    terms = math.comb(features + highest, highest)
    if terms > max_terms:
        raise received(
            f"at most {max_terms} monomials of degree {highest} in {features} features: raise "
            "`max_terms`, or see `homogeneous_parts` and `interactions`, which need none",
            terms=terms,
        )
    run = program.run([np.zeros(spec.of_batch(1)) for spec in program.specs], logits=True)
    inputs, start = [], 0
    for spec in program.specs:
        units = np.eye(spec.size).reshape((spec.size, *spec.of_batch(1)))
        inputs.append({(start + i,): keras.ops.convert_to_tensor(u) for i, u in enumerate(units)})
        start += spec.size
    found = coefficients_of(run, inputs, (), lambda one, two: tuple(sorted(one + two)))[0]
    keys = sorted(found, key=lambda key: (len(key), key))
    table = np.stack([np.asarray(found[key]).reshape(-1) for key in keys])
    kept = np.abs(table).max(axis=1) > _ZERO * np.abs(table).max(initial=0.0)
    exponents = np.zeros((len(keys), features), dtype="int64")
    for row, key in zip(exponents, keys, strict=True):
        for i in key:
            row[i] += 1
    return Polynomial(exponents[kept], table[kept], program.graph.logits()[1])
