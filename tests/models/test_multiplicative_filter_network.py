"""The multiplicative filter networks: sizes, the authors' weights, and what they are sums of."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.golden import FOLDER
from harness.op_checks import assert_near
from harness.torch_states import state_of
from references.filters import network

from keras_hadamard.models import MultiplicativeFilterNetwork

GOLDEN = {"fourier": "mfn_fourier__l2_act", "gabor": "mfn_gabor__l1"}
KINDS = pytest.mark.parametrize("filters", GOLDEN)


def golden(filters):
    file = dict(np.load(FOLDER / f"{GOLDEN[filters]}.npz", allow_pickle=False))
    state = {k.removeprefix("param::"): v for k, v in file.items() if k.startswith("param::")}
    return file, state, json.loads(str(file["config"]))["config"]


def tiny(filters="gabor", **kwargs):
    return MultiplicativeFilterNetwork(filters, units=6, outputs=2, steps=2, seed=1, **kwargs)


def points(batch=5, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (batch, 2)).astype("float32")


@pytest.mark.parametrize(("filters", "count"), [("fourier", 200_705), ("gabor", 203_777)])
def test_parameters_as_published(filters, count):
    model = MultiplicativeFilterNetwork(filters, (2,), 256, 1, 3)
    assert model.count_params() == count
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == count
    # The defaults are that network.
    assert MultiplicativeFilterNetwork(filters).count_params() == count


@KINDS
def test_the_authors_state_dict_gives_the_authors_output(filters):
    keras.config.set_dtype_policy("float64")
    file, state, config = golden(filters)
    model = network(config, filters)
    model.load_torch(state)
    assert_near(model(file["input_0"]), file["output_0"], 1e-12)
    again = MultiplicativeFilterNetwork.from_torch(state, **model.get_config())
    assert_near(again(file["input_0"]), file["output_0"], 1e-12)


@KINDS
def test_a_state_dict_that_does_not_fit_changes_nothing(filters):
    _, state, config = golden(filters)
    model = network(config, filters)
    before = model.get_weights()
    name = "filters.1.linear.bias"
    for wrong in (
        {k: v for k, v in state.items() if k != name},
        state | {"filters.9.linear.bias": state[name]},
        state | {name: state[name][:-1]},
    ):
        with pytest.raises(ValueError, match="Received: "):
            model.load_torch(wrong)
        for one, other in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_fourier_network_is_a_sum_of_sinusoids_of_sums_of_its_frequencies():
    keras.config.set_dtype_policy("float64")
    model = MultiplicativeFilterNetwork("fourier", (1,), units=2, steps=2, input_scale=8.0, seed=1)
    filters = [model.get_layer(f"filter_{i}") for i in range(3)]
    own = [np.round(np.ravel(f.kernel), 1) for f in filters]
    for layer, kernel in zip(filters, own, strict=True):
        layer.kernel.assign(kernel[None])
    # Each product adds and subtracts the frequencies so far; a bias lets its own stand alone.
    sums = set(own[0])
    for kernel in own[1:]:
        sums = {abs(w + sign * s) for w in kernel for s in (0.0, *sums) for sign in (1, -1)}
    frequencies = sorted({round(float(s), 6) for s in (0.0, *sums)})
    x = np.linspace(-1, 1, 400)[:, None]
    basis = np.concatenate([f(x * w) for w in frequencies for f in (np.sin, np.cos)], 1)
    y = np.asarray(model(x))
    fit = basis @ np.linalg.lstsq(basis, y, rcond=1e-10)[0]
    assert np.abs(fit - y).max() < 1e-8 * np.abs(y).max()
    few = basis[:, :6] @ np.linalg.lstsq(basis[:, :6], y, rcond=None)[0]
    assert np.abs(few - y).max() > 1e-3 * np.abs(y).max()


@KINDS
def test_scales_are_shared_out_among_the_filters(filters):
    model = MultiplicativeFilterNetwork(
        filters, (2,), 3000, 1, 3, input_scale=100.0, weight_scale=4.0, alpha=8.0, beta=2.0
    )
    hidden = np.asarray(model.get_layer("hidden_0").kernel)
    assert abs(np.abs(hidden).max() / np.sqrt(4 / 3000) - 1) < 0.01
    kernels = [np.asarray(model.get_layer(f"filter_{i}").kernel) for i in range(4)]
    assert not np.allclose(kernels[0], kernels[1])
    for i, kernel in enumerate(kernels):
        if filters == "gabor":
            gamma = np.asarray(model.get_layer(f"filter_{i}").gamma)
            assert abs(gamma.mean() - 8 / 4 / 2) < 0.1
            kernel = kernel / np.sqrt(gamma)
        assert abs(np.abs(kernel).max() / (100 / 2 / 2**0.5) - 1) < 0.01


def test_seed_decides_the_start_and_branches_differ():
    one, again, other = tiny(), tiny(), MultiplicativeFilterNetwork("gabor", units=6, outputs=2)
    for a, b in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.get_config()["seed"] is None
    flat = [w.ravel()[:4].tolist() for w in one.get_weights()]
    assert len({str(f) for f in flat}) == len(flat)


@KINDS
def test_round_trips(filters, tmp_path):
    model = tiny(filters, output_activation="sin", use_bias=False, gamma_constraint=None)
    config = json.loads(json.dumps(model.get_config()))
    assert MultiplicativeFilterNetwork.from_config(config).get_config() == model.get_config()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(points()), again(points()))
    model.save_weights(tmp_path / "it.weights.h5")
    loaded = MultiplicativeFilterNetwork(
        **{**config, "seed": 7}, weights=tmp_path / "it.weights.h5"
    )
    np.testing.assert_array_equal(model(points()), loaded(points()))
    assert all(layer.bias is None for layer in model.layers if layer.name.startswith("hidden"))


def test_grids_of_any_size_are_as_good_as_points():
    model, grids = tiny(), tiny(input_shape=(None, None, 2))
    grids.set_weights(model.get_weights())
    x = points(12)
    got = grids(x.reshape(1, 4, 3, 2))
    np.testing.assert_allclose(np.reshape(got, (12, 2)), model(x), rtol=1e-5, atol=1e-6)


@KINDS
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_coordinates_keep_their_precision_under_16_bits(filters, policy):
    expected = tiny(filters)(points())
    keras.config.set_dtype_policy(policy)
    y = tiny(filters)(points())
    assert y.dtype == "float32"
    # The products are 16-bit; the phases, of up to a hundred radians, are not.
    assert np.abs(y - expected).max() < (0.01 if policy == "mixed_float16" else 0.05)


@KINDS
def test_trains(filters):
    model = tiny(filters, input_scale=4.0)
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=True)
    x = points(64)
    y = np.stack([np.sin(3 * x[:, 0]), x[:, 0] * x[:, 1]], 1)
    losses = model.fit(x, y, epochs=60, batch_size=64, verbose=0).history["loss"]
    assert losses[-1] < 0.2 * losses[0]


@KINDS
def test_gradients_far_outside_the_unit_square_are_finite(filters):
    model = tiny(filters)
    x = tf.constant(points() * 1e4)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(model(x))
    for gradient in tape.gradient(y, [x, *(w.value for w in model.trainable_weights)]):
        assert np.isfinite(gradient).all()


# BACON.


def bacon(**kwargs):
    how = {"frequency": (10, 6), "scales": (0.2, 0.4, 0.6), "seed": 1}
    return MultiplicativeFilterNetwork("bacon", units=9, outputs=2, steps=2, **{**how, **kwargs})


def on_a_grid(size):
    """Points of the unit square, which a whole number of periods fits on."""
    side = np.arange(size) / size - 0.5
    return np.stack(np.meshgrid(side, side, indexing="ij"), -1)


@pytest.mark.parametrize("use_bias", [True, False])
def test_the_spectrum_of_bacon_ends_at_the_sum_of_the_bands(use_bias):
    keras.config.set_dtype_policy("float64")
    model = bacon(multiscale=True, use_bias=use_bias, input_shape=(None, None, 2))
    rng = np.random.default_rng(3)
    for variable in model.trainable_weights:
        variable.assign(rng.normal(size=variable.shape))
    assert [model.get_layer(f"filter_{i}").bands for i in range(3)] == [[1, 1], [2, 1], [3, 2]]
    assert model.band_limits == [[3, 2], [6, 4]]
    size = 24
    y = np.stack(model(on_a_grid(size)[None]))[:, 0]
    spectrum = np.abs(np.fft.fft2(y, axes=(1, 2))) / size**2
    frequencies = np.abs(np.fft.fftfreq(size, 1 / size)).round().astype(int)
    for found, (first, second) in zip(spectrum, model.band_limits, strict=True):
        inside = (frequencies[:, None] <= first) & (frequencies <= second)
        assert found[~inside].max() < 1e-12 < 1e-3 < found[inside].max()
        # The band is not too wide: there is something at its end.
        assert found[frequencies == first].max() > 1e-6
    # Nothing else has a band of its own.
    wide = MultiplicativeFilterNetwork("fourier", (None, None, 2), 9, steps=2, seed=1)
    spectrum = np.abs(np.fft.fft2(np.asarray(wide(on_a_grid(size)[None]))[0, ..., 0]))
    assert spectrum[frequencies > 6].max() > 1e-3
    with pytest.raises(ValueError, match="limited bands"):
        _ = wide.band_limits


def test_bacon_has_the_period_of_the_square():
    keras.config.set_dtype_policy("float64")
    model, x = bacon(), points().astype("float64") / 2
    np.testing.assert_allclose(model(x + [3.0, -2.0]), model(x), rtol=1e-9, atol=1e-9)


def test_frequencies_of_bacon_are_whole_within_their_band_and_not_trained():
    keras.config.set_dtype_policy("float64")
    model = MultiplicativeFilterNetwork("bacon", units=2000, steps=1, frequency=(8, 12), seed=1)
    for i in range(2):
        own = model.get_layer(f"filter_{i}")
        assert own.bands == [2, 3] and not own.kernel.trainable and own.bias.trainable
        periods = np.asarray(own.kernel) / (2 * np.pi)
        for row, band in zip(periods, own.bands, strict=True):
            numbers, counts = np.unique(row.round(9), return_counts=True)
            np.testing.assert_array_equal(numbers, np.arange(-band, band + 1))
            assert counts.min() > 0.7 * 2000 / (2 * band + 1)
    assert not np.array_equal(*(model.get_layer(f"filter_{i}").kernel for i in range(2)))
    hidden, output = model.get_layer("hidden_0").kernel, model.get_layer("output").kernel
    for kernel in (hidden, output):
        assert abs(np.abs(kernel).max() / np.sqrt(6 / 2000) - 1) < 0.01


def test_each_scale_of_bacon_is_its_formula():
    keras.config.set_dtype_policy("float64")
    model, x = bacon(multiscale=True), points().astype("float64") / 2
    filters = [
        np.sin(x @ np.asarray(own.kernel) + np.asarray(own.bias))
        for own in (model.get_layer(f"filter_{i}") for i in range(3))
    ]
    z = filters[0]
    for i in range(2):
        kernel, bias = model.get_layer(f"hidden_{i}").get_weights()
        z = (z @ kernel + bias) * filters[i + 1]
        kernel, bias = model.get_layer(f"output_{i + 1}").get_weights()
        np.testing.assert_allclose(model(x)[i], z @ kernel + bias, rtol=1e-10, atol=1e-10)


def test_the_authors_state_dict_of_many_scales_has_a_projection_too_many(tmp_path):
    model, other = bacon(multiscale=True), bacon(multiscale=True, seed=2)
    state = state_of(model.torch_mapping())
    assert {"output_linear.1.weight", "output_linear.2.bias"} <= state.keys()
    unused = {"output_linear.0.weight": np.zeros((2, 9)), "output_linear.0.bias": np.zeros(2)}
    other.load_torch(state | unused)
    for one, two in zip(model(points()), other(points()), strict=True):
        np.testing.assert_array_equal(one, two)
    single = bacon()
    with pytest.raises(ValueError, match="Received: "):
        single.load_torch(state_of(single.torch_mapping()) | unused)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.get_config() == model.get_config() and again.band_limits == model.band_limits
    np.testing.assert_array_equal(again(points())[1], model(points())[1])


def test_bacon_learns_a_signal_within_its_band():
    model = MultiplicativeFilterNetwork("bacon", (1,), 32, steps=2, frequency=12, seed=1)
    x = (np.arange(64)[:, None] / 64 - 0.5).astype("float32")
    y = np.sin(2 * np.pi * 3 * x) + 0.5 * np.cos(2 * np.pi * 5 * x)
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=True)
    before = model.get_layer("filter_0").kernel.numpy()
    losses = model.fit(x, y, epochs=150, batch_size=64, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    np.testing.assert_array_equal(model.get_layer("filter_0").kernel, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": "wavelet"}, "`filters`"),
        ({"input_shape": (None,)}, "`input_shape`"),
        ({"input_shape": ()}, "`input_shape`"),
        ({"steps": 0}, "`steps`"),
        ({"weight_scale": 0.0}, "`weight_scale`"),
        ({"input_scale": -1.0}, "`input_scale`"),
        ({"multiscale": True}, "`multiscale` with BACON alone"),
        ({"filters": "bacon", "frequency": (8,)}, "one `frequency` for each coordinate"),
        ({"filters": "bacon", "frequency": 0}, "`frequency`"),
        ({"filters": "bacon", "scales": (0.5, 0.5)}, "one of `scales`"),
        ({"filters": "gabor", "alpha": 0.0}, "`alpha`"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiplicativeFilterNetwork(**arguments)
