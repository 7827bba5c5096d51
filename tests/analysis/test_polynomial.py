"""Coefficients, homogeneous parts and energies: they add up to the model, and Euler's identity."""

import math

import keras
import numpy as np
import pytest
from analysis.nets import polynomial, randomised, sequential

from keras_hadamard import analysis, layers

BUILDS = {
    "dense": lambda: sequential((3,), keras.layers.Dense(2, dtype="float64")),
    "ccp": lambda: sequential((3,), polynomial(2, 3)),
    "ncp": lambda: sequential((3,), polynomial(2, 3, decomposition="ncp")),
    "crosses": lambda: sequential((3,), layers.CrossNetwork(2, dtype="float64")),
    "fm": lambda: sequential((3,), layers.FactorizationMachine(2, dtype="float64")),
    "stacked": lambda: sequential((3,), polynomial(2, 2), polynomial(1, 2)),
    "conv": lambda: sequential(
        (3, 3, 1),
        layers.PolynomialConv2D(2, 3, degree=2, dtype="float64"),
        keras.layers.GlobalAveragePooling2D(dtype="float64"),
    ),
}


def drawn(model, count=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *model.input_shape[1:]))


@pytest.mark.parametrize("name", BUILDS)
def test_the_monomials_add_up_to_the_model(name):
    model = randomised(BUILDS[name]())
    x = drawn(model)
    found = analysis.polynomial(model)
    y = np.asarray(model(x))
    np.testing.assert_allclose(found(x), y, rtol=1e-10, atol=1e-10 * np.abs(y).max())
    report = analysis.degree(model)
    assert found.degree == report.per_output[0] and report.exact
    features = math.prod(model.input_shape[1:])
    assert len(found.exponents) <= math.comb(features + found.degree, found.degree)
    assert len({tuple(e) for e in found.exponents}) == len(found.exponents)
    # The value at zero is the constant term.
    constant = found.coefficients[found.exponents.sum(axis=1) == 0].sum(axis=0)
    np.testing.assert_allclose(constant, np.asarray(model(0 * x[:1]))[0], atol=1e-12)


def test_a_factorisation_machine_has_no_squares():
    found = analysis.polynomial(randomised(BUILDS["fm"]()))
    assert found.exponents.max() == 1


def test_the_text_of_a_polynomial():
    a = keras.layers.Lambda(lambda x: 2 * x[:, :1] ** 3 - x[:, 1:] + 0.5, dtype="float64")
    found = analysis.polynomial(sequential((2,), a))
    assert str(found) == "f = 0.5 - 1*x1 + 2*x0**3"
    assert found.text(names=["a", "b"], terms=1) == "2*a**3 + 2 more terms"
    with pytest.raises(ValueError, match="2 features"):
        found(np.ones((1, 3)))
    with pytest.raises(ValueError, match="2 names"):
        found.text(names=["a"])


def test_sympy_has_the_same_terms():
    sympy = pytest.importorskip("sympy")
    found = analysis.polynomial(randomised(BUILDS["ccp"]()))
    for output, expression in enumerate(found.to_sympy()):
        terms = dict(sympy.Poly(expression, *sympy.symbols("x0 x1 x2")).terms())
        for exponents, coefficient in zip(found.exponents, found.coefficients, strict=True):
            np.testing.assert_allclose(float(terms[tuple(exponents)]), coefficient[output])


@pytest.mark.parametrize("name", BUILDS)
def test_parts_add_up_and_are_homogeneous(name):
    model = randomised(BUILDS[name]())
    x = drawn(model)
    parts = analysis.homogeneous_parts(model, x)
    y = np.asarray(model(x))
    np.testing.assert_allclose(parts.sum(axis=0), y, atol=1e-11 * np.abs(parts).max())
    twice = analysis.homogeneous_parts(model, 2 * x)
    powers = 2.0 ** np.arange(len(parts)).reshape(-1, *[1] * y.ndim)
    np.testing.assert_allclose(twice, parts * powers, rtol=1e-12)
    np.testing.assert_allclose(parts[0], np.asarray(model(0 * x)), atol=1e-12)
    # Euler: the derivative along the ray is the sum of n p_n.
    step = 1e-6
    slope = (np.asarray(model(x * (1 + step))) - np.asarray(model(x * (1 - step)))) / (2 * step)
    euler = sum(n * part for n, part in enumerate(parts))
    np.testing.assert_allclose(slope, euler, atol=1e-6 * np.abs(euler).max())


@pytest.mark.parametrize("degree", [2, 8, 32])
def test_parts_are_those_of_the_recursion(degree):
    layer = polynomial(2, degree, rank=5)
    model = sequential((6,), layer)
    x = drawn(model, 3)
    factors = [x @ np.asarray(f.kernel) for f in layer.factors]
    expected = {1: factors[0]}
    for factor in factors[1:]:
        expected = {
            n: expected.get(n, 0) + factor * expected.get(n - 1, 0) for n in range(1, degree + 1)
        }
    found = analysis.homogeneous_parts(model, x)
    for n in range(1, degree + 1):
        wanted = expected[n] @ np.asarray(layer.output_projection.kernel)
        np.testing.assert_allclose(found[n], wanted, rtol=1e-9, atol=1e-13 * np.abs(wanted).max())


def test_parts_about_a_center():
    model = randomised(BUILDS["ccp"]())
    x, c = drawn(model), drawn(model, 1, seed=1)
    parts = analysis.homogeneous_parts(model, x, center=c)
    np.testing.assert_allclose(parts[0], np.repeat(np.asarray(model(c)), 5, axis=0), rtol=1e-11)
    np.testing.assert_allclose(parts.sum(axis=0), np.asarray(model(x)), rtol=1e-9)


def test_energy():
    model = randomised(sequential((3,), polynomial(2, 3)))
    x = drawn(model, 700)
    found = analysis.degree_energy(model, x, center=0.0)
    parts = analysis.homogeneous_parts(model, x)
    np.testing.assert_allclose(found.energy, parts.var(axis=1).sum(axis=-1), rtol=1e-10, atol=1e-20)
    assert found.energy[0] < 1e-20 and found.r2[-1] == found.agreement[-1] == 1
    # A linear model is explained by its linear part.
    linear = analysis.degree_energy(BUILDS["dense"](), x)
    np.testing.assert_allclose(linear.r2, [0, 1], atol=1e-12)
    assert len(str(found).splitlines()) == 5


def test_bad_input():
    model = sequential((30,), polynomial(1, 4))
    with pytest.raises(ValueError, match=r"at most 1000 monomials.*terms=46376"):
        analysis.polynomial(model, max_terms=1000)
    with pytest.raises(ValueError, match="Relu"):
        analysis.polynomial(sequential((3,), keras.layers.Dense(1, "relu")))
    with pytest.raises(ValueError, match="one input"):
        analysis.homogeneous_parts(model, np.ones((2, 30)), center=np.ones((2, 30)))
    x = keras.Input((3,))
    with pytest.raises(ValueError, match="one output"):
        analysis.polynomial(keras.Model(x, [x * x, x]))
