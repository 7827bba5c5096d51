"""MambaOut and NAFNet: their sizes as published, their names, and what they are made of."""

import keras
import numpy as np
import pytest
from harness.torch_states import state_of

from keras_hadamard.models import MambaOut, NAFNet, mamba_out, naf_net
from keras_hadamard.models._checkpoint import pixel_shuffled

# timm's table has them in millions with two decimals: 7.30, 9.14, 26.55, 48.49 and 84.81.
MAMBA = {
    "femto": 7_304_536,
    "kobe": 9_141_208,
    "tiny": 26_545_096,
    "small": 48_488_072,
    "base": 84_813_092,
}
# Of the published ones the larger have 115.98 and 67.89 millions.
NAF = {
    ("sidd", 32): 29_159_715,
    ("sidd", 64): 115_982_915,
    ("gopro", 32): 17_111_907,
    ("gopro", 64): 67_888_835,
}
TINY = {"filters": (4, 6), "blocks": (1, 2), "input_shape": (16, 16, 3), "classes": 3}
SMALL = {"width": 4, "encoder_blocks": (1, 1), "decoder_blocks": (1, 1), "middle_blocks": 1}
ANY = (None, None, 3)


def sizes(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


def counted(one, blocks):
    """The parameters of a network, from one of a block a stage: the others are as large."""
    total = sizes(one.trainable_weights)
    for name, count in blocks.items():
        total += (count - 1) * sizes(one.get_layer(f"{name}_block_1").trainable_weights)
    return total


@pytest.mark.parametrize("variant", MAMBA)
def test_parameters_of_mamba_outs(variant):
    blocks = mamba_out.VARIANTS[variant][1]
    one = MambaOut(variant, blocks=(1,) * 4)
    stages = {f"stage_{i + 1}": count for i, count in enumerate(blocks)}
    assert counted(one, stages) == MAMBA[variant]


@pytest.mark.parametrize(("variant", "width"), NAF)
def test_parameters_of_naf_nets(variant, width):
    first, middle, last = naf_net.VARIANTS[variant]
    ones = (1,) * 4
    one = NAFNet(variant, ANY, None, width, ones, 1, ones)
    steps = {f"encoder_{i + 1}": count for i, count in enumerate(first)}
    steps |= {f"decoder_{i + 1}": count for i, count in enumerate(last)} | {"middle": middle}
    assert counted(one, steps) == NAF[variant, width]


def test_the_whole_network_has_the_stated_size():
    assert MambaOut().count_params() == MAMBA["femto"]


def timm_of(state):
    """The names that timm has for the authors', by what it says of them, one by one."""
    found = {}
    for name, value in state.items():
        parts = name.split(".")
        if parts[:2] == ["downsample_layers", "0"]:
            parts[:2] = ["stem"]
        elif parts[0] == "downsample_layers":
            parts = ["stages", parts[1], "downsample", *parts[2:]]
        elif parts[0] == "stages":
            parts = [*parts[:2], "blocks", *parts[2:]]
        elif parts[0] == "norm":
            parts = ["head", *parts]
        elif parts[:2] == ["head", "fc2"]:
            parts[1] = "fc"
        elif parts[0] == "head":
            parts[1:2] = ["pre_logits", {"fc1": "fc"}.get(parts[1], parts[1])]
        found[".".join(parts)] = value
    return found


def test_checkpoints_of_the_authors_and_of_timm():
    model, other = MambaOut(**TINY), MambaOut(**TINY)
    state = state_of(model.torch_mapping())
    timm = timm_of(state)
    assert {"stem.conv1.weight", "stages.1.downsample.norm.bias"} <= timm.keys()
    assert {"stages.1.blocks.1.fc2.bias", "head.pre_logits.fc.weight"} <= timm.keys()
    assert {"head.norm.weight", "head.pre_logits.norm.weight", "head.fc.bias"} <= timm.keys()
    x = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype("float32")
    for names in (state, timm):
        again = MambaOut.from_torch(names, **TINY)
        np.testing.assert_array_equal(again(x), model(x))
        body = MambaOut.from_torch(names, **{**TINY, "include_top": False})
        assert body.output_shape == (None, 2, 2, 6)
        fresh = MambaOut.from_torch(names, head="fresh", **{**TINY, "classes": 7})
        kept = np.asarray(fresh.get_layer("head_hidden").kernel)
        np.testing.assert_array_equal(kept, model.get_layer("head_hidden").kernel)
    # The checkpoints are told apart by their names alone.
    assert not np.array_equal(other(x), model(x))
    with pytest.raises(ValueError, match="Received: "):
        other.load_torch({**timm, "stages.0.blocks.0.ls.gamma": np.zeros(4, "float32")})


def test_kernels_start_as_in_the_authors_code():
    model = MambaOut(filters=(64,), blocks=(1,), input_shape=(16, 16, 3))
    block = model.get_layer("stage_1_block_1")
    for layer in (block.hidden_projection, block.depthwise, model.get_layer("predictions")):
        assert 0.015 < np.std(layer.kernel) < 0.02 and not np.any(layer.bias)
    naf = NAFNet(input_shape=ANY, **SMALL)
    bound = 1 / np.sqrt(16)
    up = np.abs(naf.get_layer("up_1").kernel)
    assert 0.9 * bound < up.max() <= bound
    assert not np.any(naf.get_layer("encoder_1_block_1").scale_1.gamma)


def test_drop_path_grows_with_depth():
    model = MambaOut(filters=(4, 6), blocks=(1, 2), drop_path=0.2)
    rates = [layer.drop_path for layer in model.layers if "block" in layer.name]
    assert rates == [0.0, 0.1, 0.2]


def test_a_transposed_convolution_is_a_pixel_shuffle():
    keras.config.set_dtype_policy("float64")
    model = NAFNet(input_shape=ANY, **SMALL)
    up = model.get_layer("up_1")
    theirs = np.random.default_rng(0).normal(size=(32, 16, 1, 1))
    up.kernel.assign(pixel_shuffled(theirs))
    x = np.random.default_rng(1).normal(size=(2, 3, 5, 16))
    y = (x @ theirs[:, :, 0, 0].T).reshape(2, 3, 5, 8, 2, 2)
    y = y.transpose(0, 1, 4, 2, 5, 3).reshape(2, 6, 10, 8)
    np.testing.assert_allclose(up(x), y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(7, 10), (8, 12), (1, 3)])
