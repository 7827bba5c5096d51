"""The op mechanism itself."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_hadamard
from keras_hadamard import config, ops
from keras_hadamard.ops import _derivatives, _programs, _xla
from keras_hadamard.ops._custom_op import custom_op

PUBLIC = sorted(n for n in ops.__all__ if inspect.isfunction(getattr(ops, n)))


def _seen(**where):
    """An op that notes in which context its formula was traced."""
    notes = []

    def gradient(upstream, output, x):
        return (upstream,)

    def plain(x):
        notes.append("plain")
        return x + 1

    def special(x):
        notes.append("xla")
        return x + 1

    return custom_op(gradient=gradient, xla=special)(plain), notes


def test_inside_xla_is_known_where_it_matters():
    """Fails loudly if TensorFlow moves the private function behind it."""
    x = tf.ones(3)
    assert not _xla.inside_xla()
    seen = {}

    def note(key):
        def function(x):
            seen[key] = _xla.inside_xla()
            return x

        return function

    tf.function(note("graph"))(x)
    tf.function(note("jit"), jit_compile=True)(x)
    nested = tf.function(note("nested"))
    tf.function(lambda x: nested(x), jit_compile=True)(x)
    tf.function(
        lambda x: tf.while_loop(lambda i, _: i < 2, lambda i, x: (i + 1, note("loop")(x)), (0, x)),
        jit_compile=True,
    )(x)
    assert seen == {"graph": False, "jit": True, "nested": True, "loop": True}


def test_lowering_is_chosen_by_context():
    op, notes = _seen()
    x = np.ones(3, "float32")
    op(x)
    assert notes == ["xla"]
    tf.function(op)(x)
    assert notes == ["xla", "plain"]
    tf.function(op, jit_compile=True)(x)
    assert notes == ["xla", "plain", "xla"]
    with config.eager_compile_scope(False):
        op(x)
    assert notes[-1] == "plain"


@pytest.fixture
def by_default():
    """What users have: a signature is compiled when it comes again."""
    with config.eager_compile_scope(True):
        yield


@pytest.fixture
def compilations(monkeypatch):
    """The signatures that were compiled, in order."""
    found = []

    def counted(function, signature):
        found.append([tuple(shape) for shape, _ in signature])
        return _xla.compiled(function, signature)

    monkeypatch.setattr(_programs, "compiled", counted)
    return found


def test_eager_calls_compile_once_a_shape():
    op, notes = _seen()
    for _ in range(3):
        op(np.ones(3, "float32"))
    op(np.ones(4, "float32"))
    assert notes == ["xla", "xla"]


@pytest.mark.usefixtures("by_default")
def test_a_signature_is_compiled_on_its_third_call():
    op, notes = _seen()
    for _ in range(5):
        np.testing.assert_array_equal(op(np.ones(3, "float32")), [2, 2, 2])
    assert notes == ["plain", "plain", "xla"]
    # A dtype of its own is a signature of its own, and so is a shape.
    for x in (np.ones(3, "float64"), np.ones(4, "float32")):
        del notes[:]
        for _ in range(4):
            op(x)
        assert notes == ["plain", "plain", "xla"]


@pytest.mark.usefixtures("by_default")
def test_ever_new_shapes_compile_nothing(compilations):
    layer = keras_hadamard.layers.MinGRU(2)
    for length in range(40, 60, 2):
        for _ in range(2):
            layer(tf.ones((1, length, 3)))
    assert compilations == []
    for length in (42, 56):
        layer(tf.ones((1, length, 3)))
    assert [shapes[0] for shapes in compilations] == [(1, 42, 2), (1, 56, 2)]


@pytest.mark.usefixtures("by_default")
def test_the_gradient_is_compiled_on_its_third_call(compilations):
    """It counts its own calls, and gives the same before and after."""
    x = tf.constant([4.0, 9.0, -16.0, 25.0, 36.0])
    for _ in range(3):
        ops.signed_sqrt(x)
    assert len(compilations) == 1
    for expected in (1, 1, 2, 2):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = ops.signed_sqrt(x)
        np.testing.assert_allclose(tape.gradient(y, x), 0.5 / np.sqrt(np.abs(x)), rtol=1e-6)
        assert len(compilations) == expected


@pytest.mark.parametrize("after", [0, 1, 4])
def test_the_switch_says_after_how_many_calls(after, compilations):
    op, _ = _seen()
    with config.eager_compile_scope(True, after):
        assert config.eager_compile_after() == after
        counts = [op(tf.ones(2)) is not None and len(compilations) for _ in range(6)]
    assert counts == [0] * after + [1] * (6 - after)


@pytest.mark.usefixtures("by_default")
def test_calls_while_the_switch_is_off_do_not_count(compilations):
    op, _ = _seen()
    with config.eager_compile_scope(False):
        for _ in range(4):
            op(tf.ones(2))
    for expected in (0, 0, 1):
        op(tf.ones(2))
        assert len(compilations) == expected


def test_where_nothing_records_nothing_is_recorded(monkeypatch):
    """An op that is called without a tape costs a call of what is compiled, and no more."""
    seen = []

    def noted(*arguments):
        seen.append(arguments)
        return _xla.recorded(*arguments)

    monkeypatch.setattr(_derivatives, "recorded", noted)
    x = tf.ones(3)
    with tf.GradientTape() as tape, tape.stop_recording():
        ops.signed_sqrt(x)
    assert not seen
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.signed_sqrt(x)
    assert len(seen) == 1
    tape.gradient(y, x)
    assert len(seen) == 1


@pytest.mark.parametrize("after", [0, 2])
def test_an_activation_may_hold_tensors_of_its_own(after):
    """What is compiled takes them from outside."""
    scale = tf.constant([1.0, 2.0])

    def scaled(x):
        return x * scale

    with config.eager_compile_scope(True, after):
        x = tf.constant([3.0, 5.0])
        for _ in range(3):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = ops.glu(tf.ones(2), x, activation=scaled)
            np.testing.assert_array_equal(y, [3, 10])
            np.testing.assert_array_equal(tape.gradient(y, x), [1, 2])


def test_many_shapes_do_not_warn(caplog):
    op, _ = _seen()
    for n in range(1, 12):
        op(np.ones(n, "float32"))
    assert "retracing" not in caplog.text


def test_graphs_hold_no_compiled_function():
    """What keeps exported models free of the must-compile mark."""

    @tf.function(autograph=False)
    def everything(x):
        y = ops.gated_scan(x, x) + ops.signed_sqrt(x) + ops.l2_normalize(x)
        return ops.modulate(ops.glu(y, y), x) + ops.factorized_bilinear_pool(x, x, factor=1)

    graph = everything.get_concrete_function(tf.TensorSpec((None, 4, 2))).graph.as_graph_def()
    assert "_XlaMustCompile" not in str(graph)


def test_names_and_signatures_survive():
    assert {"gated_scan", "glu", "modulate", "polynomial_chain"} <= set(PUBLIC)
    assert list(inspect.signature(ops.glu).parameters) == ["value", "gate", "activation"]


@pytest.mark.parametrize("name", PUBLIC)
def test_options_are_keyword_only(name):
    for parameter in inspect.signature(getattr(ops, name)).parameters.values():
        if parameter.default not in (None, parameter.empty):
            assert parameter.kind is parameter.KEYWORD_ONLY, parameter


def test_custom_activation_in_a_functional_model(tmp_path):
    x = keras.Input((4,))
    model = keras.Model(x, ops.glu(x, x, activation=keras_hadamard.activations.min_gru_g))
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(model(np.ones((1, 4))), again(np.ones((1, 4))))


def test_keras_variables_and_lists_are_tensors():
    variable = keras.Variable([1.0, 4.0])
    np.testing.assert_array_equal(ops.signed_sqrt(variable), [1, 2])
    np.testing.assert_array_equal(ops.signed_sqrt([1.0, 4.0]), [1, 2])
    with tf.GradientTape() as tape:
        y = ops.signed_sqrt(variable)
    np.testing.assert_allclose(tape.gradient(y, variable.value), [0.5, 0.25])


def test_inside_fit_with_and_without_xla():
    def build():
        keras.utils.set_random_seed(1)
        x = keras.Input((6, 3))
        h = ops.gated_scan(keras.layers.Dense(4, activation="sigmoid")(x), keras.layers.Dense(4)(x))
        return keras.Model(x, keras.layers.Dense(1)(h[:, -1]))

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 6, 3)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")
    losses = []
    for jit in (False, True):
        model = build()
        model.compile("sgd", "mse", jit_compile=jit)
        losses.append(
            model.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"]
        )
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_config_checks_and_restores():
    with pytest.raises(ValueError, match="boolean"):
        config.set_eager_compile(1)
    for after in (-1, True, 2.0):
        with pytest.raises(ValueError, match=f"`after`.*Received: after={after}"):
            config.set_eager_compile(True, after)
    with config.eager_compile_scope(True):
        with pytest.raises(RuntimeError), config.eager_compile_scope(False, 5):
            raise RuntimeError
        assert config.eager_compile()
        assert config.eager_compile_after() == 2
