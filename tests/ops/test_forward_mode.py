"""Forward-mode derivatives of every op, against central differences in float64."""

import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.forward_mode import MODES, differences, gradient_of, jvp, jvp_in, tangents_of
from harness.forward_mode import shared_traces as shared_traces
from harness.op_cases import CASES, registered
from harness.op_checks import assert_near

from keras_hadamard import config, ops
from keras_hadamard.ops import _scaled_matmul, _xla

CASE = pytest.mark.parametrize("name", CASES)
pytestmark = pytest.mark.usefixtures("shared_traces")
# Central differences are good to about the cube root of the precision, squared.
TOLERANCE = 1e-7
# One program for many ops costs a fraction of as many programs.
PARTS = {f"part {i}": list(CASES)[i::4] for i in range(4)}


def functions_of(name):
    """The op, and what has its derivative."""
    case = CASES[name]
    return case.function, case.stands_for or case.function


def assert_all_near(got, expected, what):
    for one, other in zip(got, expected, strict=True):
        assert_near(one, other, TOLERANCE, what)


def together(names, index):
    """One function of the inputs of many ops."""
    functions = [functions_of(name)[index] for name in names]
    counts = [len(CASES[name].arrays) for name in names]

    def function(*tensors):
        rest = iter(tensors)
        pairs = zip(functions, counts, strict=True)
        return [f(*(next(rest) for _ in range(count))) for f, count in pairs]

    return function


def test_every_op_has_a_case():
    assert {name.split("-")[0] for name in CASES} == registered()


@CASE
def test_eager(name):
    function, stands_for = functions_of(name)
    primals = CASES[name].tensors()
    tangents = tangents_of(primals)
    products = (
        (function, stands_for),
        (gradient_of(function), gradient_of(stands_for)),
    )
    for order, (one, other) in enumerate(products, 1):
        with config.eager_compile_scope(False):
            expected = differences(other, primals, tangents)
            assert_all_near(jvp(one, primals, tangents), expected, f"uncompiled, order {order}")
        if order == 1:
            assert_all_near(jvp(one, primals, tangents), expected, "compiled")


@pytest.mark.parametrize("mode", MODES[1:])
@pytest.mark.parametrize("part", PARTS)
def test_traced(part, mode):
    primals = [t for name in PARTS[part] for t in CASES[name].tensors()]
    tangents = tangents_of(primals)
    with config.eager_compile_scope(False):
        expected = differences(together(PARTS[part], 1), primals, tangents)
    assert_all_near(jvp_in(mode, together(PARTS[part], 0), primals, tangents), expected, mode)


# With a loop, an FFT, a gradient by autodiff and one that reads the output.
CURVED = ["gated_scan-initial", "long_conv", "glu-softmax", "root_of_complement", "signed_sqrt"]


@pytest.mark.parametrize("mode", MODES[1:])
def test_hessian_vector_products_in_a_graph(mode):
    primals = [t for name in CURVED for t in CASES[name].tensors()]
    tangents = tangents_of(primals)
    gradient = gradient_of(together(CURVED, 0))
    with config.eager_compile_scope(False):
        expected = differences(gradient, primals, tangents)
    assert_all_near(jvp_in(mode, gradient, primals, tangents), expected, mode)


def test_tangents_of_some_tensors_alone():
    a, b = CASES["gated_scan"].tensors()
    tangent = tangents_of([b])
    expected = differences(lambda b: ops.gated_scan(a, b), [b], tangent)
    for mode in MODES:
        got = jvp_in(mode, lambda b: ops.gated_scan(a, b), [b], tangent)
        assert_all_near(got, expected, mode)


def test_constants_have_no_tangent():
    """As they have no gradient."""
    x, a, b = CASES["scaled_matmul"].tensors()
    w = tf.ones((3, 4), "float64")
    for mode in MODES[:3]:
        (got,) = jvp_in(mode, lambda w: _scaled_matmul.scaled_matmul(x, w, a, b), [w], [w])
        assert not np.any(got), mode


def test_the_slope_of_a_root_at_zero_is_zero():
    x = tf.constant([0.0, 1.0])
    for mode in MODES:
        (got,) = jvp_in(mode, ops.signed_sqrt, [x], [tf.ones_like(x)])
        np.testing.assert_allclose(got, [0, 0.5], rtol=1e-6, err_msg=mode)


