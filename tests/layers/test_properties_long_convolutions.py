"""Properties of the mixers by long convolutions, and of those without attention."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.layers import AFT, H3, HyenaOperator, MonarchMixer, PolySelfAttention

WIDTH, LENGTH = 6, 7
FORMS = ["full", "low_rank", "local", "conv", "simple"]
RECURRENT = {
    **{form: (AFT, {"position_bias": form, "causal": True}) for form in FORMS[2:]},
    "h3": (H3, {"state_size": 4}),
    "h3-heads": (H3, {"state_size": 2, "head_size": 3}),
}
CAUSAL = {
    **{form: (AFT, {"position_bias": form, "causal": True}) for form in FORMS},
    **RECURRENT,
    "hyena": (HyenaOperator, {"order": 3}),
    "monarch": (MonarchMixer, {"causal": True}),
}
OTHERS = {
    **{f"{form}-both": (AFT, {"position_bias": form}) for form in FORMS},
    "monarch-both": (MonarchMixer, {}),
    "hyena-first": (HyenaOperator, {"filter_first": True}),
}
ALL = CAUSAL | OTHERS
SIZES = {
    AFT: {"max_length": 9, "hidden_units": 4, "rank": 2, "window": 3, "heads": 2},
    H3: {},
    HyenaOperator: {"max_length": 9, "filter_width": 3},
    MonarchMixer: {"max_length": 9, "filter_width": 3},
}


def made(name, **kwargs):
    """A mixer with weights that are nowhere zero."""
    kind, options = ALL[name]
    layer = kind(**{**SIZES[kind], **options, **kwargs})
    layer.build((None, LENGTH, WIDTH))
    for i, weight in enumerate(layer.trainable_weights):
        weight.assign(weight + normal(*weight.shape, seed=i) / 3)
    return layer


def twin(layer, **kwargs):
    other = type(layer).from_config({**layer.get_config(), **kwargs, "name": None})
    other.build((None, LENGTH, WIDTH))
    other.set_weights(layer.get_weights())
    return other


class Weights(dict):
    """Weights by their paths, and the dense layers that they are."""

    def __init__(self, layer):
        super().__init__({v.path.partition("/")[2]: np.asarray(v) for v in layer.trainable_weights})
        self.config = layer.get_config()

    def dense(self, name, x):
        return x @ self[f"{name}/kernel"] + self.get(f"{name}/bias", 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def causal_sum(x, kernel, later=0):
    y, length = np.zeros(x.shape), x.shape[1]
    for t in range(length):
        for s, tap in enumerate(kernel):
            if 0 <= t + later - s < length:
                y[:, t] += tap * x[:, t + later - s]
    return y


def of_pairs(weights, positions, hidden):
    """The position bias for each pair and channel, written out."""
    config = weights.config
    window, form = config["window"], config["position_bias"]
    bias = np.zeros((positions, positions, hidden))
    if form == "full":
        bias += weights["position"][..., None]
    if form == "low_rank":
        bias += (weights["left_position"] @ weights["right_position"].T)[..., None]
    for t in range(positions):
        for s in range(positions):
            tap = t - s if config["causal"] else s - t + window - 1
            if abs(t - s) < window and tap >= 0:
                if form == "local":
                    bias[t, s] = weights["position"][t, tap]
                if form == "conv":
                    bias[t, s] = np.repeat(weights["position"][tap], hidden // config["heads"])
    return bias


def attention_free(layer, x):
    weights, length = Weights(layer), x.shape[1]
    query, key, value = (weights.dense(f"{n}_projection", x) for n in ("query", "key", "value"))
    hidden = value.shape[-1]
    key = np.repeat(key, hidden // key.shape[-1], axis=-1)
    bias = of_pairs(weights, weights.config["max_length"], hidden)[:length, :length]
    exponents = bias + key[:, None]
    if layer.causal:
        exponents[:, ~np.tril(np.ones((length, length), bool))] = -np.inf
    each = np.exp(exponents - exponents.max(axis=2, keepdims=True))
    average = (each * value[:, None]).sum(2) / each.sum(2)
    return weights.dense("output_projection", sigmoid(query) * average)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_aft_is_the_papers_equation(form, causal):
    layer = made(form if causal else f"{form}-both")
    for length in (1, LENGTH, 9):
        x = normal(2, length, WIDTH)
        assert_close(layer(x), attention_free(layer, x), 1e-11)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_keys_of_any_size(form, causal):
    exact = made(form if causal else f"{form}-both")
    exact.key_projection.kernel.assign(exact.key_projection.kernel * 100)
    layer = type(exact).from_config({**exact.get_config(), "dtype": "float32"})
    layer.build((None, LENGTH, WIDTH))
    layer.set_weights(exact.get_weights())
    x = tf.constant(normal(2, LENGTH, WIDTH), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    assert float(tf.reduce_max(tf.abs(layer.key_projection(x)))) > 100
    # A key of float32 is good to some 1e-5, and its exponential as well.
    assert_close(y, attention_free(exact, np.asarray(x, "float64")), 1e-3)
    for gradient in tape.gradient(y, [x, *(w.value for w in layer.trainable_weights)]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def short(weights, x, parts):
    x = causal_sum(weights.dense("projection", x), weights["short_kernel"])
    return np.split(x + weights["short_bias"], parts, axis=-1)


@pytest.mark.parametrize("name", ["hyena", "hyena-first"])
def test_hyena_is_gates_and_convolutions_in_turns(name):
    layer = made(name)
    weights, x = Weights(layer), normal(2, LENGTH, WIDTH)
    *gates, z = short(weights, x, layer.order + 1)
    filters = layer.order - 1 + layer.filter_first
    taps = np.asarray(layer.filters.taps(LENGTH)[0]).reshape(LENGTH, WIDTH, filters)
    skips = weights["filters_skip"].reshape(WIDTH, filters)
    which = 0
    for i, gate in enumerate(gates[::-1]):
        if i or layer.filter_first:
            z = causal_sum(z, taps[..., which]) + skips[:, which] * z
            which += 1
        z = gate * z
    assert which == filters
    assert_close(layer(x), weights.dense("output_projection", z))


def test_filters_are_networks_of_the_position_in_a_window():
    layer = made("hyena", order=2, window_shift=0.2, bands=3, filter_depth=1)
    weights, (got,) = Weights(layer), layer.filters.taps(5)
    steps = np.arange(9)[:, None]
    bands = np.exp(-1j * np.linspace(1e-4, 2, 3) * 2 * np.pi * steps / 9)
    h = np.concatenate([steps / 8, bands.real, bands.imag], axis=-1)
    for i in range(2):
        h = np.sin(weights["filters/frequencies"] * weights.dense(f"filters/filter_0_{i}", h))
    decays = np.linspace(np.log(0.01) / 1.5, np.log(0.01) / 0.3, WIDTH)
    h = weights.dense("filters/filter_0_2", h) * (np.exp(decays * steps / 8) + 0.2)
    assert_close(got, h[:5])


@pytest.mark.parametrize("name", ["monarch", "monarch-both"])
def test_monarch_mixer_is_a_gated_convolution_beside_another(name):
    layer = made(name)
    weights, x = Weights(layer), normal(2, LENGTH, WIDTH)
    before, after, value = short(weights, x, 3)
    both = []
    for filters, u in (("filters", before * value), ("residual_filters", x)):
        taps = [np.asarray(t) for t in layer.filters[len(both)].taps(LENGTH)]
        y = causal_sum(u, taps[0]) + weights[f"{filters}_skip"] * u
        if len(taps) > 1:
            future = np.concatenate([[np.zeros(WIDTH)], taps[1]])
            y += causal_sum(u[:, ::-1], future)[:, ::-1]
        both.append(y)
    assert_close(layer(x), weights.dense("output_projection", after * both[0] + both[1]))


@pytest.mark.parametrize("name", ["h3", "h3-heads"])
def test_h3_is_two_recurrences(name):
    layer = made(name)
    weights, x = Weights(layer), normal(2, LENGTH, WIDTH)
    size, heads = layer.head_size, WIDTH // layer.head_size
    query, key, value = np.split(weights.dense("projection", x), 3, axis=-1)
    key = causal_sum(key, weights["shift_kernel"]) + weights["shift_skip"] * key
    query, key, value = (p.reshape(2, LENGTH, heads, size) for p in (query, key, value))
    a = -np.exp(weights["diagonal/rate"]) + 1j * weights["diagonal/frequency"]
    step = np.exp(weights["diagonal/step"])
    decay, entry = np.exp(step * a), (np.exp(step * a) - 1) / a
    readout = weights["diagonal/readout"][0] + 1j * weights["diagonal/readout"][1]
    state, outputs = np.zeros((2, heads, size, size, a.shape[-1]), complex), []
    for t in range(LENGTH):
        pairs = key[:, t, :, :, None] * value[:, t, :, None]
        state = decay[:, None, None] * state + entry[:, None, None] * pairs[..., None]
        y = 2 * (readout[:, None, None] * state).sum(-1).real
        y += weights["skip"][:, None, None] * pairs
        outputs.append((query[:, t, ..., None] * y).sum(2).reshape(2, WIDTH))
    assert_close(layer(x), weights.dense("output_projection", np.stack(outputs, axis=1)), 1e-11)


@pytest.mark.parametrize("name", RECURRENT)
def test_one_step_at_a_time_is_the_sequence(name):
    layer = made(name)
    x = normal(2, LENGTH, WIDTH)
    whole, *end = twin(layer, return_state=True)(x)
    states = None
    for t in range(LENGTH):
        output, states = layer.step(x[:, t], states)
        assert_close(output, whole[:, t], 1e-11)
    for one, other in zip(states, end, strict=True):
        assert_close(one, other, 1e-11)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_sequence_goes_on_from_the_state_it_stopped_in(name):
    layer = twin(made(name), return_state=True)
    x = normal(2, LENGTH, WIDTH)
    whole, *end = layer(x)
    for cut in (1, 4):
        first, *states = layer(x[:, :cut])
        second, *states = layer(x[:, cut:], initial_state=states)
        assert_close(np.concatenate([first, second], axis=1), whole, 1e-11)
        for one, other in zip(states, end, strict=True):
            assert_close(one, other, 1e-11)


@pytest.mark.parametrize("name", RECURRENT)
def test_masked_steps_are_left_out_and_carry_the_state(name):
    layer = twin(made(name), return_state=True)
    x = normal(3, LENGTH, WIDTH)
    mask = np.array([[1, 1, 0, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0]], bool)
    x[~mask] = np.nan
    y, *states = layer(x, mask=mask)
    assert np.isfinite(y).all()
    for i in range(2):
        shorter, *expected = layer(x[i : i + 1, mask[i]])
        assert_close(y[i][mask[i]], shorter[0], 1e-11)
        for state, other in zip(states, expected, strict=True):
            assert_close(state[i], other[0], 1e-11)
    assert_close(states[0][2], np.zeros_like(states[0][2]))
    again, *after = layer(normal(3, 2, WIDTH), initial_state=states, mask=np.zeros((3, 2), bool))
    assert np.isfinite(again).all()
    named = layer(x[:1, :2], initial_state=[s[2:] for s in states])[0]
    assert_close(named, layer(x[:1, :2])[0], 1e-11)  # Nothing seen is no state.
    for state, other in list(zip(states, after, strict=True))[1:]:
        assert_close(state[:2], other[:2], 1e-11)


@pytest.mark.parametrize("name", ALL)
def test_a_mask_at_the_end_is_a_shorter_sequence(name):
    layer = made(name)
    x = normal(2, LENGTH, WIDTH)
    expected = layer(x[:, :5])
    x[:, 5:] = np.nan
    mask = np.array([[True] * 5 + [False] * 2] * 2)
    assert_close(layer(x, mask=mask)[:, :5], expected, 1e-11)


@pytest.mark.parametrize("name", CAUSAL)
def test_does_not_see_the_future(name):
    layer = made(name)
    x = normal(1, LENGTH, WIDTH)
    other = x.copy()
    other[:, 4:] = 3.0
    one, two = layer(x), layer(other)
    assert_close(one[:, :4], two[:, :4])
    assert np.abs(one[:, 4:] - two[:, 4:]).max() > 0.01


@pytest.mark.parametrize("name", ALL)
def test_lengths_batches_and_unknown_ones(name):
    layer = made(name)
    specs = [tf.TensorSpec((None, None, WIDTH), "float64")]
    for jit, sizes in ((False, ((1, 1), (2, 5), (1, 9))), (True, ((2, 5),))):
        traced = tf.function(
            lambda x: layer(x), input_signature=specs, jit_compile=jit, autograph=False
        )
        for batch, length in sizes:
            x = normal(batch, length, WIDTH)
            assert_close(traced(tf.constant(x)), layer(x), 1e-11)


def permuted(layer):
    x, order = normal(2, LENGTH, WIDTH), np.random.default_rng(1).permutation(LENGTH)
    assert_close(layer(x[:, order]), layer(x).numpy()[:, order])


def test_without_positions_a_permutation_goes_through():
    permuted(made("simple-both"))
    layer = PolySelfAttention(2)
    layer.build((None, LENGTH, WIDTH))
    permuted(layer)
    layer.pooling.assign(normal(LENGTH, 2))
    with pytest.raises(AssertionError):
        permuted(layer)


def test_poly_self_attention_is_the_equation():
    layer = PolySelfAttention(2)
    x = normal(2, 5, WIDTH)
    layer.build(x.shape)
    for i, weight in enumerate(layer.trainable_weights):
        weight.assign(normal(*weight.shape, seed=i))
    weights = Weights(layer)
    mask = np.array([[True] * 5, [True, True, False, True, False]])
    q, k, v = (p.reshape(2, 5, 2, 3) for p in np.split(weights.dense("projection", x), 3, axis=-1))
    pooled = np.einsum("bnhd,nh,bn->bhd", k * v, weights["pooling"], mask)
    pooled -= pooled.mean(-1, keepdims=True)
    pooled /= np.sqrt((pooled**2).mean(-1, keepdims=True) + 1e-5)
    pooled = pooled * weights["norm/gamma"] + weights["norm/beta"]
    mixed = q * weights["position"][..., None] * pooled[:, None]
    expected = weights.dense("output_projection", mixed.reshape(2, 5, WIDTH))
    x[1, 2] = np.nan
    assert_close(np.asarray(layer(x, mask=mask))[mask], expected[mask])


def test_local_is_full_with_zeros_beyond_the_window():
    local = made("local-both")
    full = made("full-both")
    table = of_pairs(Weights(local), 9, 1)[..., 0]
    weights = {v.path.partition("/")[2]: v for v in local.trainable_weights}
    for weight in full.trainable_weights:
        path = weight.path.partition("/")[2]
        weight.assign(table if path == "position" else weights[path])
    x = normal(2, LENGTH, WIDTH)
    assert_close(local(x), full(x))


@pytest.mark.parametrize(
    ("make", "length", "message"),
    [
        (lambda: PolySelfAttention(), 8, "7 positions"),
        (lambda: AFT(), 8, "max_length=7"),
        (lambda: AFT(position_bias="local", max_length=7), 8, "max_length=7"),
        (lambda: HyenaOperator(7), 8, "max_length=7"),
        (lambda: MonarchMixer(7), 8, "max_length=7"),
    ],
)
def test_another_length_is_refused(make, length, message):
    layer = make()
    layer(normal(1, 7, 4))
    with pytest.raises(ValueError, match=message):
        layer(normal(1, length, 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: PolySelfAttention(5)(x), "`heads`"),
        (lambda x: PolySelfAttention()(keras.Input((None, 4))), "both known"),
        (lambda x: AFT(position_bias="ful")(x), "did you mean 'full'"),
        (lambda x: AFT()(keras.Input((None, 4))), "`max_length`"),
        (lambda x: AFT(position_bias="conv", heads=3)(x), "`heads`"),
        (lambda x: AFT().step(x[:, 0]), "form with states"),
        (lambda x: AFT(causal=True, return_state=True)(x), "form with states"),
        (lambda x: H3(3)(x), "`state_size`"),
        (lambda x: H3(causal=False)(x), "`causal`"),
        (lambda x: H3(4, head_size=3)(x), "`head_size`"),
        (lambda x: H3(4)(x, initial_state=[x, x]), "list of 3"),
        (lambda x: HyenaOperator(order=1)(x), "`order`"),
        (lambda x: HyenaOperator(bands=0)(x), "`bands`"),
        (lambda x: MonarchMixer(0)(x), "`max_length`"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make(normal(2, 7, 4))


@pytest.mark.parametrize("name", ["simple", "local", "h3"])
def test_an_exported_model_goes_on_step_by_step(name, tmp_path):
    layer = twin(made(name), return_state=True)
    shapes = layer.state_shapes(WIDTH)
    inputs = [keras.Input(shape, dtype="float64") for shape in ((1, WIDTH), *shapes)]
    model = keras.Model(inputs, layer(inputs[0], initial_state=inputs[1:]))
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    x, states = normal(2, 4, WIDTH), layer.get_initial_state(2)
    for t in range(4):
        output, *states = loaded.serve([tf.constant(x[:, t : t + 1]), *states])
        assert_close(output[:, 0], layer(x)[0][:, t], 1e-11)
