"""Properties of the recurrences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.layer_cases import all_cases
from harness.properties import assert_close, float64, normal  # noqa: F401

from keras_hadamard.activations import min_gru_g
from keras_hadamard.layers import (
    HGRN,
    QRNN,
    RGLRU,
    SRU,
    MinGRU,
    MinLSTM,
    MultiplicativeLSTM,
)
from keras_hadamard.layers.modulation._recurrent import RecurrentLayer

CASES = {
    name: case
    for name, case in all_cases().items()
    if isinstance(case.make, type) and issubclass(case.make, RecurrentLayer)
}
EVERY = pytest.mark.parametrize("name", CASES)
LINEAR = [n for n in CASES if "peephole" not in n and "Multiplicative" not in n]


def made(name, **kwargs):
    """A layer of a case with weights that are nowhere zero."""
    layer = CASES[name].build(**{"go_backwards": False, "dropout": 0.0, **kwargs})
    layer.build((2, None, 5))
    for i, weight in enumerate(layer.trainable_weights):
        weight.assign(normal(*weight.shape, seed=10 + i) / 2)
    return layer


def twin(layer, **kwargs):
    """The same layer with other options and the same weights."""
    other = type(layer).from_config({**layer.get_config(), **kwargs, "name": None})
    other.build((2, None, 5))
    for mine, weight in zip(other.trainable_weights, layer.trainable_weights, strict=True):
        mine.assign(weight)
    return other


# Float64 references, written step by step from the papers.


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.log1p(np.exp(x))


def positive_of(x):
    return np.where(x >= 0, x + 0.5, sigmoid(x))


ACTIVATIONS = {
    "min_gru_g": positive_of,
    "linear": lambda x: x,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}


class Weights(dict):
    """Weights by their paths, and the dense layers that they are."""

    def __init__(self, layer):
        weights = layer.trainable_weights
        super().__init__({v.path.partition("/")[2]: np.asarray(v) for v in weights})
        self.config = layer.get_config()
        self.activation = getattr(getattr(layer, "activation", None), "__name__", None)

    def dense(self, name, x, parts=1):
        y = x @ self[f"{name}/kernel"] + self.get(f"{name}/bias", 0)
        return np.split(y, parts, axis=-1) if parts > 1 else y

    def act(self, x):
        return ACTIVATIONS[self.activation](x)


def min_gru(w, x, h):
    candidate, gate = w.dense("projection", x, 2)
    z = sigmoid(gate)
    h = (1 - z) * h + z * w.act(candidate)
    return h, h


def min_lstm(w, x, h):
    candidate, forget, enter = w.dense("projection", x, 3)
    f, i = sigmoid(forget), sigmoid(enter)
    h = f / (f + i) * h + i / (f + i) * w.act(candidate)
    return h, h


def hgrn(w, x, h):
    enter, forget, *output = w.dense("projection", x, 3 if w.config["output_gate"] else 2)
    low, high = np.broadcast_to(w.config["lower_bound"], 2)
    bound = low + (high - low) * sigmoid(w["bound"]) if "bound" in w else low
    f = bound + (1 - bound) * sigmoid(forget)
    h = f * h + (1 - f) * silu(enter)
    if not output:
        return h, h
    norm = h / np.sqrt(np.mean(h**2, -1, keepdims=True) + 1e-5) * w["norm/scale"]
    return w.dense("output_projection", norm * silu(output[0])), h


def rglru(w, x, h):
    if w.config["units"]:
        x = w.dense("projection", x)
    blocks = np.split(x, w.config["heads"], axis=-1)
    kernel, bias = w["gate_projection/kernel"], w["gate_projection/bias"]
    gates = [sigmoid(b @ k + c) for b, k, c in zip(blocks, kernel, bias, strict=True)]
    r, i = (np.concatenate([np.split(g, 2, -1)[j] for g in gates], -1) for j in (0, 1))
    a = sigmoid(-w["decay"]) ** (8 * r)
    h = a * h + np.sqrt(1 - a**2) * i * x
    return h, h


def qrnn(w, window, c):
    pooling = w.config["pooling"]
    z, f, *rest = w.dense("projection", window, 1 + len(pooling))
    f = sigmoid(f)
    i = sigmoid(rest.pop()) if pooling == "ifo" else 1 - f
    c = f * c + i * w.act(z)
    return (sigmoid(rest[0]) * c if rest else c), c


def sru(w, x, c):
    units = w.config["units"]
    forget, reset = w.dense("gate_projection", x, 2)
    candidate = w.dense("projection", x)
    candidate, highway = candidate[:, :units], candidate[:, units:]
    highway = highway if highway.size else x
    if w.config["rescale"]:
        highway = highway * np.sqrt(1 + 2 * np.exp(w.config["highway_bias"]))
    if w.config["peephole"]:
        forget, reset = forget + w["peepholes"][0] * c, reset + w["peepholes"][1] * c
    f, r = sigmoid(forget), sigmoid(reset)
    c = f * c + (1 - f) * candidate
    return r * w.act(c) + (1 - r) * highway, c


def multiplicative_lstm(w, x, states):
    h, c = states
    m = w.dense("factor_projection", x) * (h @ w["factor_recurrent_kernel"])
    gates = w.dense("projection", x) + m @ w["recurrent_kernel"]
    candidate, i, f, o = np.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * w.act(candidate)
    o = sigmoid(o)
    h = np.tanh(o * c) if w.config["gate_inside"] else o * np.tanh(c)
    return h, (h, c)


STEPS = {
    MinGRU: min_gru,
    MinLSTM: min_lstm,
    HGRN: hgrn,
    RGLRU: rglru,
    QRNN: qrnn,
    SRU: sru,
    MultiplicativeLSTM: multiplicative_lstm,
}


def reference(layer, x):
    step, weights, outputs = STEPS[type(layer)], Weights(layer), []
    zeros = np.zeros((len(x), layer.state_size[0]))
    state = (zeros, zeros) if isinstance(layer, MultiplicativeLSTM) else zeros
    window = getattr(layer, "window", 1)
    before = [np.zeros_like(x[:, 0])] * window
    for t in range(x.shape[1]):
        before = [x[:, t], *before[:-1]]
        output, state = step(weights, np.concatenate(before, axis=-1), state)
        outputs.append(output)
    return np.stack(outputs, axis=1), state


@EVERY
def test_equals_the_papers_equation(name):
    layer = made(name, return_sequences=True, return_state=True)
    x = normal(2, 6, 5)
    expected, state = reference(layer, x)
    y, *states = layer(x)
    assert_close(y, expected)
    assert_close(states[0], state[0] if isinstance(state, tuple) else state)
    last, *_ = twin(layer, return_sequences=False)(x)
    assert_close(last, expected[:, -1])


@EVERY
def test_one_step_at_a_time_is_the_sequence(name):
    layer = made(name, return_sequences=True, return_state=True)
    x = normal(2, 6, 5)
    whole, *last = layer(x)
    states, of_length_one = None, None
    for t in range(6):
        output, states = layer.step(x[:, t], states)
        assert_close(output, whole[:, t])
        again, *of_length_one = layer(x[:, t : t + 1], initial_state=of_length_one)
        assert_close(again[:, 0], whole[:, t])
    assert len(states) == len(last) == len(layer.state_size)
    for one, two, three in zip(states, of_length_one, last, strict=True):
        assert_close(one, three)
        assert_close(two, three)


@EVERY
def test_a_sequence_goes_on_from_the_state_it_stopped_in(name):
    layer = made(name, return_sequences=True, return_state=True)
    x = normal(2, 7, 5)
    whole, *last = layer(x)
    first, *states = layer(x[:, :3])
    second, *states = layer(x[:, 3:], initial_state=states)
    assert_close(np.concatenate([first, second], axis=1), whole)
    for state, expected in zip(states, last, strict=True):
        assert_close(state, expected)


@EVERY
def test_stateful_is_one_long_sequence(name):
    layer = made(name, return_sequences=True)
    kept = twin(layer, stateful=True)
    x = normal(2, 7, 5)
    for _ in range(2):
        parts = [np.asarray(kept(part)) for part in (x[:, :3], x[:, 3:4], x[:, 4:])]
        assert_close(np.concatenate(parts, axis=1), layer(x))
        kept.step(x[:, 0])  # Which changes nothing of what is kept.
        kept.reset_state()
    assert all(v.dtype == "float64" for v in kept.states)


@EVERY
def test_masked_steps_are_left_out(name):
    layer = made(name, return_sequences=True, return_state=True)
    x = normal(3, 6, 5)
    mask = np.array([[1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 1, 1], [1, 0, 0, 0, 1, 1]], bool)
    x[~mask] = np.nan
    y, *states = layer(x, mask=mask)
    last, *_ = twin(layer, return_sequences=False)(x, mask=mask)
    for row, keep in enumerate(mask):
        short, *after = layer(x[row : row + 1, keep])
        assert_close(np.asarray(y)[row, keep], short[0])
        assert_close(np.asarray(y)[row, -1], short[0, -1])
        assert_close(np.asarray(last)[row], short[0, -1])
        for state, expected in zip(states, after, strict=True):
            assert_close(np.asarray(state)[row], expected[0])
    assert_close(np.asarray(y)[1, 0], np.zeros(y.shape[-1]))
    assert_close(np.asarray(y)[2, 1], np.asarray(y)[2, 0])


@EVERY
def test_a_mask_of_ones_changes_nothing(name):
    layer = made(name, return_sequences=True)
    x = normal(2, 6, 5)
    assert_close(layer(x, mask=np.ones((2, 6), bool)), layer(x), 0.0)


@EVERY
def test_gradients_are_finite_behind_a_mask(name):
    layer = made(name)
    x = tf.constant(np.full((2, 4, 5), np.nan))
    x = tf.concat([normal(2, 2, 5), x], axis=1)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x, mask=np.array([[True] * 2 + [False] * 4] * 2)))
    for gradient in tape.gradient(y, [v.value for v in layer.trainable_variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


@EVERY
def test_backwards_is_forwards_on_the_flipped_sequence(name):
    layer = made(name, return_sequences=True, return_state=True)
    x, mask = normal(2, 6, 5), normal(2, 6, seed=1) > -0.5
    for given in ({}, {"mask": mask}):
        flipped = {key: value[:, ::-1] for key, value in given.items()}
        forwards, *last = layer(x[:, ::-1], **flipped)
        backwards, *states = twin(layer, go_backwards=True)(x, **given)
        assert_close(backwards, forwards, 0.0)
        for state, expected in zip(states, last, strict=True):
            assert_close(state, expected, 0.0)


@EVERY
def test_bidirectional_wraps_it(name):
    x, mask = normal(2, 6, 5), np.array([[1, 1, 1, 1, 0, 0], [1] * 6], bool)
    layer = made(name, return_sequences=True, return_state=True)
    both = keras.layers.Bidirectional(layer)
    y, *states = both(x, mask=mask)
    width = y.shape[-1] // 2
    assert_close(y[..., :width], both.forward_layer(x, mask=mask)[0])
    backwards = both.backward_layer(x, mask=mask)[0]
    assert_close(y[..., width:], np.asarray(backwards)[:, ::-1])
    assert len(states) == 2 * len(layer.state_size)
    again, *_ = both(x[:, :4], initial_state=states)
    assert again.shape == (2, 4, 2 * width)


def test_bidirectional_in_a_file(tmp_path):
    inputs = keras.Input((None, 5))
    model = keras.Model(inputs, keras.layers.Bidirectional(QRNN(4), merge_mode="sum")(inputs))
    model.save(tmp_path / "model.keras")
    x = normal(2, 6, 5)
    assert_close(keras.models.load_model(tmp_path / "model.keras")(x), model(x), 0.0)


@pytest.mark.parametrize("name", [n for n in CASES if "-" not in n])
def test_serves_token_by_token(name, tmp_path):
    """A model of one step, its states among inputs and outputs."""
    layer = made(name, return_sequences=False, return_state=True)
    token = keras.Input((1, 5), dtype="float64")
    states = [keras.Input((n,), dtype="float64") for n in layer.state_size]
    model = keras.Model([token, *states], layer(token, initial_state=states))
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    x = normal(2, 6, 5)
    states = layer.get_initial_state(2)
    for t in range(6):
        output, *states = loaded.serve([tf.constant(x[:, t : t + 1]), *states])
    assert_close(output, layer(x)[0])


@pytest.mark.parametrize("length", [None, 20, 150])
@pytest.mark.filterwarnings("ignore::UserWarning")  # TensorFlow moves its interpreter elsewhere.
def test_runs_in_lite_rt_without_more_operations(length, tmp_path):
    keras.config.set_dtype_policy("float32")
    inputs = keras.Input((length, 5))
    model = keras.Model(inputs, MinGRU(4, return_sequences=True)(inputs))
    path = str(tmp_path / "model.tflite")
    model.export(path, format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(path)
    x = normal(2, length or 150, 5).astype("float32")
    interpreter.resize_tensor_input(0, x.shape)
    interpreter.allocate_tensors()  # Which refuses what is not built in.
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert_close(got, model(x), 1e-5)


def test_a_state_of_its_own_width_or_an_error():
    x = normal(2, 6, 5)
    for state, message in (
        (np.zeros((2, 3)), r"\(batch, 4\)"),
        (np.zeros((2, 1, 4)), r"\(batch, 4\)"),
        ([np.zeros((2, 4))] * 2, "one tensor"),
    ):
        with pytest.raises(ValueError, match=message):
            MinGRU(4)(x, initial_state=state)
        with pytest.raises(ValueError, match=message):
            MinGRU(4).step(x[:, 0], state)
    with pytest.raises(ValueError, match="a list of 2"):
        QRNN(4)(x, initial_state=np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"\(batch, 5\)"):
        QRNN(4)(x, initial_state=[np.zeros((2, 4))] * 2)


def test_a_mask_of_its_own_length_or_an_error():
    x = normal(2, 6, 5)
    for mask in (np.ones((2, 5), bool), np.ones((2, 6, 1), bool)):
        with pytest.raises(ValueError, match=r"`mask` to be \(batch, 6\)"):
            MinGRU(4)(x, mask=mask)


def test_a_stateful_layer_needs_to_know_the_batch():
    with pytest.raises(ValueError, match="known batch"):
        MinGRU(4, stateful=True)(keras.Input((6, 5)))
    layer = MinGRU(4, stateful=True)
    layer(normal(2, 6, 5))
    with pytest.raises(ValueError, match="batch of 2"):
        layer(normal(3, 6, 5))


@pytest.mark.parametrize(
    "make",
    [
        lambda: MinGRU(None),
        lambda: MinLSTM(0),
        lambda: MinGRU(4, dropout=1.0),
        lambda: HGRN(4, lower_bound=1.0),
        lambda: HGRN(4, lower_bound=(0.5, 0.25)),
        lambda: HGRN(4, lower_bound=(0.5,)),
        lambda: HGRN(4, lower_bound="half"),
        lambda: RGLRU(heads=0),
        lambda: RGLRU(decay_range=(0.0, 0.5)),
        lambda: RGLRU(4, heads=3)(normal(2, 6, 5)),
        lambda: QRNN(4, window=0),
        lambda: QRNN(4, pooling="of"),
        lambda: MultiplicativeLSTM(1.5),
    ],
)
def test_arguments_out_of_range(make):
    with pytest.raises(ValueError, match="Received: "):
        make()


@EVERY
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_states_are_float32_under_16_bits(name, policy):
    keras.config.set_dtype_policy(policy)
    layer = CASES[name].build(return_state=True, stateful=True)
    x = normal(2, 6, 5)
    output, *states = layer(x)
    symbolic = layer(keras.Input(batch_shape=(2, 6, 5)))
    dtypes = [keras.backend.standardize_dtype(y.dtype) for y in (output, *states)]
    assert dtypes == [policy.removeprefix("mixed_"), *["float32"] * len(states)]
    assert [y.dtype for y in symbolic] == dtypes
    assert [y.shape for y in symbolic] == [tuple(y.shape) for y in (output, *states)]
    assert {v.dtype for v in layer.states} == {"float32"}


def test_dropout_is_one_draw_for_all_steps():
    layer = MinGRU(4, activation=None, dropout=0.5, seed=1, use_bias=False, return_sequences=True)
    x = np.ones((64, 3, 5))
    dropped = np.asarray(layer.drop(keras.ops.convert_to_tensor(x), training=True))
    assert (dropped == dropped[:, :1]).all() and set(np.unique(dropped)) == {0.0, 2.0}
    y, still = layer(x, training=True), layer(x)
    assert np.abs(np.asarray(y) - still).max() > 0.01
    assert_close(still, twin(layer, dropout=0.0)(x, training=True))


# What the papers say of their own.


@pytest.mark.parametrize("layer", [MinGRU, MinLSTM])
def test_the_log_space_form_of_the_authors_is_this_one(layer):
    """log h = cumsum(log a) + logcumsumexp(log b - cumsum(log a))."""
    layer = layer(4, return_sequences=True)
    x = normal(2, 50, 5)
    y = layer(x)
    w = Weights(layer)
    if isinstance(layer, MinGRU):
        candidate, gate = w.dense("projection", x, 2)
        log_a, log_z = -softplus(gate), -softplus(-gate)
    else:
        candidate, forget, enter = w.dense("projection", x, 3)
        odds = softplus(-forget) - softplus(-enter)
        log_a, log_z = -softplus(odds), -softplus(-odds)
    total = np.cumsum(log_a, axis=1)
    log_b = log_z + np.log(positive_of(candidate))
    assert_close(y, np.exp(total + np.logaddexp.accumulate(log_b - total, axis=1)))
    # The authors' parallel form puts the state through the activation, their sequential one not.
    h = np.abs(normal(2, 4))
    given = layer(x, initial_state=min_gru_g(keras.ops.convert_to_tensor(h)))
    log_b[:, 0] = np.logaddexp(log_b[:, 0], log_a[:, 0] + np.log(positive_of(h)))
    assert_close(given, np.exp(total + np.logaddexp.accumulate(log_b - total, axis=1)))


def test_gates_of_min_lstm_sum_to_one_where_both_vanish():
    layer = MinLSTM(1, activation=None, return_sequences=True)
    layer.build((None, None, 1))
    layer.set_weights([np.zeros((1, 3)), np.array([1.0, -800.0, -800.0])])
    assert_close(layer(np.zeros((1, 3, 1)))[0, :, 0], [0.5, 0.75, 0.875])


def test_hgrn_without_forgetting_below_its_bound():
    layer = HGRN(4, lower_bound=0.75, output_gate=False, return_sequences=True)
    layer.build((None, None, 5))
    start = np.ones((2, 4))
    y = layer(np.zeros((2, 3, 5)), initial_state=start)
    # At zero input the gate is halfway between bound and one.
    assert_close(y[:, 2], np.full((2, 4), 0.875**3))
    deep = HGRN(4, lower_bound=(0.25, 0.5), output_gate=False)
    deep.build((None, None, 5))
    for value, share in ((-100.0, 0.25), (0.0, 0.375), (100.0, 0.5)):
        deep.bound.assign(np.full(4, value))
        assert_close(
            deep(np.zeros((2, 1, 5)), initial_state=start), np.full((2, 4), (1 + share) / 2)
        )


def test_rglru_starts_with_decays_in_its_range():
    layer = RGLRU(512, decay_range=(0.5, 0.75))
    layer.build((None, None, 5))
    power = sigmoid(-np.asarray(layer.decay)) ** 8
    assert 0.5 <= power.min() < 0.51 and 0.74 < power.max() <= 0.75
    assert abs(power.mean() - 0.625) < 0.01


def test_blocks_of_rglru_do_not_see_one_another():
    layer = RGLRU(heads=2, return_sequences=True)
    x = normal(2, 6, 4)
    y = np.asarray(layer(x))
    x[..., 2:] += 1.0
    assert_close(np.asarray(layer(x))[..., :2], y[..., :2], 0.0)
    kernel = np.asarray(layer.gate_projection.kernel)
    assert len(np.unique(kernel)) == kernel.size


def test_a_closed_gate_of_sru_is_the_highway():
    layer = SRU(5, highway_bias=-800.0, return_sequences=True)
    x = normal(2, 6, 5)
    assert_close(layer(x), x)


def test_sru_without_peepholes_is_the_linear_one():
    layer = made("SRU-peephole", return_sequences=True)
    layer.peepholes.assign(np.zeros((2, 4)))
    plain = twin_without(layer)
    x = normal(2, 6, 5)
    assert_close(layer(x), plain(x))


def twin_without(layer):
    plain = SRU.from_config({**layer.get_config(), "peephole": False})
    plain.build((None, None, 5))
    plain.set_weights([v for v in layer.get_weights() if v.shape != (2, 4)])
    return plain


def test_the_window_of_qrnn_is_causal():
    layer = QRNN(4, window=3, return_sequences=True)
    x = normal(2, 6, 5)
    y = np.asarray(layer(x))
    x[:, 4:] = 7.0
    assert_close(np.asarray(layer(x))[:, :4], y[:, :4], 0.0)
    assert np.abs(np.asarray(layer(x))[:, 4:] - y[:, 4:]).max() > 0.01


# Long sequences, and decays at their ends.

LENGTH = 65_536


LONG = [(name, True) for name in LINEAR if "-" not in name]


@pytest.mark.parametrize(("name", "jit"), [*LONG, ("MinGRU", False)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 30.0])
def test_long_sequences_are_finite(name, jit, scale):
    keras.config.set_dtype_policy("float32")
    layer = made(name)
    for weight in layer.trainable_weights:
        weight.assign(np.asarray(weight) * scale)
    x = tf.constant(normal(1, LENGTH, 5), "float32")

    @tf.function(jit_compile=jit, autograph=False)
    def gradients(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, [x, [v.value for v in layer.trainable_variables]])

    for value in tf.nest.flatten(gradients(x)):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("bias", [-30.0, 30.0])
def test_a_decay_near_one_or_zero_over_a_long_sequence(bias):
    keras.config.set_dtype_policy("float32")
    layer = MinGRU(1, activation=None, return_sequences=True)
    layer.build((None, None, 1))
    layer.set_weights([np.array([[1.0, 0.0]]), np.array([0.0, bias])])
    x = normal(1, LENGTH, 1).astype("float32")
    y = np.asarray(layer(x, initial_state=np.ones((1, 1), "float32")))
    expected = np.ones_like(x) if bias < 0 else x
    assert_close(y, expected, 1e-6)
