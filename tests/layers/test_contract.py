"""The layer contract: what every public layer does, whatever its mathematics."""

import json
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.joined import inputs_of, joined, parts_of
from harness.layer_cases import PUBLIC, LayerCase, all_cases
from harness.op_checks import assert_near
from harness.sample import cases_of_this_run
from harness.steps import Step

from keras_hadamard.config import eager_compile_scope

CASES = cases_of_this_run()
# XLA keeps what it compiled for as long as the process lives: a program for ten layers is smaller
# than ten programs.
PART = 17


def shape_of(x):
    """The shape of an output, or the shapes of several."""
    return [tuple(y.shape) for y in x] if isinstance(x, list) else tuple(x.shape)


def listed(x):
    return list(x) if isinstance(x, list) else [x]


@dataclass(frozen=True)
class Built:
    """A layer of a case, built by the shapes of its inputs, and what it was before."""

    case: LayerCase
    layer: keras.layers.Layer
    config: dict[str, Any]
    paths: list[str]
    outputs: list[Any]


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def built(request):
    """Of every case one layer, which the tests share."""
    case = request.param
    keras.utils.set_random_seed(0)
    layer = case.build(name="a_name")
    config = layer.get_config()
    shapes = [(None, *s) for s in case.shapes]
    layer.build(shapes if case.many else shapes[0])
    paths = [v.path for v in layer.variables]
    # A fixture of a module is made before those of its tests.
    with eager_compile_scope(False):
        return Built(case, layer, config, paths, listed(layer(case.inputs())))


def test_every_public_layer_has_a_case():
    assert {name.split("-")[0] for name in CASES} == set(PUBLIC)


def test_config_round_trip(built):
    config = built.config
    again = type(built.layer).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    # Nothing that building changes, and every argument of the constructor.
    assert _without_build(built.layer.get_config()) == _without_build(config)
    code = type(built.layer).__init__.__code__
    arguments = code.co_varnames[1 : code.co_argcount]
    assert set(arguments) <= set(config), set(arguments) - set(config)


def _without_build(config):
    """Sublayers in a configuration say how they were built, once they are."""
    if isinstance(config, dict):
        return {k: _without_build(v) for k, v in config.items() if k != "build_config"}
    return [_without_build(v) for v in config] if isinstance(config, list) else config


def test_build_makes_all_state(built):
    assert [v.path for v in built.layer.variables] == built.paths
    assert all(v.trainable for v in built.layer.trainable_weights)


def test_symbolic_shape_is_the_eager_one(built):
    case, layer = built.case, built.layer
    eager = [tuple(y.shape) for y in built.outputs]
    shapes = [(3, *s) for s in case.shapes]
    assert listed(layer.compute_output_shape(shapes if case.many else shapes[0])) == eager
    for dynamic in (False, True):
        for tensor, known in zip(listed(layer(case.symbolic(dynamic))), eager, strict=True):
            assert tensor.shape[0] is None
            assert all(n in (None, m) for n, m in zip(tensor.shape, known, strict=True))
    assert listed(layer(case.inputs(batch=1)))[0].shape[0] == 1
    if case.empty:
        empty = listed(shape_of(layer(case.inputs(batch=0))))
        assert empty == [(0, *shape[1:]) for shape in eager]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(built, policy):
    case = built.case
    keras.config.set_dtype_policy(policy)
    layer = case.build()
    shapes = [(None, *shape) for shape in case.shapes]
    layer.build(shapes if case.many else shapes[0])
    keras.config.set_dtype_policy("float32")
    # Hashes are integers under every policy.
    assert {v.dtype for v in layer.weights} <= {"float32", "int64"}
    assert all(v.dtype == "float32" for v in layer.trainable_weights)
    layer.set_weights(built.layer.get_weights())
    for y, exact in zip(listed(layer(case.inputs())), built.outputs, strict=True):
        assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
        scale = max(1.0, float(tf.reduce_max(tf.abs(exact))))
        error = np.abs(tf.cast(y, "float32") - exact).max()
        rounding = 2.0**-11 if policy == "mixed_float16" else 2.0**-8
        tolerance = (2 * rounding) ** 0.5 if case.sqrt_output else 20 * rounding
        assert error <= tolerance * scale


@pytest.fixture(scope="module", params=parts_of(CASES, PART), ids=str)
def steps(request):
    """A training step in float64, compiled once for all tests, and the same in float32."""
    made = {}
    for policy in ("float64", "float32"):
        keras.config.set_dtype_policy(policy)
        keras.utils.set_random_seed(3)
        made[policy] = Step(joined(request.param, _still), inputs_of(request.param, batch=4))
    return made


def _still(case):
    """The layer with what draws no random numbers, which are others inside XLA."""
    return case.build(**{k: 0.0 for k in case.kwargs if "drop" in k} | case.deterministic_kwargs)


def test_one_training_step_with_and_without_xla(steps):
    step = steps["float64"]
    before = step.model.get_weights()
    plain = step()
    step.model.set_weights(before)
    under_xla = step.under_xla()
    assert plain.keys() == under_xla.keys() and len(plain) > len(step.model.outputs)
    for name, value in plain.items():
        # How often numbers were drawn is not told by the numbers of layers that use none.
        if "seed_generator" not in name:
            assert_near(under_xla[name], value, 1e-8, name)


def test_a_policy_of_float64_holds_for_all_that_comes_out(steps):
    step = steps["float64"]
    for name, y in step.model.output.items():
        assert y.dtype == "float64", name
    # Keras makes the factors of LoRA in its own default dtype.
    others = {v.dtype for v in step.model.weights if "lora" not in v.path}
    assert others <= {"float64", "int64", "uint32"}


def test_gradients_are_finite_at_zero_and_huge_input(steps):
    double, single = steps["float64"], steps["float32"]
    for value in (0.0, 1e4, -1e4):
        x = single.of_constant(value)
        results = single(x), single(x, training=False), double.under_xla(double.of_constant(value))
        for result in results:
            for name, array in result.items():
                assert np.isfinite(array).all(), (name, value)


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
    sequences = [y for y in listed(output) if len(y.shape) == 3]
    masks = [getattr(y, "_keras_mask", None) for y in sequences or listed(output)]
    assert all((mask is not None) == (case.mask == "kept") for mask in masks)
    if case.mask != "kept":
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
        for mask in masks:
            got = np.asarray(keras.Model(inputs, mask)(arrays))
            valid = got.shape[1] - 2
            np.testing.assert_array_equal(got, [[True] * valid + [False] * 2] * 2)


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
    case = all_cases()[name]
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
