"""The layer contract: what every public layer does, whatever its mathematics."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.joined import inputs_of, joined, parts_of
from harness.layer_cases import PUBLIC, all_cases

CASES = all_cases()
CASE = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
# XLA keeps what it compiled for as long as the process lives: a program for ten layers is smaller
# than ten programs.
PART = pytest.mark.parametrize("cases", parts_of(CASES, 20), ids=range(20))


def shape_of(x):
    """The shape of an output, or the shapes of several."""
    return [tuple(y.shape) for y in x] if isinstance(x, list) else tuple(x.shape)


def listed(x):
    return list(x) if isinstance(x, list) else [x]


def test_every_public_layer_has_a_case():
    assert {name.split("-")[0] for name in CASES} == set(PUBLIC)


@CASE
def test_config_round_trip(case):
    layer = case.build(name="a_name")
    config = layer.get_config()
    again = type(layer).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    # Nothing that building changes, and every argument of the constructor.
    layer.build([(None, *s) for s in case.shapes] if case.many else (None, *case.shapes[0]))
    assert _without_build(layer.get_config()) == _without_build(config)
    code = type(layer).__init__.__code__
    arguments = code.co_varnames[1 : code.co_argcount]
    assert set(arguments) <= set(config), set(arguments) - set(config)


def _without_build(config):
    """Sublayers in a configuration say how they were built, once they are."""
    if isinstance(config, dict):
        return {k: _without_build(v) for k, v in config.items() if k != "build_config"}
    return [_without_build(v) for v in config] if isinstance(config, list) else config


@CASE
def test_build_makes_all_state(case):
    layer = case.build()
    shapes = [(None, *s) for s in case.shapes]
    layer.build(shapes if case.many else shapes[0])
    variables = [v.path for v in layer.variables]
    layer(case.inputs())
    assert [v.path for v in layer.variables] == variables
    assert all(v.trainable for v in layer.trainable_weights)


@CASE
def test_symbolic_shape_is_the_eager_one(case):
    layer = case.build()
    eager = shape_of(layer(case.inputs()))
    shapes = [(3, *s) for s in case.shapes]
    assert layer.compute_output_shape(shapes if case.many else shapes[0]) == eager
    for dynamic in (False, True):
        for tensor, known in zip(
            listed(layer(case.symbolic(dynamic))), listed(layer(case.inputs())), strict=True
        ):
            assert tensor.shape[0] is None
            assert all(n in (None, m) for n, m in zip(tensor.shape, known.shape, strict=True))
    assert listed(layer(case.inputs(batch=1)))[0].shape[0] == 1
    if case.empty:
        empty = listed(shape_of(layer(case.inputs(batch=0))))
        assert empty == [(0, *shape[1:]) for shape in listed(eager)]


@CASE
def test_keras_file_round_trip(case, tmp_path):
    model = case.model(dynamic=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    outputs = zip(listed(model(case.inputs())), listed(again(case.inputs())), strict=True)
    for one, other in outputs:
        np.testing.assert_array_equal(one, other)


@CASE
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(case, policy):
    expected = case.build(dtype="float32")
    full = listed(expected(case.inputs()))
    keras.config.set_dtype_policy(policy)
    layer = case.build()
    for y in listed(layer(case.inputs())):
        assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
    # Hashes are integers under every policy.
    assert {v.dtype for v in layer.weights} <= {"float32", "int64"}
    assert all(v.dtype == "float32" for v in layer.trainable_weights)
    keras.config.set_dtype_policy("float32")
    layer.set_weights(expected.get_weights())
    for y, exact in zip(listed(layer(case.inputs())), full, strict=True):
        scale = max(1.0, float(tf.reduce_max(tf.abs(exact))))
        error = np.abs(tf.cast(y, "float32") - exact).max()
        rounding = 2.0**-11 if policy == "mixed_float16" else 2.0**-8
        tolerance = (2 * rounding) ** 0.5 if case.rooted else 20 * rounding
        assert error <= tolerance * scale


def _trained(case):
    """The layer with what draws no random numbers, which are others inside XLA, and weights."""
    still = {k: 0.0 for k in case.kwargs if "drop" in k} | case.steady
    layer = case.build(**still)

    def call(x):
        y = layer(x)
        return y if layer.trainable_weights else keras.layers.Dense(2)(y)

    return call


@PART
def test_one_training_step_with_and_without_xla(cases):
    x = inputs_of(cases, batch=4)
    losses, weights = [], []
    for jit in (False, True):
        keras.utils.set_random_seed(3)
        model = joined(cases, _trained)
        rng = np.random.default_rng(1)
        y = {name: rng.normal(size=(4, *o.shape[1:])) for name, o in model.output.items()}
        model.compile(keras.optimizers.SGD(0.01), dict.fromkeys(y, "mse"), jit_compile=jit)
        losses.append(model.train_on_batch(x, y, return_dict=True))
        weights.append([(v.path, np.asarray(v)) for v in model.weights])
    assert losses[0].keys() == losses[1].keys() and len(losses[0]) > len(cases)
    for name, loss in losses[0].items():
        np.testing.assert_allclose(loss, losses[1][name], rtol=1e-5, err_msg=name)
    for (path, one), (_, other) in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6, err_msg=path)


@PART
def test_gradients_are_finite_at_zero_and_huge_input(cases):
    model = joined(cases)
    names = [tensor.name for tensor in model.inputs]
    for compiled in (False, True):

        @tf.function(jit_compile=compiled, autograph=False)
        def gradients(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.add_n([tf.reduce_sum(output) for output in model(x).values()])
            return tape.gradient(y, [x, [v.value for v in model.trainable_variables]])

        for value in (0.0, 1e4, -1e4):
            x = [
                tf.fill((2, *shape), value if case.integers is None else 0)
                for case in cases.values()
                for shape in case.shapes
            ]
            of_inputs, of_weights = gradients(x)
            named = [*zip(names, of_inputs, strict=True)]
            named += zip((v.path for v in model.trainable_variables), of_weights, strict=True)
            for name, gradient in named:
                if gradient is not None:
                    gradient = tf.convert_to_tensor(gradient)
                    assert np.isfinite(gradient).all(), (name, value, compiled)


def _masked(case):
    """Arrays, inputs, and the inputs with the sequences' last two steps masked."""
    arrays = case.inputs(batch=2)
    arrays = arrays if case.many else [arrays]
    inputs, seen = [], []
    for array in arrays:
        x = keras.Input(array.shape[1:])
        inputs.append(x)
        seen.append(keras.layers.Masking()(x) if array.ndim == 3 else x)
        if array.ndim == 3:
            array[:, -2:] = 0
    return arrays, inputs, seen if case.many else seen[0]


