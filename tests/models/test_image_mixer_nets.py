"""FocalNet, HorNet and EfficientMod: their sizes as published, and what they are made of."""

import keras
import numpy as np
import pytest

from keras_hadamard import models
from keras_hadamard.models import focal_net

FOCAL = {
    "tiny_srf": 28_427_116,
    "tiny_lrf": 28_647_928,
    "small_srf": 49_891_216,
    "small_lrf": 50_342_440,
    "base_srf": 88_148_144,
    "base_lrf": 88_749_768,
    "tiny_iso": 5_880_280,
    "small_iso": 22_376_344,
    "base_iso": 87_218_968,
    "large_fl3": 207_100_744,
    "large_fl4": 207_281_248,
    "xlarge_fl3": 366_082_120,
    "xlarge_fl4": 366_322_784,
}
HOR = {
    "tiny_7x7": 22_409_512,
    "tiny_gf": 22_991_848,
    "small_7x7": 49_528_264,
    "small_gf": 50_401_768,
    "base_7x7": 87_256_680,
    "base_gf": 88_421_352,
    "large_7x7": 194_542_504,
}
# Published only in millions: 4.7, 6.6, 12.9 and 12.9.
EFFICIENT = {"xxs": 4_736_264, "xs": 6_627_544, "s": 12_897_184, "s_conv": 12_872_336}
TINY = {
    models.FocalNet: {"width": 4, "blocks": (1, 2)},
    models.HorNet: {"width": 8, "blocks": (1, 2), "layer_scale": 0.5},
    models.EfficientMod: {
        "filters": (4, 8),
        "blocks": (2, 1),
        "attention_blocks": (0, 1),
        "expansion": 2,
        "layer_scale": 0.5,
    },
}
IMAGE = {"input_shape": (32, 32, 3), "classes": 5, "classifier_activation": None}


def images(batch=2, size=32):
    return np.random.default_rng(0).normal(size=(batch, size, size, 3)).astype("float32")


def sizes(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


def counted(make, variant, blocks, **kwargs):
    """The parameters of a network, from one of a block a stage: the others are as large."""
    one = make(variant=variant, blocks=(1,) * len(blocks), **kwargs)
    total = sizes(one.trainable_weights)
    for i, count in enumerate(blocks):
        name = f"stage_{i + 1}_block_1_"
        of_block = [layer for layer in one.layers if layer.name.startswith(name)]
        total += (count - 1) * sum(sizes(layer.trainable_weights) for layer in of_block)
    return total


@pytest.mark.parametrize("variant", FOCAL)
def test_parameters_of_focal_nets(variant):
    blocks = focal_net.VARIANTS[variant].blocks
    assert counted(models.FocalNet, variant, blocks) == FOCAL[variant]


def test_the_base_network_of_one_stage_as_its_function_makes_it():
    more = {"post_norm": True, "layer_scale": 1e-4}
    whole = counted(models.FocalNet, "base_iso", (12,), **more)
    assert whole == FOCAL["base_iso"] + 12 * 2 * 768


@pytest.mark.parametrize("variant", HOR)
def test_parameters_of_hor_nets(variant):
    assert counted(models.HorNet, variant, (2, 3, 18, 2)) == HOR[variant]


@pytest.mark.parametrize(
    ("variant", "count"), [("large_7x7", 209_067_154), ("large_gf", 210_814_162)]
)
def test_parameters_of_large_hor_nets_as_stated(variant, count):
    assert counted(models.HorNet, variant, (2, 3, 18, 2), classes=10450) == count


def test_spectra_for_larger_images():
    small, wide = (models.HorNet(v, blocks=(1,) * 4, width=16) for v in ("tiny_gf", "base_gf_384"))
    shapes = [
        [tuple(w.shape) for w in model.weights if w.name == "spectrum"] for model in (small, wide)
    ]
    assert [s[2:] for s in shapes[0]] == [(14, 8), (7, 4)]
    assert [s[2:] for s in shapes[1]] == [(24, 13), (12, 7)]


@pytest.mark.parametrize("variant", EFFICIENT)
def test_parameters_of_efficient_mods(variant):
    model = models.EfficientMod(variant)
    assert sizes(model.trainable_weights) == EFFICIENT[variant]
    assert model.output_shape == (None, 1000)


def test_whole_networks_have_the_stated_sizes():
    for make, count in ((models.FocalNet, FOCAL["tiny_srf"]), (models.HorNet, HOR["tiny_7x7"])):
        assert sizes(make().trainable_weights) == count


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
    model, always = make(**TINY[make], **IMAGE, drop_path=0.5), make(**TINY[make], **IMAGE)
    always.set_weights([np.asarray(w) for w in model.weights if "seed_generator" not in w.path])
    x = images(batch=16)  # so many that no two runs drop the same ones, whatever the seed
    np.testing.assert_array_equal(model(x), always(x))
    runs = [np.asarray(model(x, training=True)) for _ in range(3)]
    assert max(np.abs(run - runs[0]).max() for run in runs) > 1e-6


def test_drop_path_grows_with_depth():
    for make in TINY:
        model = make(**TINY[make], drop_path=0.2)
        rates = [layer.rate for layer in model.layers if hasattr(layer, "rate")]
        assert rates == sorted(rates) and rates[0] == 0 and rates[-1] == pytest.approx(0.2)


def test_kernels_start_as_in_the_authors_code():
    focal = models.FocalNet(width=32, blocks=(1,), levels=3).get_layer("stage_1_block_1_modulation")
    assert 0.012 < np.std(focal.input_projection.kernel) < 0.025
    for size, depthwise in zip((3, 5, 7), focal.depthwise, strict=True):
        assert 0.8 / size < np.abs(depthwise.kernel).max() <= 1 / size
    hor = models.HorNet(width=32, blocks=(1,)).get_layer("stage_1_block_1_convolution")
    assert 0.012 < np.std(hor.filter.kernel) < 0.025
    assert not np.any(hor.filter.bias)


@pytest.mark.parametrize("size", [32, 33, 36])
def test_overlapping_patches_stand_where_the_authors_do(size):
    """A convolution of seven pixels every four, with two of padding on each side."""
    keras.config.set_dtype_policy("float64")
    model = models.FocalNet(
        width=4, blocks=(1,), levels=1, overlapping=True, input_shape=(None, None, 3)
    )
    x = np.random.default_rng(0).normal(size=(1, size, size, 3))
    stem = keras.Model(model.input, model.get_layer("stem").output)
    kernel, bias = (np.asarray(w) for w in model.get_layer("stem").weights)
    padded = np.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)])
    count = (size + 4 - 7) // 4 + 1
    expected = [
        [np.tensordot(padded[0, 4 * i : 4 * i + 7, 4 * j : 4 * j + 7], kernel, 3) + bias]
        for i in range(count)
        for j in range(count)
    ]
    expected = np.reshape(expected, (1, count, count, 4))
    np.testing.assert_allclose(stem(x), expected, rtol=1e-12, atol=1e-12)


