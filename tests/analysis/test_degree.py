"""The degree of a model: known degrees, their laws, and what is no polynomial."""

import keras
import pytest
from harness.layer_cases import all_cases
from keras import ops
from keras.layers import Dense, Lambda

from keras_hadamard import analysis, layers


def sequential(shape, *parts):
    return keras.Sequential([keras.Input(shape), *parts])


def polynomial(degree, **kwargs):
    return layers.PolynomialDense(3, degree=degree, **kwargs)


KNOWN = {
    "dense": ((5,), lambda: [Dense(3)], 1, 0, 0),
    **{
        f"{kind}-{n}": ((5,), lambda n=n, k=kind: [polynomial(n, decomposition=k)], n, n - 1, best)
        for kind, n, best in [
            ("ccp", 1, 0),
            ("ccp", 2, 1),
            ("ccp", 4, 2),
            ("ccp", 8, 3),
            ("ncp", 4, 3),
            ("ncp_skip", 3, 2),
        ]
    },
    "product": ((5,), lambda: [layers.ProductOfPolynomials(3, (2, 3))], 6, 3, 3),
    "conv": ((6, 6, 2), lambda: [layers.PolynomialConv2D(3, 3, degree=3)], 3, 2, 2),
    "star": ((5,), lambda: [layers.StarOperation(4, activation=None)], 2, 1, 1),
    "crosses": ((5,), lambda: [layers.CrossNetwork(3)], 4, 3, 3),
    "fm": ((5, 3), lambda: [layers.FactorizationMachine(4)], 2, 1, 1),
    "fm-3": ((5,), lambda: [layers.FactorizationMachine(4, order=3)], 3, 2, 2),
    "quadratic": ((5,), lambda: [layers.QuadraticDense(4)], 2, 1, 1),
    "cin": ((5, 3), lambda: [layers.CompressedInteraction((3, 3))], 3, 2, 2),
    "gated": ((5,), lambda: [layers.GatedDense(4, activation=None)], 2, 1, 1),
    "mu": ((4, 4, 6), lambda: [layers.MuLayer(6, normalize=False)], 2, 1, 1),
    "attention": ((4, 4, 3), lambda: [layers.PolyNonLocal()], 3, 2, 2),
    "gnconv": ((8, 8, 8), lambda: [layers.GnConv2D(order=3)], 4, 3, 3),
    "power": ((5,), lambda: [Lambda(lambda x: x**5)], 5, 3, 3),
    "prod": ((4, 5), lambda: [Lambda(lambda x: ops.prod(x, axis=1))], 4, 2, 2),
    "pooled": (
        (8, 8, 2),
        lambda: [
            keras.layers.Conv2D(4, 3, groups=2),
            keras.layers.BatchNormalization(),
            keras.layers.AveragePooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            Dense(2),
        ],
        1,
        0,
        0,
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_degrees(name):
    shape, make, degree, depth, balanced = KNOWN[name]
    report = analysis.degree(sequential(shape, *make()))
    assert report == analysis.DegreeReport((degree,), depth, balanced, True, ())
    assert f"polynomial of degree {degree}\n" in str(report)


@pytest.mark.parametrize("first, second", [(1, 3), (2, 2), (3, 2)])
def test_degrees_multiply_in_a_composition(first, second):
    report = analysis.degree(sequential((4,), polynomial(first), polynomial(second)))
    assert report.per_output == (first * second,) and report.exact


def test_degrees_add_in_a_product_and_have_their_maximum_in_a_sum():
    x = keras.Input((4,))
    two, three = polynomial(2)(x), polynomial(3)(x)
    outputs = [two * three, two + three, keras.layers.Concatenate()([three, two]), two * two]
    report = analysis.degree(keras.Model(x, outputs))
    assert report.per_output == (5, 3, 3, 4) and report.exact


def test_inputs_of_all_kinds():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    for inputs in ([a, b], {"a": a, "b": b}):
        assert analysis.degree(keras.Model(inputs, a * b + a)).per_output == (2,)


class Own(keras.layers.Layer):
    """A layer that no rule was written for."""

    def call(self, x):
        first, second = ops.split(x, 2, axis=-1)
        return ops.einsum("bi,bj->bij", first, second) * ops.expand_dims(first, -1)


def test_layers_of_others():
    assert analysis.degree(sequential((4,), Own())).per_output == (3,)


BLOCKED = {
    "layer norm": ((5,), lambda: [polynomial(3, normalization="layer")], "Rsqrt", "batch"),
    "relu": ((5,), lambda: [Dense(3, activation="relu", name="hidden")], "Relu", "activation=None"),
    "softmax": ((5,), lambda: [Dense(3, activation="softmax")], "Softmax", "before the softmax"),
    "pool": ((8, 8, 2), lambda: [keras.layers.MaxPooling2D(2)], "MaxPool", "average pooling"),
    "root": ((4, 4, 3), lambda: [layers.BilinearPooling2D()], "Abs", "signed root"),
    "mask": ((4, 3), lambda: [keras.layers.Masking()], "NotEqual", "mask"),
    "loop": ((4, 3), lambda: [keras.layers.SimpleRNN(3)], None, "loop"),
    "quotient": ((4,), lambda: [Lambda(lambda x: 1 / x)], "RealDiv", "division"),
    "root of a power": ((4,), lambda: [Lambda(lambda x: x**0.5)], "Pow", "activation"),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_what_is_no_polynomial_is_named(name):
    shape, make, op, advice = BLOCKED[name]
    model = sequential(shape, *make())
    report = analysis.degree(model)
    assert report.per_output == (None,) and not report.exact and not report.polynomial
    assert op in (None, report.blockers[0][0])
    assert model.layers[0].name in report.blockers[0][1]
    assert advice in str(report)
    with pytest.raises(ValueError, match=r"polynomial.*Received: operation=") as error:
        analysis.require_polynomial(model)
    assert model.layers[0].name in str(error.value)


def test_require_polynomial_of_a_degree():
    model = sequential((4,), polynomial(3))
    assert analysis.require_polynomial(model, 3).per_output == (3,)
    with pytest.raises(ValueError, match=r"degree 2 at most\. Received: degree=3"):
        analysis.require_polynomial(model, 2)


def test_only_the_blocked_output_is_blocked():
    x = keras.Input((4,))
    report = analysis.degree(keras.Model(x, [ops.relu(x), x * x]))
    assert report.per_output == (None, 2) and len(report.blockers) == 1


def test_what_cancels_and_weights_of_zero_make_no_claim():
    x = keras.Input((4,))
    gated = sequential((4,), polynomial(3, use_gates=True))
    for model in (keras.Model(x, x * x - x * x + x), gated):
        report = analysis.degree(model)
        assert not report.exact and "at most" in str(report)
    gated.layers[0].gates.assign([0.5, 0.5])
    # Weights are read each time, the graph is not traced again.
    assert analysis.degree(gated).exact


def test_constants_have_degree_zero():
    x = keras.Input((4,))
    report = analysis.degree(keras.Model(x, ops.zeros_like(x) + 2.0))
    assert report.per_output == (0,)


def test_a_half_precision_model():
    keras.config.set_dtype_policy("mixed_float16")
    assert analysis.degree(sequential((4,), polynomial(4))) == analysis.DegreeReport(
        (4,), 3, 2, True, ()
    )


def test_every_layer_has_a_degree_or_a_blocker():
    cases = all_cases()
    for name in sorted(cases)[::12]:
        report = analysis.degree(cases[name].model())
        assert report.polynomial == (not report.blockers), name


def test_bad_input():
    with pytest.raises(ValueError, match=r"keras\.Model\. Received: model=3"):
        analysis.degree(3)
    with pytest.raises(ValueError, match="to be built"):
        analysis.degree(keras.Sequential([Dense(3)]))
    with pytest.raises(ValueError, match=r"known sizes.*shape=\(None, None, 3\)"):
        analysis.degree(sequential((None, 3), Dense(2)))
    ids = keras.Sequential([keras.Input((3,), dtype="int32"), keras.layers.Embedding(5, 2)])
    with pytest.raises(ValueError, match="behind the embedding"):
        analysis.require_polynomial(ids)
