"""causal_long_conv against the sum that its equation is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import (
    MODES,
    assert_near,
    check_forward,
    check_gradients,
    check_symbolic,
    gradients,
)
from harness.versions import needs

from keras_hadamard.ops import causal_long_conv
from keras_hadamard.ops._long_conv import _smooth, long_conv


def reference(x, kernel, later=0):
    y, length = np.zeros(x.shape), x.shape[1]
    for t in range(length):
        for s, tap in enumerate(kernel):
            if 0 <= t + later - s < length:
                y[:, t] += tap * x[:, t + later - s]
    return y


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


METHOD = pytest.mark.parametrize("method", ["fft", "direct"])


@pytest.mark.parametrize(
    ("method", "length", "taps"),
    [("fft", 5, 5), ("fft", 4, 2), ("fft", 3, 6), ("fft", 1, 1), ("direct", 5, 3)],
)
def test_equals_the_sum_with_gradients(method, length, taps):
    x, kernel = normal(2, length, 2), normal(taps, 2, seed=1)
    check_forward(causal_long_conv, (x, kernel), reference(x, kernel), method=method)
    check_gradients(causal_long_conv, (x, kernel), method=method)


@METHOD
def test_in_functional_models(tmp_path, method):
    kernel = tf.constant(normal(7, 5, seed=1), "float32")
    check_symbolic(
        lambda x, **options: causal_long_conv(x, kernel, **options),
        (normal(3, 7, 5),),
        tmp_path,
        method=method,
    )


@pytest.mark.parametrize(("method", "taps"), [("fft", 3), ("fft", 9), ("direct", 4)])
def test_centred_sees_both_sides(method, taps):
    x, kernel = normal(2, 5, 2), normal(taps, 2, seed=1)
    expected = reference(x, kernel, (taps - 1) // 2)
    check_forward(long_conv, (x, kernel), expected, centred=True, method=method)
    check_gradients(long_conv, (x, kernel), centred=True, method=method)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("length", [31, 499, 1024])
def test_long_sequences(mode, length):
    x, kernel = normal(1, length, 2), normal(length, 2, seed=1)
    conv = MODES[mode](causal_long_conv)
    expected = np.stack(
        [np.convolve(x[0, :, c], kernel[:, c])[:length] for c in range(2)], axis=-1
    )[None]
    assert_near(conv(tf.constant(x), tf.constant(kernel)), expected, 1e-12)


@pytest.mark.parametrize("jit", [False, True])
def test_unknown_batch_and_length(jit):
    def run(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = causal_long_conv(x, kernel)
        return y, *tape.gradient(y, [x, kernel])

    signature = [tf.TensorSpec(s, "float64") for s in ((None, None, 3), (None, 3))]
    traced = tf.function(run, input_signature=signature, jit_compile=jit, autograph=False)
    for batch, length in ((2, 7), (1, 4), *([] if jit else [(0, 4)])):
        x, kernel = tf.constant(normal(batch, length, 3)), tf.constant(normal(length, 3, seed=1))
        for got, expected in zip(traced(x, kernel), run(x, kernel), strict=True):
            assert_near(got, expected, 1e-12)
        assert_near(traced(x, kernel)[0], reference(x.numpy(), kernel.numpy()), 1e-12)


@METHOD
def test_does_not_see_the_future(method):
    x, kernel = normal(1, 20, 2), normal(20, 2, seed=1)
    other = x.copy()
    other[:, 12:] = 5.0
    one, two = (causal_long_conv(v, kernel, method=method) for v in (x, other))
    assert_near(one[:, :12], two[:, :12], 1e-12)
    assert np.abs(one[:, 12:] - two[:, 12:]).min() > 0.01


@pytest.mark.parametrize("mode", MODES)
def test_gradients_at_zero(mode):
    x, kernel = np.zeros((2, 6, 3)), np.zeros((6, 3))
    for grad in gradients(causal_long_conv, x, kernel, mode=mode):
        np.testing.assert_array_equal(grad, np.zeros_like(grad))


def test_sizes_are_even_and_without_large_factors():
    for size in range(1, 700):
        smooth = _smooth(size)
        assert size <= smooth and smooth % 2 == 0 and 3 * smooth <= max(6, 4 * size)
        for prime in (2, 3, 5):
            while smooth % prime == 0:
                smooth //= prime
        assert smooth == 1


def test_half_precision_is_float32_inside():
    # A float16 sum would stop growing at 2048, where adding one no longer changes it.
    x, kernel = np.ones((1, 3000, 1), "float16"), np.ones((3000, 1), "float16")
    assert float(causal_long_conv(x, kernel)[0, -1, 0]) == 3000.0


@pytest.mark.filterwarnings("ignore::UserWarning")  # TensorFlow moves its interpreter elsewhere.
@needs("keras", "3.15", "its export to LiteRT")
def test_litert_runs_the_direct_form(tmp_path):
    kernel = tf.constant(normal(8, 3, seed=1), "float32")
    x = normal(1, 8, 3).astype("float32")
    inputs = keras.Input((8, 3), batch_size=1)
    model = keras.Model(inputs, causal_long_conv(inputs, kernel, method="direct"))
    model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(str(tmp_path / "model.tflite"))
    interpreter.allocate_tensors()  # Which refuses what is not built in.
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert_near(got, reference(x, kernel.numpy()), 2e-6)


@pytest.mark.parametrize(
    ("x", "kernel", "options", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 3)), {}, "channels"),
        (np.ones((2, 4, 3)), np.ones((4, 2)), {}, "channels"),
        (np.ones((2, 4, 3)), np.ones((2, 4, 3)), {}, "taps"),
        (np.ones((2, 4, 3)), np.ones((0, 3)), {}, "one tap"),
        (np.ones((2, 4, 3)), np.ones((4, 3)), {"method": "ftt"}, "did you mean 'fft'"),
        (np.ones((2, 4, 3), int), np.ones((4, 3), int), {}, "floating"),
        (np.ones((2, 4, 3), "float32"), np.ones((4, 3)), {}, "one floating"),
    ],
)
def test_errors(x, kernel, options, message):
    with pytest.raises(ValueError, match=message):
        causal_long_conv(x, kernel, **options)
