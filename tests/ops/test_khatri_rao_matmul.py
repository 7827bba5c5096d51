"""khatri_rao_matmul against the matrix that it does not form."""

import numpy as np
import pytest
import tensorflow as tf
from harness.op_checks import check_forward, check_gradients, check_symbolic, gradients

from keras_hadamard.ops import khatri_rao_matmul
from keras_hadamard.ops._scaled_matmul import BLOCKS, NARROWEST, _blocks, scaled_matmul


def op(x, b1, a1, b2, a2):
    return khatri_rao_matmul(x, (b1, a1), (b2, a2))


def data(lead=(3,), inputs=5, outputs=4, ranks=(2, 3)):
    rng = np.random.default_rng(0)
    shapes = [(*lead, inputs)]
    for rank in ranks:
        shapes += [(inputs, rank), (rank, outputs)]
    return tuple(rng.normal(size=s) for s in shapes)


@pytest.mark.parametrize(
    ("lead", "ranks"), [((3,), (2, 3)), ((2, 3), (1, 1)), ((), (2, 1)), ((0,), (2, 2))]
)
def test_equals_the_formed_matrix_with_gradients(lead, ranks):
    x, b1, a1, b2, a2 = tensors = data(lead, ranks=ranks)
    check_forward(op, tensors, x @ ((b1 @ a1) * (b2 @ a2)))
    check_gradients(op, tensors)


def test_in_functional_models(tmp_path):
    _, *factors = data()
    fixed = [tf.constant(f, "float32") for f in factors]
    check_symbolic(
        lambda x: op(x, *fixed), (np.random.default_rng(1).normal(size=(2, 3, 5)),), tmp_path
    )


def test_the_gradient_in_parts():
    # More than 128 products of a column of each.
    x, b1, a1, b2, a2 = tensors = data((2,), 2, 2, ranks=(3, 45))
    check_forward(op, tensors, x @ ((b1 @ a1) * (b2 @ a2)))
    check_gradients(op, tensors)


def test_a_zero_factor_gives_zeros_and_a_gradient_for_itself_alone():
    x, b1, a1, b2, a2 = data()
    a2 = np.zeros_like(a2)
    assert not np.any(op(x, b1, a1, b2, a2))
    grads = gradients(op, x, b1, a1, b2, a2)
    assert [bool(np.any(g)) for g in grads] == [False, False, False, False, True]


def test_float16_multiplies_factors_in_float32():
    # 300 * 300 overflows float16 on the way to 300 * 300 * 1e-3 * 1e-2.
    tensors = [np.full(s, v, "float16") for s, v in (((1, 1), 1), ((1, 1), 300), ((1, 1), 0.01))]
    y = op(*tensors, np.full((1, 1), 300, "float16"), np.full((1, 1), 0.001, "float16"))
    assert abs(float(y[0, 0]) - 0.9) < 2e-3


def test_the_matrix_is_formed_in_neither_direction():
    """No tensor of the traced forward and gradient is as large as the matrix."""
    inputs, outputs, rows = 64, 96, 4
    tensors = [tf.constant(t, "float32") for t in data((rows,), inputs, outputs)]

    @tf.function(autograph=False)
    def step(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = tf.reduce_sum(op(*tensors) ** 2)
        return tape.gradient(y, tensors)

    graph = step.get_concrete_function(*tensors).graph
    sizes = [int(np.prod(t.shape)) for o in graph.get_operations() for t in o.outputs]
    assert 0 < max(sizes) < inputs * outputs / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: (3, 6)}, r"x \(\.\.\., inputs\)"),
        ({1: (5, 3)}, "b1"),
        ({4: (3, 5)}, "a2"),
        ({3: (5, 3, 1)}, "b2"),
    ],
)
def test_errors(change, message):
    tensors = [np.ones(change.get(i, t.shape)) for i, t in enumerate(data())]
    with pytest.raises(ValueError, match=message):
        op(*tensors)


def test_pairs_and_one_dtype_are_asked_for():
    x, b1, a1, b2, a2 = data()
    with pytest.raises(ValueError, match="pairs"):
        khatri_rao_matmul(x, (b1,), (b2, a2))
    with pytest.raises(ValueError, match="one floating dtype"):
        khatri_rao_matmul(x.astype("float32"), (b1, a1), (b2, a2))


def scaled(w):
    return lambda x, a, b: scaled_matmul(x, tf.cast(w, x.dtype), a, b)


def test_scaled_matmul_equals_the_formed_matrix_with_gradients():
    rng = np.random.default_rng(0)
    x, w, a, b = (rng.normal(size=s) for s in ((2, 3, 4), (4, 5), (4, 2), (2, 5)))
    check_forward(scaled_matmul, (x, w, a, b), x @ (w * (a @ b)))
    check_gradients(scaled(w), (x, a, b))
    with pytest.raises(ValueError, match=r"w \(inputs"):
        scaled_matmul(x, w, a, b.T)


def test_scaled_matmul_takes_the_weights_as_constants():
    w = tf.ones((2, 3))
    with tf.GradientTape() as tape:
        tape.watch(w)
        y = scaled_matmul(tf.ones((1, 2)), w, tf.ones((2, 1)), tf.ones((1, 3)))
    assert tape.gradient(y, w) is None


def test_scaled_matmul_of_several_blocks():
    rng = np.random.default_rng(0)
    outputs = 2 * NARROWEST + 5
    x, w, a, b = (
        rng.normal(size=s).astype("float32") for s in ((2, 3), (3, outputs), (3, 2), (2, outputs))
    )
    np.testing.assert_allclose(scaled_matmul(x, w, a, b), x @ (w * (a @ b)), rtol=1e-4, atol=1e-5)

    def plain(x, a, b):
        return tf.matmul(x, w * tf.matmul(a, b))

    for got, want in zip(gradients(scaled(w), x, a, b), gradients(plain, x, a, b), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_scaled_matmul_has_few_blocks():
    for outputs in (1, NARROWEST, 1000, 5000):
        blocks = list(_blocks(outputs))
        assert len(blocks) <= BLOCKS and sum(b.stop - b.start for b in blocks) >= outputs