@pytest.mark.parametrize(
    "case",
    [c for c in CASES.values() if any(len(s) == 2 for s in c.shapes)],
    ids=[k for k, c in CASES.items() if any(len(s) == 2 for s in c.shapes)],
)
def test_masks(case):
    layer = case.build()
    arrays, inputs, seen = _masked(case)
    output = layer(seen)
    assert layer.supports_masking
    mask = getattr(output, "_keras_mask", None)
    assert (mask is not None) == (case.mask == "kept")
    if mask is None:
        # Whatever stands behind the mask, it does not reach the output.
        model = keras.Model(inputs, output)
        expected = model(arrays)
        longer = case.build()
        longer.build([x.shape for x in arrays] if case.many else arrays[0].shape)
        longer.set_weights(layer.get_weights())
        masks = []
        for x in arrays:
            steps = x.shape[1]
            masks.append(
                np.array([[True] * (steps - 2) + [False] * 2] * 2) if x.ndim == 3 else None
            )
            if x.ndim == 3:
                x[:, -2:] = np.nan
        got = longer(arrays, mask=masks) if case.many else longer(arrays[0], mask=masks[0])
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    else:
        got = keras.Model(inputs, mask)(arrays)
        np.testing.assert_array_equal(got, [[True] * 4 + [False] * 2] * 2)


@pytest.mark.parametrize(
    "case",
    [c for c in CASES.values() if c.wrong_ranks],
    ids=[k for k, c in CASES.items() if c.wrong_ranks],
)
def test_wrong_rank(case):
    wrong = [np.zeros((3, *s), "float32") for s in case.wrong_ranks]
    if case.many:
        attempts = [wrong[0], wrong[:1], [np.zeros(3, "float32")] * len(case.shapes)]
    else:
        attempts = wrong
    for attempt in attempts:
        with pytest.raises(ValueError, match="Received: "):
            case.build()(attempt)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_registered_under_the_package(name):
    registered = keras.saving.get_registered_name(PUBLIC[name])
    assert registered == f"keras_hadamard>{name}"


@pytest.mark.parametrize(
    "name",
    [
        "MLB",
        "PolynomialDense-ncp",
        "CrossNetwork-vector",
        "MixtureCross",
        "OuterProductInteraction",
        "GatedDense",
        "MinGRU",
        "PolyNonLocal",
    ],
)
def test_kernel_arguments_reach_every_kernel(name):
    case = CASES[name]
    layer = case.build(
        kernel_initializer=keras.initializers.RandomNormal(seed=1),
        kernel_regularizer="l2",
        kernel_constraint="non_neg",
        bias_initializer="ones",
    )
    layer(case.inputs())
    kernels = [v for v in layer.trainable_variables if v.name == "kernel"]
    assert len(layer.losses) == len(kernels) > 0
    assert all(v.constraint is not None for v in kernels)
    # One seed, and still no two kernels alike: a product of equal branches would be a square.
    starts = [tuple(np.ravel(k)[:3].tolist()) for k in kernels]
    assert len(set(starts)) == len(starts)
    packed = np.asarray(kernels[0])
    half = packed.shape[-1] // 2
    assert not np.array_equal(packed[:, :half], packed[:, half:])
    biases = [v for v in layer.trainable_variables if v.name == "bias"]
    assert all((np.asarray(b) == 1).all() for b in biases)
