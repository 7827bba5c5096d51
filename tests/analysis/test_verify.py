"""Verification by branch and bound, and certified radii."""

import keras
import numpy as np
import pytest
from analysis.nets import EPS, golden, polynomial, randomised, samples, sequential, verification_net

from keras_hadamard import analysis

STATUS = {0: "falsified", 1: "verified"}


def classifier(degree=2, classes=3, seed=0, **kwargs):
    return randomised(sequential((3,), polynomial(classes, degree, **kwargs)), seed)


def margin(scores, label):
    return scores[:, label] - np.delete(scores, label, axis=1).max(axis=1)


@pytest.mark.parametrize("name", ["ccp_n2", "ccp_n4", "ncp_n2"])
def test_against_the_authors(name):
    numbers = golden(f"pnverification__{name}")
    model = verification_net(numbers)
    label = int(np.ravel(numbers["true_class"])[0])
    other = int(np.ravel(numbers["other_class"])[0])
    for e, eps in enumerate(EPS):
        report = analysis.verify(model, numbers["z"], [label], eps, limits=(0, 1))
        # Theirs is of one other class.
        theirs = int(np.ravel(numbers[f"bab_status/{e}"])[0]) if f"bab_status/{e}" in numbers else 2
        if theirs == 0:
            assert report.status[0] == "falsified"
        elif report.status[0] == "falsified":
            scores = np.asarray(model(report.counterexamples[0]))
            assert theirs == 2 or scores[0].argmax() != other
        else:
            assert report.status[0] == "verified"
        assert report.lower[0] <= report.upper[0]


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_answer_is_that_of_many_samples(degree):
    model = classifier(degree)
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(8, 3))
    y = np.asarray(model(x)).argmax(axis=1)
    seen = set()
    for eps in (0.05, 0.3):
        report = analysis.verify(model, x, y, eps)
        for i, status in enumerate(report.status):
            seen.add(str(status))
            scores = np.asarray(model(samples(x[i] - eps, x[i] + eps, 20_000, seed=i)))
            least = margin(scores, y[i]).min()
            assert report.lower[i] <= least + 1e-9
            if status == "falsified":
                point = report.counterexamples[0][i]
                assert np.abs(point - x[i]).max() <= eps * (1 + 1e-9)
                assert np.asarray(model(point[None])).argmax() != y[i]
            else:
                assert status == "verified" and least > 0 and report.lower[i] > 0
                assert np.isnan(report.counterexamples[0][i]).all()
    assert seen == {"verified", "falsified"}


class Valley(keras.layers.Layer):
    """One score, `(a - b)^2 + c`, of which the root's bound is loose."""

    def __init__(self, floor, **kwargs):
        super().__init__(**kwargs)
        self.floor = floor

    def call(self, x):
        a, b = x[:, :1], x[:, 1:]
        return a * a - 2 * (a * b) + b * b + self.floor


def test_without_boxes_or_time_the_answer_is_unknown_with_both_bounds():
    model, x = sequential((2,), Valley(0.05, dtype="float64")), np.array([[0.4, 0.5]])
    for how in ({"max_boxes": 2}, {"timeout": 0.0}):
        report = analysis.verify(model, x, [1], 0.5, **how)
        assert list(report.status) == ["unknown"]
        assert report.lower[0] < 0 < report.upper[0]
        assert np.isnan(report.counterexamples[0]).all()
    report = analysis.verify(model, x, [1], 0.5)
    assert list(report.status) == ["verified"] and 0 < report.lower[0] <= 0.05
    assert 2 < report.boxes <= 200 and str(report).startswith("1 verified, 0 falsified")
    below = sequential((2,), Valley(-0.001, dtype="float64"))
    assert list(analysis.verify(below, x, [1], 0.5).status) == ["falsified"]


def test_one_score_and_a_softmax():
    layer = polynomial(1, 2)
    model = randomised(sequential((3,), layer, keras.layers.Activation("sigmoid", dtype="float64")))
    x = np.random.default_rng(0).uniform(size=(6, 3))
    y = (np.asarray(model(x))[:, 0] > 0.5).astype(int)
    report = analysis.verify(model, x, y, 0.3)
    for i in range(6):
        p = np.asarray(model(samples(x[i] - 0.3, x[i] + 0.3, 5000)))[:, 0]
        assert (report.status[i] == "verified") == np.all((p > 0.5) == y[i])
    scores = classifier()
    soft = keras.Sequential([scores, keras.layers.Softmax(dtype="float64")])
    labels = np.asarray(scores(x)).argmax(1)
    one, other = (analysis.verify(m, x, labels, 0.05) for m in (scores, soft))
    assert list(one.status) == list(other.status)
    np.testing.assert_allclose(one.lower, other.lower, rtol=1e-9)


@pytest.mark.parametrize("method", ["affine", "interval"])
def test_nothing_within_the_radius_is_classified_otherwise(method):
    model = classifier(3)
    x = np.random.default_rng(0).uniform(size=(8, 3))
    y = np.asarray(model(x)).argmax(axis=1)
    radii = analysis.certified_radius(model, x, y, limits=(0, 1), method=method, steps=6)
    # A point next to a boundary has a radius below the first step: 0, but never for all.
    assert radii.shape == (8,) and np.all(radii >= 0) and np.mean(radii > 0) > 0.5
    for i, radius in enumerate(radii):
        if radius == 0:
            continue
        low, high = np.clip(x[i] - radius, 0, 1), np.clip(x[i] + radius, 0, 1)
        assert margin(np.asarray(model(samples(low, high, 20_000))), y[i]).min() > 0
    wrong = analysis.certified_radius(model, x, (y + 1) % 3, method=method, steps=1)
    assert np.all(wrong == 0)


def test_the_radius_is_exact_at_degree_one():
    model = classifier(1)
    x = np.random.default_rng(0).uniform(size=(5, 3))
    scores = np.asarray(model(x))
    y = scores.argmax(1)
    kernel = np.asarray(model(np.eye(3))) - np.asarray(model(np.zeros((1, 3))))
    expected = [
        min(
            (scores[i, y[i]] - scores[i, j]) / np.abs(kernel[:, y[i]] - kernel[:, j]).sum()
            for j in range(3)
            if j != y[i]
        )
        for i in range(5)
    ]
    found = analysis.certified_radius(model, x, y, largest=4.0, steps=20)
    np.testing.assert_allclose(found, np.minimum(expected, 4.0), atol=1e-5)


def test_bad_input():
    model, x = classifier(), np.zeros((2, 3))
    for wrong in ([0], [0, 3], [0, -1], [0.5, 0]):
        with pytest.raises(ValueError, match=r"labels.*Received: y="):
            analysis.verify(model, x, wrong, 0.1)
    with pytest.raises(ValueError, match="`eps`"):
        analysis.verify(model, x, [0, 0], -0.1)
    with pytest.raises(ValueError, match="within `limits`"):
        analysis.certified_radius(model, x, [0, 0], limits=(0.5, 1))
    with pytest.raises(ValueError, match="`largest`"):
        analysis.certified_radius(model, x, [0, 0], largest=0)
    with pytest.raises(ValueError, match="Relu"):
        hidden = keras.layers.Dense(3, "relu")
        analysis.verify(sequential((3,), hidden), x, [0, 0], 0.1)
