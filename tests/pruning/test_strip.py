"""Plain models out of pruned ones: the same outputs, and really smaller kernels."""

import keras
import numpy as np
import pytest

from keras_hadamard import pruning

L = keras.layers
RNG = np.random.default_rng(11)


def scrambled(model):
    """The model with weights, biases and statistics that are nothing in particular."""
    for weight in model.weights:
        weight.assign(RNG.uniform(0.2, 1, weight.shape) * RNG.choice([-1, 1], weight.shape))
        if weight.name == "moving_variance":
            weight.assign(RNG.uniform(0.5, 2, weight.shape))
    return model


def stripped(model, *args, **kwargs):
    """The stripped model, once its outputs are seen to be those of the pruned one."""
    pruned = pruning.prune(scrambled(model), *args, **kwargs)
    plain = pruning.strip(pruned)
    x = [RNG.standard_normal((3, *t.shape[1:])).astype("float32") for t in model.inputs]
    expected, found = (np.asarray(m(x if len(x) > 1 else x[0])) for m in (pruned, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert not isinstance(plain, pruning.PrunedModel) and type(plain) is type(model)
    assert [layer.name for layer in plain.layers] == [layer.name for layer in model.layers]
    for weight in plain.weights:
        assert weight.constraint is None
    return plain


def sizes(model):
    return {kernel.path: kernel.shape for kernel in pruning.sparsity_report(model).kernels}


def test_without_structure_it_is_the_model_with_zeros():
    model = keras.Sequential([keras.Input((8,)), L.Dense(6, "relu"), L.Dense(2)])
    for criterion in ("magnitude", "movement"):
        plain = stripped(model, 0.5, criterion=criterion)
        assert pruning.sparsity_report(plain).sparsity == 0.5
        assert plain.count_params() == model.count_params()


def test_filters_go_from_a_convolutional_network():
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            L.Conv2D(8, 3, name="first"),
            L.BatchNormalization(),
            L.ReLU(6.0),
            L.ZeroPadding2D(),
            L.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
            L.BatchNormalization(),
            L.Activation("silu"),
            L.MaxPooling2D(),
            L.Conv2D(6, 3, activation="gelu", name="second"),
            L.SpatialDropout2D(0.1),
            L.Flatten(),
            L.Dense(10, "tanh", name="hidden"),
            L.Dense(4, "softmax", name="out"),
        ]
    )
    plain = stripped(model, 0.5, structure="filter")
    assert sizes(plain) == {
        "first/kernel": (3, 3, 3, 4),
        plain.layers[4].name + "/kernel": (3, 3, 4, 2),
        "second/kernel": (3, 3, 8, 3),
        "hidden/kernel": (3 * 3 * 3, 5),
        "out/kernel": (5, 4),
    }
    assert plain.layers[1].gamma.shape == (4,) and plain.layers[5].moving_mean.shape == (8,)
    assert plain.count_params() < 0.5 * model.count_params()
    again = keras.Sequential.from_config(plain.get_config())
    again.set_weights(plain.get_weights())


def test_ignored_inputs_take_the_filters_that_make_them():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            L.Conv2D(8, 3, activation="sigmoid", name="a"),
            L.Conv2D(4, 3, name="b"),
            L.GlobalAveragePooling2D(),
            L.Dense(3, name="out"),
        ]
    )
    plain = stripped(model, 0.5, structure="channel", target="b")
    assert sizes(plain)["a/kernel"] == (3, 3, 3, 4) and sizes(plain)["b/kernel"] == (3, 3, 4, 4)


def residual():
    inputs = keras.Input((8, 8, 3))
    x = L.Conv2D(6, 3, padding="same", name="stem")(inputs)
    y = L.Conv2D(8, 3, padding="same", use_bias=False, name="inside")(x)
    y = L.ReLU()(L.BatchNormalization()(y))
    y = L.Conv2D(6, 3, padding="same", name="last")(y)
    x = L.Add()([x, y])
    a = L.Conv2D(4, 1, name="left")(x)
    b = L.Conv2D(4, 1, name="right")(x)
    x = L.Concatenate()([a, b])
    return keras.Model(inputs, L.Dense(2, name="out")(L.GlobalMaxPooling2D()(x)))


def test_what_is_added_or_concatenated_stays_as_zeros():
    plain = stripped(residual(), 0.5, structure="filter")
    assert sizes(plain) == {
        "stem/kernel": (3, 3, 3, 6),
        "inside/kernel": (3, 3, 6, 4),
        "last/kernel": (3, 3, 4, 6),
        "left/kernel": (1, 1, 6, 4),
        "right/kernel": (1, 1, 6, 4),
        "out/kernel": (8, 2),
    }
    assert (np.asarray(plain.get_layer("stem").kernel) == 0).mean() == 0.5


@pytest.mark.parametrize(
    ("layers", "filters"),
    [
        ([L.Dense(6, "sigmoid", name="a"), L.Dense(2)], 6),  # not zero at zero
        ([L.Dense(6, "softmax", name="a"), L.Dense(2)], 6),  # not each for itself
        ([L.Dense(6, name="a"), L.LayerNormalization(), L.Dense(2)], 6),
        ([L.Dense(6, name="a"), L.Reshape((2, 3)), L.Dense(2)], 6),
        ([L.Dense(6, name="a"), L.BatchNormalization(scale=False, center=False), L.Dense(2)], 6),
        ([L.Dense(6, name="a"), L.Dropout(0.5), L.LeakyReLU(), L.Dense(2)], 3),
    ],
)
def test_where_a_channel_does_not_stay_zero_its_filter_stays(layers, filters):
    copies = [type(layer).from_config(layer.get_config()) for layer in layers]
    plain = stripped(keras.Sequential([keras.Input((4,)), *copies]), 0.5, structure="filter")
    assert sizes(plain)["a/kernel"] == (4, filters)


def test_shared_layers_stay_and_models_inside_shrink():
    inner = keras.Sequential(
        [keras.Input((6,)), L.Dense(8, "relu", name="wide"), L.Dense(5, name="narrow")],
        name="inner",
    )
    shared = L.Dense(6, name="shared")
    inputs = [keras.Input((4,), name=n) for n in "ab"]
    x = L.Add()([inner(shared(x)) for x in inputs])
    model = keras.Model(inputs, L.Dense(2, name="out")(x))
    plain = stripped(model, 0.5, structure="filter")
    assert sizes(plain) == {
        "shared/kernel": (4, 6),
        "inner/wide/kernel": (6, 4),
        "inner/narrow/kernel": (4, 5),
        "out/kernel": (5, 2),
    }


def test_channels_first_and_transposed_convolutions():
    model = keras.Sequential(
        [
            keras.Input((5, 5, 3)),
            L.Conv2DTranspose(6, 3, activation="relu", name="up"),
            L.Conv2DTranspose(4, 3, name="again"),
            L.GlobalAveragePooling2D(),
            L.Dense(2, name="out"),
        ]
    )
    assert sizes(stripped(model, 0.5, structure="filter")) == {
        "up/kernel": (3, 3, 3, 3),
        "again/kernel": (3, 3, 2, 3),
        "out/kernel": (2, 2),
    }


def test_frozen_layers_stay_frozen():
    model = keras.Sequential([keras.Input((4,)), L.Dense(6, "relu"), L.Dense(2)])
    model.layers[0].trainable = False
    for structure in (None, "filter"):
        plain = stripped(model, 0.5, structure=structure)
        assert [layer.trainable for layer in plain.layers] == [False, True]
