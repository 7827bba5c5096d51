"""The deep & cross networks: sizes, structures, and what they are without a tower."""

import keras
import numpy as np
import pytest

from keras_hadamard.layers import CrossNetwork
from keras_hadamard.models import DeepCrossNetwork


def features(batch=3, width=8, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, width)).astype("float32")


# Of one cross of 8 features each.
SIZES = {"matrix": 8 * 8 + 8, "low_rank": 2 * 8 * 2 + 8, "vector": 2 * 8}
SIZES["mixture"] = 3 * (2 * 8 * 2 + 2 * 2) + 8 + 8 * 3


@pytest.mark.parametrize("cross", SIZES)
@pytest.mark.parametrize("structure", ["stacked", "parallel"])
def test_parameters(cross, structure):
    model = DeepCrossNetwork(
        8, 2, structure, cross, num_layers=4, num_experts=3, hidden_units=(5, 6)
    )
    tower = (8 * 5 + 5) + (5 * 6 + 6)
    top = (6 + 1 if structure == "stacked" else 8 + 6 + 1) * 2
    assert model.count_params() == 4 * SIZES[cross] + tower + top


@pytest.mark.parametrize("structure", ["stacked", "parallel"])
def test_without_tower_and_classifier_it_is_its_crosses(structure):
    model = DeepCrossNetwork(8, None, structure, hidden_units=())
    crosses = CrossNetwork()
    crosses.build((None, 8))
    crosses.set_weights(model.get_weights())
    np.testing.assert_allclose(model(features()), crosses(features()), rtol=1e-6)


def test_what_the_classifier_would_see():
    assert DeepCrossNetwork(8, None, hidden_units=(5,)).output_shape == (None, 5)
    assert DeepCrossNetwork(8, None, "parallel", hidden_units=(5,)).output_shape == (None, 13)


def test_stacked_the_tower_stands_on_the_crosses():
    model = DeepCrossNetwork(8, hidden_units=(5,), activation=None, classifier_activation=None)
    x = features()
    y = model.get_layer("hidden_0")(model.get_layer("crosses")(x))
    np.testing.assert_allclose(model(x), model.get_layer("predictions")(y), rtol=1e-5)


def test_dropout_is_of_training_alone():
    model = DeepCrossNetwork(8, dropout=0.5)
    x = features(16)
    np.testing.assert_array_equal(model(x), model(x, training=False))
    assert np.abs(model(x, training=True) - model(x)).max() > 1e-3


def test_it_learns_a_product_that_a_linear_model_cannot():
    keras.utils.set_random_seed(1)
    x = features(512)
    y = x[:, 0] * x[:, 1]
    model = DeepCrossNetwork(8, num_layers=1, hidden_units=(), classifier_activation=None)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    model.fit(x, y, epochs=40, batch_size=128, verbose=0)
    assert model.evaluate(x, y, verbose=0) < 0.05 * y.var()


def test_gated_crosses_and_those_of_dcn_v3_have_the_weights_of_the_papers():
    gated = DeepCrossNetwork(8, None, cross="gated", hidden_units=())
    assert gated.count_params() == 3 * 8 * (2 * 8 + 1)
    both = DeepCrossNetwork(8, None, cross="v3", hidden_units=())
    assert both.count_params() == 2 * 3 * (8 * 4 + 8 + 8)


def test_the_crosses_of_dcn_v3_are_both_kinds_side_by_side():
    model = DeepCrossNetwork(8, None, cross="v3", hidden_units=())
    x = features(4)
    parts = [model.get_layer(f"{kind}_crosses")(x) for kind in ("linear", "exponential")]
    np.testing.assert_allclose(model(x), np.concatenate(parts, -1), rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"features": 0},
        {"classes": 0},
        {"structure": "beside"},
        {"cross": "full"},
        {"features": 7, "cross": "v3"},
        {"cross": "gated", "projection_dim": 2},
        {"num_layers": 0},
        {"projection_dim": 2},
        {"cross": "mixture", "projection_dim": 0},
        {"hidden_units": 5},
        {"hidden_units": (0,)},
        {"dropout": 1.0},
    ],
)
def test_errors(options):
    with pytest.raises(ValueError, match="Received: "):
        DeepCrossNetwork(**{"features": 8, **options})
