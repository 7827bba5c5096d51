"""depthwise_conv2d against its sum, in both of its forms."""

from types import SimpleNamespace

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

from keras_hadamard.config import eager_compile_scope
from keras_hadamard.ops import _depthwise, depthwise_conv2d
from keras_hadamard.ops._xla import compiles_for_cpu


def reference(x, kernel, strides=1, padding="same", dilation=1):
    kernel = kernel.reshape(kernel.shape[:3])
    reach = [dilation * (n - 1) for n in kernel.shape[:2]]
    if padding == "same":
        x = np.pad(x, [(0, 0), *((r // 2, r - r // 2) for r in reach), (0, 0)])
    size = [(n - r - 1) // strides + 1 for n, r in zip(x.shape[1:3], reach, strict=True)]
    y = np.zeros((len(x), *size, x.shape[-1]))
    for h in range(size[0]):
        for w in range(size[1]):
            top, left = h * strides, w * strides
            seen = x[:, top : top + reach[0] + 1 : dilation, left : left + reach[1] + 1 : dilation]
            y[:, h, w] = (seen * kernel).sum((1, 2))
    return y


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CONFIGURATIONS = [
    ((2, 5, 4, 3), (3, 3), {}),
    ((1, 4, 5, 2), (7, 5), {}),
    ((2, 5, 4, 2), (2, 4), {}),
    ((2, 6, 5, 2), (3, 1), {"strides": 2}),
    ((1, 7, 8, 2), (3, 5), {"strides": 3}),
    ((1, 5, 6, 2), (2, 2), {"strides": 2, "padding": "valid"}),
    ((2, 5, 4, 2), (3, 2), {"padding": "valid"}),
    ((1, 7, 6, 2), (3, 3), {"dilation": 2}),
    ((1, 7, 6, 2), (3, 2), {"dilation": 3, "padding": "valid"}),
    ((1, 1, 1, 3), (3, 3), {}),
    # More taps than one fused sum holds.
    ((1, 4, 5, 1), (9, 7), {}),
    ((1, 7, 6, 1), (5, 11), {"strides": 2}),
    ((1, 9, 8, 1), (8, 7), {"dilation": 2}),
]
EACH = pytest.mark.parametrize(("shape", "size", "options"), CONFIGURATIONS)


@EACH
def test_equals_the_sum(shape, size, options):
    x, kernel = normal(*shape), normal(*size, shape[-1], seed=1)
    check_forward(depthwise_conv2d, (x, kernel), reference(x, kernel, **options), **options)


def test_a_kernel_of_rank_three_is_one_of_rank_four():
    x, kernel = normal(2, 5, 4, 3), normal(3, 3, 3, seed=1)
    assert_near(depthwise_conv2d(x, kernel[..., None]), reference(x, kernel), 1e-12)


@EACH
def test_gradients(shape, size, options):
    tensors = normal(*shape), normal(*size, shape[-1], 1, seed=1)
    check_gradients(depthwise_conv2d, tensors, **options)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize(
    ("shape", "size", "options"),
    [
        ((2, 9, 70, 3), (3, 5), {}),
        ((2, 9, 70, 3), (3, 5), {"strides": 2}),
        ((3, 31, 6, 2), (3, 5), {"dilation": 2}),
        ((3, 31, 1, 2), (3, 1), {}),
        ((2, 9, 70, 3), (11, 8), {}),
        ((0, 5, 5, 2), (3, 5), {}),
        ((0, 5, 5, 2), (3, 5), {"dilation": 2}),
    ],
)
def test_unknown_sizes_and_wide_images_have_the_same_gradients(shape, size, options, jit):
    # Blocks of rows and columns that do not divide the image, known and unknown.
    x, kernel = tf.constant(normal(*shape)), tf.constant(normal(*size, shape[-1], seed=1))

    def run(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = depthwise_conv2d(x, kernel, **options)
            loss = tf.reduce_sum(y * y)
        return y, *tape.gradient(loss, [x, kernel])

    expected = tf.function(run, autograph=False)(x, kernel)
    assert_near(expected[0], reference(x.numpy(), kernel.numpy(), **options), 1e-12)
    for sizes in ((None, None, None), (None, None, shape[2]), shape[:3]):
        specs = tf.TensorSpec((*sizes, shape[-1]), "float64"), tf.TensorSpec.from_tensor(kernel)
        function = tf.function(run, specs, jit_compile=jit, autograph=False)
        for got, want in zip(function(x, kernel), expected, strict=True):
            assert_near(got, want, 1e-12)


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"dilation": 2}])
def test_where_an_accelerator_is_seen_xla_takes_its_own_convolution(options, monkeypatch):
    monkeypatch.setattr(_depthwise, "compiles_for_cpu", lambda x: False)
    x, kernel = tf.constant(normal(2, 5, 6, 3)), tf.constant(normal(3, 3, 3, seed=1))

    def run(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = depthwise_conv2d(x, kernel, **options)
        return y, *tape.gradient(y, [x, kernel])

    graph, xla = (tf.function(run, jit_compile=jit, autograph=False) for jit in (False, True))
    text = tf.function(run, jit_compile=True, autograph=False).experimental_get_compiler_ir(
        x, kernel
    )()
    assert "convolution" in text
    for got, want in zip(xla(x, kernel), graph(x, kernel), strict=True):
        assert_near(got, want, 1e-12)


def test_a_tensor_placed_on_a_cpu_is_compiled_for_it(monkeypatch):
    seen = {}

    def run(x):
        with tf.device("CPU:0"):
            placed = tf.identity(x)
        seen.update(placed=compiles_for_cpu(placed), free=compiles_for_cpu(x))
        return placed

    for kind, free in (("CPU", True), ("GPU", False), ("TPU", False)):
        devices = [SimpleNamespace(device_type="CPU"), SimpleNamespace(device_type=kind)]
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda devices=devices: devices)
        tf.function(run, autograph=False).get_concrete_function(tf.TensorSpec((2,)))
        assert seen == {"placed": True, "free": free}


def test_xla_on_a_cpu_has_no_convolution():
    function = tf.function(lambda x, k: gradients_of(x, k), jit_compile=True, autograph=False)
    x, kernel = tf.constant(normal(2, 5, 6, 3)), tf.constant(normal(3, 3, 3, seed=1))
    assert "convolution" not in function.experimental_get_compiler_ir(x, kernel)()


def gradients_of(x, kernel):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = depthwise_conv2d(x, kernel)
    return tape.gradient(y, [x, kernel])


def test_in_functional_models(tmp_path):
    tensors = normal(3, 5, 4, 2), normal(3, 3, 2, 1, seed=1)
    check_symbolic(
        lambda x: depthwise_conv2d(x, tensors[1].astype("float32")), tensors[:1], tmp_path
    )


@pytest.mark.parametrize("mode", MODES)
def test_float16_sums_in_float32(mode):
    # 49 products of 2000 pass the largest float16 on the way to a sum of zero.
    kernel = np.ones((7, 7, 1), "float16")
    kernel.ravel()[25:] = -1
    kernel[0, 0] = 0
    x = np.full((1, 7, 7, 1), 6000, "float16")
    y = MODES[mode](lambda x: depthwise_conv2d(x, kernel, padding="valid"))(tf.constant(x))
    assert float(tf.squeeze(y)) == 0


@pytest.mark.parametrize("mode", MODES)
def test_gradients_at_zero_and_at_huge_input(mode):
    for value in (0.0, 1e30):
        grads = gradients(
            depthwise_conv2d,
            np.full((1, 3, 3, 2), value, "float32"),
            np.ones((3, 3, 2), "float32"),
            mode=mode,
        )
        assert all(np.isfinite(g).all() for g in grads)


@pytest.mark.parametrize(
    ("shape", "size", "options", "message"),
    [
        ((2, 5, 3), (3, 3, 3), {}, "channels"),
        ((2, 5, 5, 3), (3, 3, 2), {}, "channels"),
        ((2, 5, 5, 3), (3, 3, 3, 2), {}, "channels"),
        ((2, 5, 5, 3), (3, 3, 3), {"strides": 0}, "`strides`"),
        ((2, 5, 5, 3), (3, 3, 3), {"padding": "full"}, "`padding`"),
        ((2, 5, 5, 3), (3, 3, 3), {"strides": 2, "dilation": 2}, "`strides` or `dilation`"),
        ((2, 2, 5, 3), (3, 3, 3), {"padding": "valid"}, "smaller"),
    ],
)
def test_errors(shape, size, options, message):
    with pytest.raises(ValueError, match=message):
        depthwise_conv2d(np.ones(shape), np.ones(size), **options)


def test_an_empty_batch_has_the_shape_of_any_other():
    x, kernel = tf.zeros((0, 9, 7, 2)), tf.ones((3, 4, 2, 1))
    with eager_compile_scope(False):
        assert depthwise_conv2d(x, kernel, padding="valid").shape == (0, 7, 4, 2)