def test_attention_of_efficient_mod_is_its_formula():
    keras.config.set_dtype_policy("float64")
    model = models.EfficientMod(filters=(16,), blocks=(1,), attention_blocks=(1,))
    layer = model.get_layer("stage_1_block_2_attention")
    assert layer.units == 32 and layer.input_projection.bias is None
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 16))
    qkv = (x @ np.asarray(layer.input_projection.kernel)).reshape(2, 6, 3, 8, 32)
    q, k, v = np.moveaxis(qkv, 2, 0)
    scores = np.exp(np.einsum("bqhd,bkhd->bhqk", q, k) / 32**0.5)
    y = np.einsum("bhqk,bkhd->bqhd", scores / scores.sum(-1, keepdims=True), v)
    y = y.reshape(2, 2, 3, 256) @ np.asarray(layer.output_projection.kernel)
    np.testing.assert_allclose(layer(x), y + layer.output_projection.bias, rtol=1e-10, atol=1e-12)


def test_every_second_modulation_is_wide():
    model = models.EfficientMod("xs")
    wide = [layer.expansion for layer in model.layers if layer.name.endswith("_modulation")]
    assert wide == [1, 4, 1, 1, 4, 1, 1, 4, 1, 4, 1, 4]


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (models.FocalNet, {"variant": "tiny"}),
        (models.FocalNet, {"blocks": ()}),
        (models.FocalNet, {"levels": (2, 2)}),
        (models.FocalNet, {"window": 0}),
        (models.FocalNet, {"input_shape": (31, 32, 3)}),
        (models.FocalNet, {"drop_path": 1.0}),
        (models.HorNet, {"variant": "large_gf_224"}),
        (models.HorNet, {"width": 5}),
        (models.HorNet, {"orders": (2, 3)}),
        (models.HorNet, {"global_filters": (None,)}),
        (models.HorNet, {"blocks": (1, 1, 1, 1, 1)}),
        (models.EfficientMod, {"variant": "m"}),
        (models.EfficientMod, {"filters": (4, 8)}),
        (models.EfficientMod, {"expansion": 0}),
    ],
)
def test_errors(make, arguments):
    with pytest.raises(ValueError, match="Received: "):
        make(**arguments)
