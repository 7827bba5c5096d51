"""Properties of the dense gates, and what they do with LoRA and quantised weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import (
    GatedDense,
    GatedMLP,
    GatedResidual,
    GlobalResponseNormalization,
    Highway,
    LayerScale,
    MuLayer,
    SimpleGate,
)

NEAR_ZERO = keras.initializers.RandomNormal(stddev=1e-6, seed=1)


def random_weights(layer, seed=0):
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer.get_weights()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


# The layout of value and gate.

LAYOUTS = [(packed, first) for packed in (False, True) for first in (False, True)]


@pytest.mark.parametrize("make", [lambda **how: GatedDense(4, **how), GatedMLP])
@pytest.mark.parametrize("bias", ["zeros", keras.initializers.RandomNormal(seed=5)])
def test_layout_and_order_change_nothing_but_the_kernels(make, bias):
    """From one seed all four start as the same function."""
    x, how = normal(2, 3, 6), {"use_bias": True, "bias_initializer": bias}
    how["kernel_initializer"] = keras.initializers.GlorotUniform(seed=3)
    outputs = [make(packed=p, gate_first=f, **how)(x) for p, f in LAYOUTS]
    for output in outputs[1:]:
        assert_close(output, outputs[0])


def test_order_is_that_of_the_halves_and_of_the_weights():
    x = normal(3, 6)
    for first in (False, True):
        packed = GatedDense(4, packed=True, gate_first=first)
        packed.build((None, 6))
        kernel, bias = random_weights(packed)
        halves = np.split(x @ kernel + bias, 2, -1)
        value, gate = halves[::-1] if first else halves
        assert_close(packed(x), value * sigmoid(gate))
        split = GatedDense(4, gate_first=first)
        split.build((None, 6))
        split.set_weights(
            [
                w
                for k, b in zip(np.split(kernel, 2, -1), np.split(bias, 2), strict=True)
                for w in (k, b)
            ]
        )
        assert_close(split(x), packed(x))
        names = [w.path.split("/")[-2] for w in split.weights]
        assert names[0] == ("gate_projection" if first else "value_projection")


@pytest.mark.parametrize("gate_first", [False, True])
def test_interleaved_pairs_are_the_halves_in_another_order(gate_first):
    x = normal(3, 6)
    how = {"packed": True, "gate_first": gate_first, "activation": "silu"}
    halves, pairs = GatedDense(4, **how), GatedDense(4, interleaved=True, **how)
    for layer in (halves, pairs):
        layer.build((None, 6))
    kernel, bias = random_weights(halves)
    order = np.ravel(np.arange(8).reshape(2, 4).T)
    pairs.set_weights([kernel[:, order], bias[order]])
    assert_close(pairs(x), halves(x))


def test_interleaved_pairs_start_each_with_its_own_initializer():
    layer = GatedDense(
        4,
        packed=True,
        interleaved=True,
        gate_kernel_initializer=NEAR_ZERO,
        gate_bias_initializer="ones",
    )
    layer.build((None, 6))
    kernel, bias = layer.get_weights()
    assert np.abs(kernel[:, 1::2]).max() < 1e-5 < 1e-2 < np.abs(kernel[:, ::2]).max()
    np.testing.assert_array_equal(bias, [0, 1] * 4)


@pytest.mark.parametrize("make", [GatedDense, GatedMLP])
def test_a_clamp_is_before_the_activation_and_the_offset_after_the_clamp(make):
    x, how = 3 * normal(5, 6), {"activation": "quick_gelu", "packed": True}
    layer = make(4, **how, limit=0.8, value_offset=1.0)
    layer.build((None, 6))
    random_weights(layer)
    gated = layer.gated if make is GatedMLP else layer
    kernel, *bias = (np.asarray(w) for w in gated.projection.weights)
    value, gate = np.split(x @ kernel + (bias[0] if bias else 0), 2, -1)
    assert (gate > 0.8).any() and (gate < -0.8).any() and (np.abs(value) > 0.8).any()
    gate = np.minimum(gate, 0.8)
    y = (np.clip(value, -0.8, 0.8) + 1) * gate * sigmoid(1.702 * gate)
    y = y @ np.asarray(layer.output_projection.kernel) if make is GatedMLP else y
    assert_close(layer(x), y)
    far = make(4, **how, limit=1e6)
    plain = make(4, **how)
    for one in (far, plain):
        one.build((None, 6))
        one.set_weights(layer.get_weights())
    assert_close(far(x), plain(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interleaved": True}, "a packed kernel to be interleaved"),
        ({"limit": -1.0}, "`limit`"),
    ],
)
def test_options_of_the_clamp_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        GatedMLP(**arguments)


def test_halves_start_as_if_each_stood_alone():
    limit = np.sqrt(6 / (64 + 32))  # Glorot's of (64, 32), and not of (64, 64).
    layer = GatedDense(32, packed=True)
    layer.build((None, 64))
    assert 0.95 * limit < np.abs(layer.projection.kernel).max() <= limit


@pytest.mark.parametrize(("packed", "first"), LAYOUTS)
def test_gates_start_as_published_when_asked(packed, first):
    """At `activation(1)`: then a gated network is a linear one, scaled."""
    how = {"gate_kernel_initializer": NEAR_ZERO, "gate_bias_initializer": "ones"}
    layer = GatedDense(4, "silu", packed=packed, gate_first=first, **how)
    x = normal(3, 6)
    y = layer(x)
    kernel, bias = layer.get_weights()[:2]
    if packed:
        kernel, bias = (np.split(w, 2, -1)[1 if first else 0] for w in (kernel, bias))
    elif first:
        kernel, bias = layer.get_weights()[2:]
    assert_close(y, (x @ kernel + bias) * silu(1.0), 1e-4)
    assert not bias.any() and np.abs(kernel).max() > 0.1


# The gated feed-forward network.


@pytest.mark.parametrize("bias", [False, True])
def test_gated_mlp_is_its_equation(bias):
    layer = GatedMLP(4, 7, use_bias=bias)
    layer.build((None, None, 6))
    weights = iter(random_weights(layer))
    w, b, v, c, u, d = (next(weights) if bias or n % 2 == 0 else 0.0 for n in range(6))
    x = normal(2, 3, 6)
    assert_close(layer(x), ((x @ w + b) * silu(x @ v + c)) @ u + d)


def test_hidden_width_keeps_the_size_of_four_times_the_width():
    for width in (6, 7, 64, 768):
        layer = GatedMLP()
        layer.build((None, width))
        assert 8 * width**2 - 3 * width < layer.count_params() <= 8 * width**2
    assert layer.gated.units == 2048  # What Shazeer has for 768.


def test_gated_mlp_without_a_gate_of_its_own_is_quadratic():
    layer = GatedMLP(activation=None)
    x = normal(2, 6)
    assert_close(layer(3 * x), 9 * np.asarray(layer(x)))


def test_normalised_product():
    layer = GatedMLP(4, 7, normalization="layer")
    layer.build((None, 6))
    w, v, u, gamma, beta = random_weights(layer)
    x = normal(3, 6)
    product = (x @ w) * silu(x @ v)
    spread = np.sqrt(product.var(-1, keepdims=True) + 1e-5)
    assert_close(
        layer(x), (gamma * (product - product.mean(-1, keepdims=True)) / spread + beta) @ u
    )


def test_dropout_drops_the_product_in_training_alone():
    layer = GatedMLP(1, 2000, activation=None, dropout=0.5, seed=1, kernel_initializer="ones")
    x = np.ones((2, 5))
    assert_close(layer(x), np.full((2, 1), 25 * 2000.0))
    dropped = np.asarray(layer(x, training=True))
    assert 0 < np.abs(dropped / (25 * 2000) - 1).max() < 0.1


def test_both_paths_are_one_function_with_one_gradient():
    """With and without keeping the product: a dropout of next to nothing takes the other path."""
    x = tf.constant(normal(2, 3, 6))
    one, other = (GatedMLP(4, 7, dropout=rate, seed=1, use_bias=True) for rate in (0.0, 1e-14))
    for layer in (one, other):
        layer.build((None, None, 6))
        random_weights(layer) if layer is one else layer.set_weights(one.get_weights())
    found = []
    for layer in (one, other):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**2)
        found.append([y, *tape.gradient(loss, [x, *[v.value for v in layer.trainable_weights]])])
    for a, b in zip(*found, strict=True):
        assert_close(a, b)


# LoRA.


def adapted(layer, width=6):
    layer.build((None, width))
    layer.enable_lora(2, lora_alpha=3.0)
    return layer


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("make", [lambda **how: GatedDense(4, **how), GatedMLP])
def test_lora_starts_as_nothing_and_trains_nothing_else(make, packed):
    layer = make(packed=packed, use_bias=False)
    x = normal(3, 6)
    before, kernels = layer(x), layer.get_weights()
    layer.enable_lora(2)
    assert_close(layer(x), before)
    assert {w.name for w in layer.trainable_weights} == {"lora_kernel_a", "lora_kernel_b"}
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros(before.shape), verbose=0)
    assert np.abs(np.asarray(layer(x)) - before).max() > 1e-6
    frozen = [w for w in layer.weights if w.name == "kernel"]
    for one, other in zip(frozen, kernels, strict=True):
        np.testing.assert_array_equal(one, other)


def test_lora_adds_the_product_scaled():
    layer = adapted(GatedMLP(4, 7))
    for seed, weight in enumerate(layer.weights):
        weight.assign(normal(*weight.shape, seed=seed))
    kernels = []
    for dense in layer.dense_layers():
        kernel, a, b = (np.asarray(weight) for weight in dense.weights)
        kernels.append(kernel + 1.5 * a @ b)
    x = normal(3, 6)
    w, v, u = kernels
    assert_close(layer(x), ((x @ w) * silu(x @ v)) @ u, 1e-6)  # LoRA's weights are float32.


@pytest.mark.parametrize("make", [lambda: GatedDense(4), lambda: GatedMLP(packed=True)])
def test_lora_is_saved_as_part_of_the_kernel_and_goes_on(make, tmp_path):
    x = normal(3, 6)
    model = keras.Sequential([keras.Input((6,)), make()])
    layer = model.layers[0]
    layer.enable_lora(2, lora_alpha=3.0)
    for dense in layer.dense_layers():
        dense.lora_kernel_b.assign(normal(*dense.lora_kernel_b.shape))
    expected = model(x)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert_close(again(x), expected, 1e-6)
    assert (again.layers[0].lora_rank, again.layers[0].lora_alpha) == (2, 3.0)
    assert len(again.trainable_weights) == len(model.trainable_weights)


def test_lora_refuses():
    layer = GatedMLP()
    with pytest.raises(ValueError, match="built"):
        layer.enable_lora(2)
    with pytest.raises(ValueError, match="already"):
        adapted(layer).enable_lora(2)
    with pytest.raises(ValueError, match="Received: rank=0"):
        layer.enable_lora(0)


# Quantised weights.


@pytest.mark.parametrize(
    ("make", "mode"),
    [
        (lambda: GatedDense(6, packed=True), "int8"),
        (lambda: GatedMLP(use_bias=True), "int8"),
        (GatedMLP, "int4"),
        (lambda: GatedResidual(5), "int8"),
        # Any layer that is made of dense ones.
        (lambda: MuLayer(6), "int8"),
    ],
)
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_a_quantised_model_is_near_and_loads(make, mode, tmp_path):
    keras.config.set_dtype_policy("float32")
    x = normal(4, 16).astype("float32")
    model = keras.Sequential([keras.Input((16,)), make()])
    exact = np.asarray(model(x))
    model.quantize(mode)
    kernels = [w for w in model.weights if w.name == "kernel"]
    assert kernels and {w.dtype for w in kernels} == {"int8"}
    near = np.asarray(model(x))
    error = np.abs(near - exact).max() / np.abs(exact).max()
    assert 0 < error < {"int8": 0.05, "int4": 0.5}[mode]
    for _ in range(2):  # What was loaded is saved as well.
        model.save(tmp_path / "m.keras")
        model = keras.models.load_model(tmp_path / "m.keras")
        np.testing.assert_array_equal(np.asarray(model(x)), near)


# Gates with a skip.


def test_highway_is_its_equation_and_carries_or_transforms():
    layer = Highway("tanh")
    x = normal(2, 3, 6)
    layer(x)
    w, b, v, c = layer.get_weights()
    assert_close(c, np.full(6, -1.0))
    t = sigmoid(x @ v + c)
    assert_close(layer(x), t * np.tanh(x @ w + b) + (1 - t) * x)
    layer.set_weights([w, b, 0 * v, c - 1e4])
    assert_close(layer(x), x)
    layer.set_weights([w, b, 0 * v, c + 1e5])
    assert_close(layer(x), np.tanh(x @ w + b))


def normalised(x, gamma, beta):
    spread = np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    return gamma * (x - x.mean(-1, keepdims=True)) / spread + beta


def elu(x):
    return np.where(x > 0, x, np.expm1(x))


@pytest.mark.parametrize("context", [None, (2, 4), (2, 3, 4)])
@pytest.mark.parametrize("units", [6, 5])
def test_gated_residual_is_its_equation(context, units):
    layer = GatedResidual(units, hidden_units=7)
    x = normal(2, 3, 6)
    inputs = x if context is None else [x, normal(*context, seed=1)]
    layer(inputs)
    random_weights(layer)
    named = {w.path.split("/", 1)[1]: np.asarray(w) for w in layer.weights}

    def dense(name, x):
        return x @ named[f"{name}/kernel"] + named.get(f"{name}/bias", 0)

    hidden = dense("hidden_projection", x)
    if context:
        more = dense("context_projection", inputs[1])
        assert "context_projection/bias" not in named
        hidden = hidden + (more if more.ndim == 3 else more[:, None])
    e = dense("projection", elu(hidden))
    gated = dense("gate/value_projection", e) * sigmoid(dense("gate/gate_projection", e))
    skip = x if units == 6 else dense("skip", x)
    expected = normalised(skip + gated, named["normalization/gamma"], named["normalization/beta"])
    assert_close(layer(inputs), expected)


def test_gated_residual_with_a_closed_gate_normalises_its_input():
    layer = GatedResidual()
    x = normal(2, 6)
    layer(x)
    layer.gate.gate_projection.bias.assign(np.full(6, -1e4))
    assert_close(layer(x), normalised(x, 1.0, 0.0))


def test_gated_residual_drops_before_the_gate():
    layer = GatedResidual(dropout=0.999999, seed=1)
    x = normal(2, 6)
    layer(x)
    layer.gate.value_projection.bias.assign(np.arange(6.0))
    # What is left are the biases of the gate, halved.
    expected = normalised(x + np.arange(6.0) / 2, 1.0, 0.0)
    assert_close(layer(x, training=True), expected)
    assert np.abs(np.asarray(layer(x)) - expected).max() > 1e-3


def test_gated_residual_refuses():
    for inputs in ([np.ones((2, 6))] * 3, [np.ones((2, 6)), np.ones((3, 4))], np.ones(3)):
        with pytest.raises(ValueError, match="Received: "):
            GatedResidual()(inputs)
    with pytest.raises(ValueError, match="positions of `x`"):
        GatedResidual()([np.ones((2, 6)), np.ones((2, 3, 4))])


# Without projections.


def test_simple_gate_is_the_product_of_the_halves():
    x = normal(2, 4, 3, 6)
    assert_close(SimpleGate()(x), x[..., :3] * x[..., 3:])
    assert_close(SimpleGate(axis=1)(x), x[:, :2] * x[:, 2:])
    assert_close(SimpleGate("sigmoid")(x), keras.ops.glu(x))
    assert_close(SimpleGate()(2 * x), 4 * np.asarray(SimpleGate()(x)))


def test_simple_gate_keeps_masks_of_steps_alone():
    mask = np.ones((2, 4), bool)
    x = normal(2, 4, 6)
    assert SimpleGate().compute_mask(x, mask) is mask
    assert SimpleGate(axis=2).compute_mask(x, mask) is mask
    assert SimpleGate(axis=1).compute_mask(x, mask) is None


def test_layer_scale_scales_each_channel():
    x = normal(2, 4, 3, 6)
    layer = LayerScale()
    assert_close(layer(x), 1e-5 * x)
    layer.gamma.assign(np.arange(6.0))
    assert_close(layer(x), np.arange(6) * x)
    first = LayerScale(axis=1)
    first(x)
    first.gamma.assign(np.arange(4.0))
    assert_close(first(x), np.arange(4.0)[:, None, None] * x)


def test_layer_scale_is_not_rounded_to_sixteen_bits():
    layer = LayerScale(1e-6, dtype="mixed_float16")
    y = np.asarray(layer(np.full((1, 3), 1e4)), "float64")
    assert_close(100 * y, np.ones((1, 3)), 1e-3)


def test_global_response_normalization_is_its_equation_and_starts_as_the_identity():
    x = normal(2, 4, 3, 6)
    layer = GlobalResponseNormalization()
    assert_close(layer(x), x)
    gamma, beta = random_weights(layer)
    g = np.sqrt((x**2).sum((1, 2), keepdims=True))
    expected = gamma * x * (g / (g.mean(-1, keepdims=True) + 1e-6)) + beta + x
    assert_close(layer(x), expected)
    first = GlobalResponseNormalization(data_format="channels_first")
    first.build((2, 6, 4, 3))
    first.set_weights([gamma, beta])
    assert_close(first(np.moveaxis(x, -1, 1)), np.moveaxis(expected, -1, 1))


def test_global_response_normalization_is_blind_to_order_and_to_masked_steps():
    x = normal(2, 5, 6)
    layer = GlobalResponseNormalization()
    layer(x)
    random_weights(layer)
    order = np.random.default_rng(1).permutation(5)
    assert_close(layer(x[:, order]), np.asarray(layer(x))[:, order])
    expected = layer(x[:, :3])
    x[:, 3:] = np.nan
    mask = np.array([[True] * 3 + [False] * 2] * 2)
    assert_close(layer(x, mask=mask)[:, :3], expected)


def test_global_response_normalization_does_not_overflow():
    layer = GlobalResponseNormalization(dtype="mixed_float16")
    x = np.full((1, 8, 8, 3), 3e3)
    layer(x)
    layer.gamma.assign(np.ones(3))
    assert_close(layer(x), np.full(x.shape, 6e3), 1e-3)


# What is refused.


@pytest.mark.parametrize(
    "make",
    [
        lambda: GatedDense(4, lora_rank=0),
        lambda: GatedMLP(0),
        lambda: GatedMLP(hidden_units=-1),
        lambda: GatedMLP(dropout=1.0),
        lambda: GatedMLP(normalization="batch"),
        lambda: GatedMLP(lora_alpha=-1.0),
        lambda: GatedResidual(hidden_units=0),
        lambda: GatedResidual(epsilon=-1.0),
        lambda: GlobalResponseNormalization(epsilon="small"),
        lambda: GlobalResponseNormalization(data_format="NHWC"),
        lambda: SimpleGate(axis=0)(np.ones((2, 4))),
        lambda: SimpleGate(axis=2)(np.ones((2, 4))),
        lambda: SimpleGate()(np.ones((2, 5))),
        lambda: LayerScale(axis=0)(np.ones((2, 4))),
        lambda: LayerScale(axis=-3)(np.ones((2, 4))),
        lambda: Highway()(keras.Input((None,))),
    ],
)
def test_out_of_range(make):
    with pytest.raises(ValueError, match="Received: "):
        make()