def test_any_image_is_padded_and_cropped(shape):
    keras.config.set_dtype_policy("float64")
    rng = np.random.default_rng(0)
    model = NAFNet(input_shape=ANY, **SMALL)
    model.set_weights([rng.normal(size=w.shape) * 0.3 for w in model.get_weights()])
    fixed = NAFNet(input_shape=(*shape, 3), **SMALL)
    fixed.set_weights(model.get_weights())
    x = rng.normal(size=(2, *shape, 3))
    below, beside = (-n % 4 for n in shape)
    padded = np.pad(x, [(0, 0), (0, below), (0, beside), (0, 0)])
    expected = np.asarray(model(padded))[:, : shape[0], : shape[1]]
    for network in (model, fixed):
        y = network(x)
        assert y.shape == x.shape
        np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-10)
    assert fixed.output_shape == (None, *shape, 3)


def test_a_silent_last_convolution_leaves_the_image():
    model = NAFNet(input_shape=(9, 6, 3), **SMALL)
    model.get_layer("ending").set_weights([np.zeros((3, 3, 4, 3)), np.zeros(3)])
    x = np.random.default_rng(0).normal(size=(2, 9, 6, 3)).astype("float32")
    np.testing.assert_array_equal(model(x), x)


def test_it_learns_to_take_noise_away():
    rng = np.random.default_rng(0)
    clean = np.repeat(np.repeat(rng.normal(size=(64, 2, 2, 1)), 4, 1), 4, 2).astype("float32")
    noisy = clean + 0.5 * rng.normal(size=clean.shape).astype("float32")
    model = NAFNet(input_shape=(8, 8, 1), **SMALL)
    model.compile(keras.optimizers.Adam(3e-3), "mse", jit_compile=True)
    before = np.mean((noisy - clean) ** 2)
    losses = model.fit(noisy, clean, epochs=25, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MambaOut("huge"), "`variant`"),
        (lambda: MambaOut(filters=(4, 6, 8)), "as many `filters` as `blocks`"),
        (lambda: MambaOut(filters=(5, 6), blocks=(1, 1)), "the first even"),
        (lambda: MambaOut(filters=(4,), blocks=(1,), dropout=1.0), "`dropout`"),
        (lambda: NAFNet("reds"), "`variant`"),
        (lambda: NAFNet(encoder_blocks=(1, 1)), "as many `encoder_blocks`"),
        (lambda: NAFNet(**{**SMALL, "width": 0}), "`width`"),
        (lambda: NAFNet(**{**SMALL, "middle_blocks": -1}), "`middle_blocks`"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()