def test_in_a_functional_model():
    x = keras.Input((4,), dtype="float64")
    model = keras.Model(x, ops.signed_sqrt(ops.glu(x, x, activation="tanh")))
    primals = [tf.constant([[0.5, -1.0, 2.0, -0.3]], "float64")]
    tangents = tangents_of(primals)
    expected = differences(model, primals, tangents)
    for mode in MODES:
        assert_all_near(jvp_in(mode, model, primals, tangents), expected, mode)


@pytest.mark.parametrize("name", ["gated_scan", "glu", "root_of_complement"])
def test_second_derivatives_through_a_forward_accumulator(name):
    """Forward over forward, and reverse over forward."""
    function, primals = CASES[name].function, CASES[name].tensors()
    tangents, others = tangents_of(primals), tangents_of(primals, 3)

    def product(*primals):
        return jvp(function, primals, others)

    with config.eager_compile_scope(False):
        expected = differences(product, primals, tangents)
        assert_all_near(jvp(product, primals, tangents), expected, "forward")
        gradient = gradient_of(product)(*primals)
    # The weights of the sum are those of `gradient_of`.
    weights = np.random.default_rng(2).normal(size=expected[0].shape)
    along = sum(tf.reduce_sum(g * t) for g, t in zip(gradient, tangents, strict=True))
    assert_near(along, np.sum(weights * expected[0]), TOLERANCE, "reverse")


def test_gradients_of_gradients_from_around_a_function():
    """Both tapes outside: the second gradient is built from the graph of the first."""
    x = tf.constant([0.5, 2.0], "float64")
    for kind in (False, True):
        root = tf.function(ops.signed_sqrt, autograph=False, jit_compile=kind)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = root(x)
            slope = tape.gradient(y, x)
        np.testing.assert_allclose(outer.gradient(slope, x), -0.25 * x.numpy() ** -1.5, rtol=1e-12)


def test_the_private_functions_do_what_they_are_named_for():
    """Fails loudly if TensorFlow changes them."""
    x, y = tf.ones(2), tf.ones(2)
    assert not _xla.recording()
    assert not _xla.accumulating()
    assert not _xla.have_tangents((x, y))
    with tf.GradientTape() as tape:
        tape.watch(x)
        assert _xla.recording()
        assert not _xla.accumulating()
        assert not _xla.have_tangents((x, y))
        with tape.stop_recording():
            assert not _xla.recording()
    with tf.autodiff.ForwardAccumulator(x, x):
        assert _xla.recording()
        assert _xla.accumulating()
        assert _xla.have_tangents((y, x))
        assert not _xla.have_tangents((y,))


def test_nothing_is_compiled_or_wrapped_where_no_tangent_is():
    """A function traced under an accumulator is the one that is traced without."""

    def operations(function):
        concrete = function.get_concrete_function(tf.TensorSpec((3,), "float32"))
        return [operation.type for operation in concrete.graph.get_operations()]

    x = tf.ones(2)
    expected = operations(tf.function(ops.signed_sqrt, autograph=False))
    with tf.autodiff.ForwardAccumulator(x, x):
        assert operations(tf.function(ops.signed_sqrt, autograph=False)) == expected
    assert not any("Call" in kind for kind in expected)


def test_a_tape_does_not_keep_outputs_that_are_gone():
    x = tf.ones(3)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        output = weakref.ref(ops.signed_sqrt(x))
        assert output() is None


def test_what_tensorflow_has_no_forward_mode_for():
    """An error from TensorFlow itself, of its own operations as well, and never a zero."""

    def hessian_vector_product(function, primals):
        return jvp_in("xla inside", gradient_of(function), primals, tangents_of(primals))

    def slopes(x):
        """As the op's own gradient does it: autodiff over a concatenation."""
        return gradient_of(lambda x: tf.concat([x, x * x], 0) ** 3)(x)

    name = "gated_linear_attention"
    for function, primals in (
        (slopes, [tf.ones(2, "float64")]),
        (CASES[name].function, CASES[name].tensors()),
    ):
        with pytest.raises(Exception, match="XlaDynamicUpdateSlice"):
            hessian_vector_product(function, primals)
