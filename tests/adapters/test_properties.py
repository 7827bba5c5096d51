"""The start, merging, switching and freezing, for every adapter on every kind of kernel."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from adapters.adapted_models import ADAPTERS, MODELS, Block, adapt, data, images, shake, tokens

from keras_hadamard import adapters
from keras_hadamard.adapters import IA3, HiRA, LoHa, LoRA

EVERY = pytest.mark.parametrize("name", ADAPTERS)
BOTH = pytest.mark.parametrize("kind", MODELS)


def weights(model):
    return [w.copy() for w in model.get_weights()]


@EVERY
@BOTH
def test_the_start_is_the_base_and_merging_goes_both_ways(name, kind, tmp_path):
    model, (x, _) = MODELS[kind](), data(kind)
    start, base = weights(model), model(x).numpy()
    adapted = adapt(model, name)
    np.testing.assert_array_equal(adapted(x), base)
    # A graph's compiler fuses a product with the bias and the activation that follow at once.
    np.testing.assert_allclose(tf.function(adapted)(x), base, rtol=1e-5, atol=1e-6)

    shake(adapted)
    moved = adapted(x).numpy()
    assert np.abs(moved - base).max() > 1e-3
    np.testing.assert_array_equal(adapted.model(x), base)
    merged = adapters.merge(adapted)
    assert type(merged) is type(model) and merged.count_params() == model.count_params()
    np.testing.assert_allclose(merged(x), moved, rtol=1e-4, atol=2e-5)

    adapters.save_adapter(adapted, tmp_path / "file.safetensors")
    for source in (adapted, tmp_path / "file.safetensors"):
        for got, want in zip(weights(adapters.unmerge(merged, source)), start, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "jit"),
    [(name, False) for name in ADAPTERS]
    + [(name, True) for name in ("loha", "loha_tucker", "hira", "ia3", "dora")],
)
def test_training_moves_the_adapter_alone(name, jit):
    x, y = np.random.default_rng(0).normal(size=(8, 4, 4, 2)).astype("float32"), np.arange(8) % 3
    layers = [keras.layers.Conv2D(3, 2), keras.layers.BatchNormalization(), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers, keras.layers.Dense(3)])
    start = weights(model)
    adapted = adapt(model, name)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    adapted.compile(keras.optimizers.Adam(0.03), loss, jit_compile=jit)
    count = len(adapted.trainable_weights)
    history = adapted.fit(x, y, epochs=4, batch_size=4, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert count == len(adapted.trainable_weights) == len(adapted.optimizer.variables) // 2 - 1
    for base in (adapted.model, model):
        for got, want in zip(weights(base), start, strict=True):
            np.testing.assert_array_equal(got, want)


@EVERY
def test_every_weight_of_an_adapter_gets_a_gradient(name):
    model, (x, _) = tokens(), data("tokens")
    adapted = adapt(model, name)
    shake(adapted)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(adapted(x) ** 2)
    grads = tape.gradient(loss, [w.value for w in adapted.trainable_weights])
    for weight, grad in zip(adapted.trainable_weights, grads, strict=True):
        values = tf.convert_to_tensor(grad)
        assert np.isfinite(values).all(), weight.path
        # Only the queries' and keys' biases may have none here, and no adapter moves those.
        assert np.abs(values).max() > 0, weight.path


@pytest.mark.parametrize("name", ["lora", "loha", "hira", "abba", "dora", "ia3"])
def test_exactly_one_factor_is_zero_at_the_start(name):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    adapted = adapt(model, name)
    zero = [
        w.path for w in adapted.trainable_weights if not np.any(w) and "magnitude" not in w.path
    ]
    assert len(zero) == (name != "ia3")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(adapted(np.ones((2, 5), "float32")) ** 2)
    grads = tape.gradient(loss, [w.value for w in adapted.trainable_weights])
    assert any(np.any(g) for g in grads)


@pytest.mark.parametrize(
    ("adapter", "count"),
    [
        (adapters.LoRA(3), 3 * (5 + 7)),
        (LoHa(3), 2 * 3 * (5 + 7)),
        (HiRA(3), 3 * (5 + 7)),
        (adapters.ABBA(3, second_rank=2), (3 + 2) * (5 + 7)),
        (IA3(), 7),
        (IA3(feedforward=True), 5),
        (adapters.DoRA(3), 3 * (5 + 7) + 7),
        (adapters.DoRA(3, norm="inputs"), 3 * (5 + 7) + 5),
        (adapters.DoRA(3, direction="loha"), 2 * 3 * (5 + 7) + 7),
    ],
)
def test_parameters_are_as_many_as_published(adapter, count):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(7, name="dense")])
    report = adapters.trainable_parameters(adapters.apply(model, adapter))
    assert report.trainable == count and report.kernels == {"dense/kernel": count}
    assert report.total == 6 * 7 and f"{count:,} trained beside 42" in str(report)


def test_parameters_of_the_core_of_a_window():
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3)])
    adapted = adapters.apply(model, LoHa(2, tucker=True))
    assert adapters.trainable_parameters(adapted).trainable == 2 * 2 * (3 + 5 + 2 * 9)
    plain = adapters.apply(model, LoHa(2))
    assert adapters.trainable_parameters(plain).trainable == 2 * 2 * (27 + 5)


def test_equations_of_a_dense_layer():
    """Each adapter against its formula in numpy."""
    rng = np.random.default_rng(0)
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, name="dense", bias_initializer="normal")]
    )
    w, bias = (v.astype("float64") for v in model.get_weights())
    x = rng.normal(size=(3, 5)).astype("float32")
    for name in ADAPTERS:
        adapted = adapt(model, name)
        shake(adapted)
        v = {
            k.path.split("/")[1].removesuffix("_0"): np.float64(k)
            for k in adapted.adapters[name].weights
        }
        plus = {
            "lora": lambda v: 1.5 * v["a"] @ v["b"],
            "loha": lambda v: 1.5 * (v["a1"] @ v["b1"]) * (v["a2"] @ v["b2"]),
            "loha_tucker": lambda v: 1.5 * (v["a1"] @ v["b1"]) * (v["a2"] @ v["b2"]),
            "loha_lycoris": lambda v: (v["a1"] @ v["b1"]) * (v["a2"] @ v["b2"]),
            "hira": lambda v: 1.5 * w * (v["a"] @ v["b"]),
            "lokr": lambda v: 3 * np.kron(v["w1"], v["a2"] @ v["b2"]),
            "lokr_lycoris": lambda v: np.kron(v["w1"], v["a2"] @ v["b2"]),
            "lokr_tucker": lambda v: 3 * np.kron(v["w1"], v["a2"] @ v["b2"]),
            "vera": lambda v: v["shared_a"] * v["d"] @ v["shared_b"] * v["b"],
            "abba": lambda v: 2.0 * (v["a1"] @ v["b1"]) * (v["a2"] @ v["b2"]),
        }
        new, add = w, bias
        if name in plus:
            new = w + plus[name](v)
        elif name.startswith("ia3"):
            new = w * v["scale"] if name != "ia3_inputs" else w * v["scale"][:, None]
            add = bias * v["scale"] if name == "ia3" else bias
        else:
            update = (v["a1"] @ v["b1"]) * (v["a2"] @ v["b2"]) if "a1" in v else v["a"] @ v["b"]
            axis = 1 if name == "dora_inputs" else 0
            both = w + update * (1.5 if name == "dora" else 1)
            length = np.linalg.norm(w, axis=axis, keepdims=True)
            magnitude = length + np.expand_dims(v["magnitude"], axis)
            new = magnitude * both / np.linalg.norm(both, axis=axis, keepdims=True)
        np.testing.assert_allclose(adapted(x), x @ new + add, rtol=2e-5, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("through", [False, True])
def test_the_norm_has_a_gradient_if_told(through):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    adapted = adapters.apply(model, adapters.DoRA(2, norm_gradient=through))
    shake(adapted)
    a, b, magnitude = (tf.constant(w.numpy()) for w in adapted.trainable_weights)
    w, bias = (tf.constant(v) for v in model.get_weights())
    x = tf.random.normal((3, 5))

    def plain(a, b):
        both = w + tf.matmul(a, b)
        norm = tf.norm(both, axis=0)
        norm = norm if through else tf.stop_gradient(norm)
        return tf.matmul(x, (tf.norm(w, axis=0) + magnitude) * both / norm) + bias

    with tf.GradientTape(persistent=True) as tape:
        tape.watch([a, b])
        outputs = [tf.reduce_sum(y**2) for y in (adapted(x), plain(a, b))]
    got = tape.gradient(outputs[0], [v.value for v in adapted.trainable_weights[:2]])
    for one, other in zip(got, tape.gradient(outputs[1], [a, b]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def needed(tensors):
    """The operations of a graph that some of its tensors depend on."""
    found, waiting = {}, [t.op for t in tensors]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found[operation.name] = operation
            waiting += [t.op for t in operation.inputs]
    return found.values()


@pytest.mark.parametrize("name", ["lora", "loha", "lokr", "vera", "abba", "hira"])
def test_nothing_of_the_kernels_size_is_formed_on_dense_layers(name):
    size = 512
    model = keras.Sequential(
        [keras.Input((size,)), keras.layers.Dense(size, "relu"), keras.layers.Dense(size)]
    )
    adapted = adapt(model, name)
    variables = [w.value for w in adapted.trainable_weights]

    @tf.function(autograph=False)
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(adapted(x) ** 2)
        return loss, tape.gradient(loss, variables)

    graph = step.get_concrete_function(tf.zeros((3, size))).graph
    large = {
        o.type
        for o in needed(graph.outputs)
        for t in o.outputs
        if t.shape.rank is not None and int(np.prod(t.shape)) >= size * size
    }
    # The kernel itself, as it is read and handed on.
    assert large <= {"ReadVariableOp", "StopGradient", "Identity", "IdentityN", "Reshape"}


def test_zero_entries_never_move_under_hira():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    kernel = model.layers[0].kernel
    kernel.assign(np.where(np.random.default_rng(0).random((5, 4)) < 0.5, 0, kernel))
    adapted = adapt(model, "hira")
    shake(adapted)
    merged = adapters.merge(adapted).layers[0].kernel
    assert np.array_equal(merged.numpy() == 0, kernel.numpy() == 0)


def test_abba_starts_from_the_best_approximation():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
    adapted = adapters.apply(model, adapters.ABBA(2))
    a, b = (adapted.adapters["default"].by_place[0][name].numpy() for name in ("a1", "b1"))
    left, values, right = np.linalg.svd(model.layers[0].kernel.numpy(), full_matrices=False)
    np.testing.assert_allclose(a @ b, (left[:, :2] * values[:2]) @ right[:2], atol=1e-6)
    np.testing.assert_allclose(np.sum(a**2, 0), values[:2], rtol=1e-5)


def test_several_adapters_side_by_side():
    model, (x, _) = tokens(), data("tokens")
    base = model(x).numpy()
    adapted = adapters.apply(model, LoHa(2), "attention|dense", name="one")
    shake(adapted, 1)
    one = adapted.predict(x, verbose=0)
    adapted = adapters.apply(adapted, IA3(), "key|value|dense", name="two")
    assert list(adapted.adapters) == ["one", "two"] and adapted.active == ["two"]
    np.testing.assert_array_equal(adapted(x), base)
    shake(adapted, 2)
    two = adapted.predict(x, verbose=0)
    adapted.activate("one")
    np.testing.assert_allclose(adapted.predict(x, verbose=0), one, rtol=1e-6, atol=1e-6)
    adapted.activate("two")
    np.testing.assert_allclose(adapted.predict(x, verbose=0), two, rtol=1e-6, atol=1e-6)
    adapted.activate("one", "two")
    both = adapted.predict(x, verbose=0)
    assert min(np.abs(both - other).max() for other in (one, two, base)) > 1e-4
    merged = adapters.merge(adapted)
    np.testing.assert_allclose(merged(x), both, rtol=1e-4, atol=1e-5)
    for got, want in zip(
        adapters.unmerge(merged, adapted).get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    adapted.activate()
    np.testing.assert_array_equal(adapted(x), base)
    assert not adapted.trainable_weights


def test_targets():
    model = tokens()
    adapted = adapters.apply(model, LoRA(1), r".*attention.*|.*dense.*", exclude="output")
    assert list(adapters.trainable_parameters(adapted).kernels) == [
        "attention/query/kernel",
        "attention/key/kernel",
        "attention/value/kernel",
        "dense/kernel",
    ]


def test_a_kernel_that_another_layer_reads_is_adapted_too():
    model = Block()
    x = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    base = model(x)
    adapted = adapters.apply(model, LoHa(2))
    assert set(adapters.trainable_parameters(adapted).kernels) == {
        "first/kernel",
        "reading/read/kernel",
        "last/kernel",
    }
    np.testing.assert_array_equal(adapted(x), base)
    shake(adapted)
    moved = adapted(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(adapted(x) ** 2)
    grads = tape.gradient(loss, [w.value for w in adapted.trainable_weights])
    assert all(np.any(g) for g in grads)
    np.testing.assert_allclose(adapters.merge(adapted)(x), moved, rtol=1e-5, atol=1e-5)


def test_normalisations_are_frozen_with_the_base():
    model, (x, _) = images(), data("images")
    adapted = adapt(model, "loha")
    np.testing.assert_array_equal(adapted(x, training=True), adapted(x, training=False))


def test_stateless_calls_see_the_values_that_they_are_given():
    model, (x, _) = images(), data("images")
    adapted = adapt(model, "loha")
    trained = [w + 0.1 for w in adapted.trainable_variables]
    fixed = [tf.convert_to_tensor(v) for v in adapted.non_trainable_variables]
    outputs, _ = adapted.stateless_call(trained, fixed, x)
    for variable, value in zip(adapted.trainable_variables, trained, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(outputs, adapted(x), rtol=1e-5, atol=1e-6)
