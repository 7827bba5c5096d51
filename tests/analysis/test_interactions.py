"""Shapley values and interactions: the authors' numbers, brute force, laws."""

import itertools
import math

import keras
import numpy as np
import pytest
from analysis.nets import golden, polynomial, randomised, sequential

from keras_hadamard import analysis, layers


def coupled(numbers, degree):
    layer = polynomial(1, degree, rank=4)
    model = sequential((6,), layer)
    for n, factor in enumerate(layer.factors, start=1):
        factor.kernel.assign(numbers[f"n{degree}/factor_{n}"])
    layer.output_projection.kernel.assign(numbers[f"n{degree}/out"].reshape(4, 1))
    layer.output_projection.bias.assign(np.ravel(numbers[f"n{degree}/bias"]))
    return model


def of_coalitions(f, x, baseline):
    """Shapley values and interaction indices from all coalitions, by their definitions."""
    n = len(x)
    value = {
        s: f(np.where(np.isin(np.arange(n), s), x, baseline)[None])[0]
        for size in range(n + 1)
        for s in itertools.combinations(range(n), size)
    }

    def key(*members):
        return tuple(sorted(members))

    shapley, pairs = np.zeros((n, len(value[()]))), np.zeros((n, n, len(value[()])))
    for s in value:
        rest = [i for i in range(n) if i not in s]
        for i in rest:
            weight = math.factorial(len(s)) * math.factorial(n - len(s) - 1) / math.factorial(n)
            shapley[i] += weight * (value[key(*s, i)] - value[s])
        for i, j in itertools.permutations(rest, 2):
            weight = math.factorial(len(s)) * math.factorial(n - len(s) - 2)
            weight /= math.factorial(n - 1)
            gain = value[key(*s, i, j)] - value[key(*s, i)] - value[key(*s, j)] + value[s]
            pairs[i, j] += weight * gain
    return shapley, pairs


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_against_shapiq(degree):
    numbers = golden("shapiq__ccp")
    model = coupled(numbers, degree)
    x, baseline = (np.reshape(numbers[f"n{degree}/{k}"], (1, 6)) for k in ("x", "baseline"))
    found = analysis.interactions(model, x, baseline)
    scale = np.abs(numbers[f"n{degree}/shapley"]).max()
    np.testing.assert_allclose(found.outputs[0, 0], np.ravel(numbers[f"n{degree}/f_x"])[0])
    for mine, theirs in (
        (found.values[0, :, 0], numbers[f"n{degree}/shapley"]),
        (found.pairs[0, :, :, 0], numbers[f"n{degree}/sii_pairs"]),
    ):
        off = mine - theirs
        if mine.ndim == 2:
            np.fill_diagonal(off, 0)
        assert np.abs(off).max() < 1e-12 * scale


BUILDS = {
    "linear": lambda: sequential((4,), keras.layers.Dense(2, dtype="float64")),
    "quadratic": lambda: sequential((4,), layers.QuadraticDense(2, dtype="float64")),
    "ccp": lambda: sequential((4,), polynomial(2, 3)),
    "stacked": lambda: sequential((4,), polynomial(2, 2), polynomial(2, 2)),
    "beyond": lambda: sequential((4,), polynomial(1, 7)),
    "fm": lambda: sequential((4,), layers.FactorizationMachine(3, order=3, dtype="float64")),
}


@pytest.mark.parametrize("name", BUILDS)
def test_against_all_coalitions(name):
    model = randomised(BUILDS[name](), scale=0.7)
    x, baseline = np.random.default_rng(0).normal(size=(2, 2, 4))
    found = analysis.interactions(model, x, baseline)
    for b in range(2):
        shapley, pairs = of_coalitions(lambda z: np.asarray(model(z)), x[b], baseline[b])
        scale = 1e-12 * max(1.0, np.abs(np.asarray(model(x))).max(), np.abs(shapley).max())
        np.testing.assert_allclose(found.values[b], shapley, atol=scale * 10, rtol=1e-11)
        np.testing.assert_allclose(found.pairs[b], pairs, atol=scale * 10, rtol=1e-11)


@pytest.mark.parametrize("name", BUILDS)
def test_laws(name):
    model = randomised(BUILDS[name]())
    x = np.random.default_rng(0).normal(size=(3, 4))
    x[:, 1] = 0.5  # As the baseline: this feature plays no part.
    found = analysis.interactions(model, x, np.full((1, 4), 0.5))
    scale = np.abs(found.outputs).max()
    # Efficiency, nullity, symmetry, and shap's matrix.
    gain = found.outputs - found.baseline
    np.testing.assert_allclose(found.values.sum(axis=1), gain, atol=1e-11 * scale)
    assert np.abs(found.values[:, 1]).max() <= 1e-12 * scale
    assert np.abs(found.pairs[:, 1]).max() <= 1e-11 * scale
    np.testing.assert_array_equal(found.pairs, found.pairs.transpose(0, 2, 1, 3))
    shap = found.to_shap()
    shap = shap if shap.ndim == 4 else shap[..., None]
    np.testing.assert_allclose(shap.sum(axis=2), found.values, atol=1e-11 * scale)
    np.testing.assert_allclose(shap.sum(axis=(1, 2)), gain, atol=1e-11 * scale)
    if name == "linear":
        assert np.abs(found.pairs).max() < 1e-12


