"""StarNet, DemoNet and MONet: their sizes as published, how they start, what they are made of."""

import keras
import numpy as np
import pytest

from keras_hadamard import models
from keras_hadamard.models import _star_blocks

SIZES = {
    "StarNet s050": (models.StarNet, {"variant": "s050"}, 542_728),
    "StarNet s100": (models.StarNet, {"variant": "s100"}, 1_043_280),
    "StarNet s150": (models.StarNet, {"variant": "s150"}, 1_560_616),
    "StarNet s1": (models.StarNet, {}, 2_869_168),
    "StarNet s2": (models.StarNet, {"variant": "s2"}, 3_682_024),
    "StarNet s3": (models.StarNet, {"variant": "s3"}, 5_750_792),
    "StarNet s4": (models.StarNet, {"variant": "s4"}, 7_482_728),
    "DemoNet 192": (models.DemoNet, {}, 4_460_584),
    "DemoNet 192 sum": (models.DemoNet, {"mode": "add"}, 4_460_584),
    "DemoNet 384": (models.DemoNet, {"width": 384}, 16_882_792),
    "MONet t": (models.MONet, {}, 10_339_436),
    "MONet s": (models.MONet, {"variant": "s"}, 32_880_688),
}
TINY = {
    models.StarNet: {"width": 4, "blocks": (1, 2), "expansion": 2},
    models.DemoNet: {"width": 8, "depth": 2, "patch_size": 4},
    models.MONet: {"filters": (8, 16), "blocks": (1, 2), "expansion": (2, 3)},
}
IMAGE = {"input_shape": (32, 32, 3), "classes": 5, "classifier_activation": None}


def images(batch=2, size=32):
    return np.random.default_rng(0).normal(size=(batch, size, size, 3)).astype("float32")


@pytest.mark.parametrize("name", SIZES)
def test_parameters_as_published(name):
    make, arguments, count = SIZES[name]
    model = make(**arguments)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == count
    assert model.output_shape == (None, 1000)


@pytest.mark.parametrize("make", TINY)
def test_without_a_top_it_gives_features(make):
    model = make(**TINY[make], include_top=False, input_shape=(None, None, 3))
    pooled = make(**TINY[make], include_top=False, pooling="avg", input_shape=(None, None, 3))
    pooled.set_weights(model.get_weights())
    for size in (32, 40):
        y = np.asarray(model(images(size=size)))
        assert y.ndim == 4
        np.testing.assert_allclose(pooled(images(size=size)), y.mean((1, 2)), rtol=1e-5, atol=1e-6)
    # The top's names are not asked for either.
    assert not [name for name in model.torch_mapping() if name.startswith("head")]


@pytest.mark.parametrize("make", TINY)
def test_skips_in_training_alone(make):
    keras.utils.set_random_seed(2)
    model = make(**TINY[make], **IMAGE, drop_path=0.5)
    always = make(**TINY[make], **IMAGE)
    for w in model.weights:
        if w.name == "gamma" or "predictions" in w.path:
            w.assign(w + 0.5)
    always.set_weights(model.get_weights())
    x = images(batch=16)  # so many that no two runs drop the same ones, whatever the seed
    np.testing.assert_array_equal(model(x), always(x))
    runs = [np.asarray(model(x, training=True)) for _ in range(6)]
    assert max(np.abs(run - runs[0]).max() for run in runs) > 1e-6


def test_star_net_starts_as_in_the_authors_code():
    model = models.StarNet(width=32, blocks=(1, 1), classes=100)
    assert 0.015 < np.std(model.top.kernel) < 0.025
    assert not np.any(model.top.bias)
    stem = model.get_layer("stem")
    for weight in (stem.kernel, stem.bias):
        assert 0.7 / 27**0.5 < np.abs(weight).max() <= 1 / 27**0.5


def test_monet_starts_with_equal_scores():
    model = models.MONet(**TINY[models.MONet], **IMAGE)
    np.testing.assert_array_equal(model(images()), np.zeros((2, 5)))


def test_monet_without_normalisation_is_a_polynomial():
    keras.config.set_dtype_policy("float64")
    arguments = {"filters": (4,), "blocks": (1,), "input_shape": (8, 8, 3), "include_top": False}
    t = np.linspace(-1, 1, 10)
    direction = np.random.default_rng(0).normal(size=(1, 8, 8, 3))
    misfits = {}
    for normalize in (True, False):
        model = models.MONet(**arguments, normalize=normalize)
        y = np.asarray(model(t.reshape(-1, 1, 1, 1) * direction)).reshape(10, -1)
        fit = np.polynomial.polynomial
        for degree in (3, 4):
            again = fit.polyval(t, fit.polyfit(t, y, degree)).T
            misfits[normalize, degree] = np.abs(again - y).max() / np.abs(y).max()
    assert misfits[False, 4] < 1e-10
    assert min(misfits[False, 3], misfits[True, 4]) > 1e-6


def test_drop_path_grows_with_depth():
    star = models.StarNet(**TINY[models.StarNet], drop_path=0.2)
    rates = [layer.drop_path for layer in star.layers if hasattr(layer, "drop_path")]
    np.testing.assert_allclose(rates, [0, 0.1, 0.2])
    monet = models.MONet(**TINY[models.MONet], drop_path=0.2)
    assert {layer.drop_path for layer in monet.layers if hasattr(layer, "drop_path")} == {0.2}


@pytest.mark.parametrize("mode", ["multiply", "add"])
def test_a_demo_net_of_one_packed_projection(mode):
    """Both branches come out of one weight of the authors', the activated one first."""
    model = models.DemoNet(4, 1, mode, **IMAGE, patch_size=8)
    block = model.get_layer("block_1")
    halves = _star_blocks.demo_block(block)["f.weight"]
    packed = np.arange(96.0).reshape(24, 4)
    for (variable, convert), half in zip(halves, (packed[:12], packed[12:]), strict=True):
        np.testing.assert_array_equal(convert(packed), half.T)
        assert variable.shape == (4, 12)
    assert halves[0][0] is block.star_operation.activated_projection.kernel


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (models.StarNet, {"variant": "s5"}),
        (models.StarNet, {"blocks": ()}),
        (models.StarNet, {"drop_path": 1.0}),
        (models.DemoNet, {"mode": "mul"}),
        (models.DemoNet, {"input_shape": (8, 8, 3)}),
        (models.MONet, {"variant": "b"}),
        (models.MONet, {"filters": (4, 8), "blocks": (1,)}),
        (models.MONet, {"expansion": (3, 3)}),
        (models.MONet, {"input_shape": (3, 8, 3)}),
    ],
)
def test_errors(make, arguments):
    with pytest.raises(ValueError, match="Received: "):
        make(**arguments)