def test_shapley_values_are_not_integrated_gradients():
    """With squares the two differ at degree 3 and above: the sets have to be summed."""
    cube = sequential(
        (2,), keras.layers.Lambda(lambda x: x[:, :1] ** 2 * x[:, 1:], dtype="float64")
    )
    found = analysis.interactions(cube, np.array([[1.0, 1.0]]), 0.0)
    np.testing.assert_allclose(found.values[0, :, 0], [0.5, 0.5])  # Not 2/3 and 1/3.


@pytest.mark.parametrize("degree", [2, 3])
def test_a_group_is_one_feature(degree):
    model = randomised(sequential((6,), polynomial(2, degree)))
    x = np.random.default_rng(0).normal(size=(1, 6))
    groups = [[0, 3], [1], [2, 4, 5]]
    found = analysis.interactions(model, x, 0.0, groups=groups, names=("a", "b", "c"))
    same = analysis.interactions(model, x, 0.0, groups=[0, 1, 2, 0, 2, 2])
    np.testing.assert_array_equal(found.values, same.values)
    masks = np.array([[i in g for i in range(6)] for g in groups], dtype=float)
    shapley, pairs = of_coalitions(
        lambda y: np.asarray(model((y @ masks) * x)), np.ones(3), np.zeros(3)
    )
    np.testing.assert_allclose(found.values[0], shapley, rtol=1e-10)
    np.testing.assert_allclose(found.pairs[0], pairs, rtol=1e-10, atol=1e-12)
    assert found.top(1)[0][0] in {"a", "b", "c", "a x b", "a x c", "b x c"}


def test_many_features_at_degree_two():
    model = sequential((300,), polynomial(1, 2, rank=3))
    x = np.random.default_rng(0).normal(size=(2, 300))
    found = analysis.interactions(model, x, 0.0)
    gain = (found.outputs - found.baseline)[:, 0]
    np.testing.assert_allclose(found.to_shap().sum(axis=(1, 2)), gain, rtol=1e-9)
    values = analysis.interactions(model, x, 0.0, order=1)
    assert values.pairs is None
    np.testing.assert_array_equal(values.values, found.values)
    with pytest.raises(ValueError, match="order 2"):
        values.to_shap()


def test_the_scores_are_explained_and_several_inputs_are_one_list():
    a, b = (
        keras.Input((2,), name="a", dtype="float64"),
        keras.Input((1,), name="b", dtype="float64"),
    )
    scores = polynomial(2, 2)(keras.layers.Concatenate(dtype="float64")([a, b]))
    logits = keras.Model([a, b], scores)
    model = keras.Model([a, b], keras.layers.Softmax(dtype="float64")(scores))
    x = [np.ones((1, 2)), np.ones((1, 1))]
    found = analysis.interactions(model, x, 0.0)
    assert found.logits and "before the softmax" in str(found)
    np.testing.assert_allclose(found.outputs, np.asarray(logits(x)), rtol=1e-12)
    assert found.values.shape == (1, 3, 2)


def test_top_and_plot():
    import matplotlib

    matplotlib.use("Agg")
    model = sequential((3,), keras.layers.Lambda(lambda x: 4 * x[:, :1] * x[:, 1:2] + x[:, 2:]))
    found = analysis.interactions(model, np.array([[1.0, 1.0, -1.0]]), 0.0, names=["u", "v", "w"])
    assert found.top(2, example=0) == [("u x v", 4.0), ("u", 2.0)]
    assert found.top(4)[-1] == ("w", 1.0) and found.top(4, example=0)[-1] == ("w", -1.0)
    axes = found.plot()
    assert [t.get_text() for t in axes.get_xticklabels()] == ["u", "v", "w"]


def test_bad_input():
    model, x = sequential((4,), polynomial(2, 3)), np.zeros((2, 4))
    relu = sequential((4,), keras.layers.Dense(3, "relu"), keras.layers.Dense(1))
    with pytest.raises(ValueError, match=r"activation=None.*operation='Relu'"):
        analysis.interactions(relu, x, 0.0)
    with pytest.raises(ValueError, match=r"group features.*sets=14"):
        analysis.interactions(model, x, 0.0, max_terms=10)
    with pytest.raises(ValueError, match="`baseline`"):
        analysis.interactions(model, x, np.zeros((3, 4)))
    with pytest.raises(ValueError, match="in one group"):
        analysis.interactions(model, x, 0.0, groups=[[0, 1], [1, 2, 3]])
    with pytest.raises(ValueError, match="4 names"):
        analysis.interactions(model, x, 0.0, names=["a"])
    with pytest.raises(ValueError, match="`order`"):
        analysis.interactions(model, x, 0.0, order=3)
