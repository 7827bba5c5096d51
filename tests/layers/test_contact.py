"""Uses of a layer by Keras, its tools and its users, over all layers."""

import copy
import json
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from harness.joined import inputs_of, joined, parts_of
from harness.op_checks import assert_near
from harness.sample import cases_of_this_run
from harness.steps import Step
from harness.support import first_cases
from harness.versions import needs

from keras_hadamard import layers
from keras_hadamard.layers import MFB, FactorizationMachine, HadamardProduct

CASES = cases_of_this_run()
# Fusions and conditioned layers take only floats, which they say.
FLOATS = "floating|float"


@pytest.fixture(scope="module", params=parts_of(CASES, 83), ids=str)
def part(request):
    """Some of the layers, built once for all tests, by the names of their cases."""
    made = {}
    for name, case in request.param.items():
        layer = case.build()
        shapes = [(None, *shape) for shape in case.shapes]
        layer.build(shapes if case.many else shapes[0])
        made[name] = (case, layer)
    return made


def outputs(layer, x, **kwargs):
    return [np.asarray(tf.cast(y, "float64")) for y in keras.tree.flatten(layer(x, **kwargs))]


def same(got, expected, name):
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_copies_are_the_layer_again(part):
    for name, (case, layer) in first_cases(part).items():
        expected = outputs(layer, case.inputs())
        same(outputs(copy.deepcopy(layer), case.inputs()), expected, name)


@pytest.mark.parametrize("cases", parts_of(CASES, 83), ids=str)
def test_pickles_of_models_are_the_models_again(cases):
    model = joined(cases)
    got, expected = pickle.loads(pickle.dumps(model))(inputs_of(cases)), model(inputs_of(cases))
    for name, y in expected.items():
        np.testing.assert_array_equal(got[name], y, err_msg=name)


def test_variables_are_taken_for_their_values(part):
    for name, (case, layer) in part.items():
        expected = outputs(layer, case.inputs())
        for kind in (tf.Variable, keras.Variable):
            given = [kind(x, dtype=str(x.dtype)) for x in case.arrays()]
            same(outputs(layer, given if case.many else given[0]), expected, name)


def test_sparse_tensors_are_taken_for_what_they_stand_for(part):
    for name, (case, layer) in part.items():
        if case.integers is not None:
            continue
        arrays = [np.where(np.abs(x) > 0.5, x, 0) for x in case.arrays()]
        sparse = [tf.sparse.from_dense(x) for x in arrays]
        expected = outputs(layer, arrays if case.many else arrays[0])
        same(outputs(layer, sparse if case.many else sparse[0]), expected, name)


def test_ragged_tensors_are_refused_with_what_to_do(part):
    for case, layer in part.values():
        ragged = [tf.ragged.constant([[1.0, 2.0], [3.0]]) for _ in case.shapes]
        with pytest.raises((ValueError, TypeError), match=r"Received: |ragged"):
            layer(ragged if case.many else ragged[0])


def test_integers_are_numbers_or_refused(part):
    for name, (case, layer) in part.items():
        if case.integers is not None:
            continue
        whole = [np.round(2 * x) for x in case.arrays()]
        given = [x.astype("int32") for x in whole]
        try:
            got = outputs(layer, given if case.many else given[0])
        except (ValueError, TypeError) as error:
            assert "float" in str(error), name
            continue
        same(got, outputs(layer, whole if case.many else whole[0]), name)


@needs("keras", "3.15", "weights in several files lose those of sublayers in lists")
def test_weights_in_several_files_and_averaged_weights(tmp_path):
    cases = first_cases(CASES)
    model = joined(cases, _saved_whole)
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75)
    model.compile(optimizer, "mse")
    trained, rng = model.trainable_variables, np.random.default_rng(0)
    optimizer.build(trained)
    steps = []
    for _ in range(2):
        optimizer.apply([rng.normal(size=v.shape).astype("float32") for v in trained], trained)
        steps.append(model.get_weights())
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    averaged = model.get_weights()
    for first, second, mean, variable in zip(*steps, averaged, model.weights, strict=True):
        if variable.trainable:
            expected = 0.75 * first + 0.25 * second
            np.testing.assert_allclose(mean, expected, 1e-5, 1e-5, err_msg=variable.path)
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=1e-5)
    assert len(list(tmp_path.glob("*.h5"))) > 10
    again = joined(cases, _saved_whole)
    again.load_weights(tmp_path / "m.weights.json")
    for one, other in zip(averaged, again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    swap.on_test_end()
    for one, other in zip(steps[-1], model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def _saved_whole(case):
    """Keras saves a layer with LoRA as the sum, and loads that as the kernel."""
    return case.build(**{k: None for k in case.kwargs if k.startswith("lora")})


def test_clones_share_what_was_shared(tmp_path):
    dense, x = keras.layers.Dense(4), keras.Input((4,))
    layer = HadamardProduct([dense, dense, keras.layers.Dense(4)], output=dense)
    model = keras.Model(x, layer(x))
    assert len(model.weights) == 4
    config = json.loads(json.dumps(layer.get_config()))
    model.save(tmp_path / "m.keras")
    for again in (
        keras.models.clone_model(model),
        keras.models.load_model(tmp_path / "m.keras"),
        copy.deepcopy(model),
    ):
        assert len(again.weights) == 4
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again(np.ones((2, 4))), model(np.ones((2, 4))))
    rebuilt = HadamardProduct.from_config(config)
    assert rebuilt.branches[0] is rebuilt.branches[1] is rebuilt.output_layer


def test_one_mask_for_a_sequence_and_a_vector():
    """The mask is of the sequence; the vector has no positions."""
    sequence, vector = np.ones((2, 6, 4), "float32"), np.ones((2, 4), "float32")
    layer = HadamardProduct([keras.layers.Dense(4), keras.layers.Reshape((1, 4))])
    y = layer([sequence, vector], mask=np.ones((2, 6), bool))
    np.testing.assert_array_equal(y, layer([sequence, vector]))


@pytest.mark.parametrize("make", [lambda: FactorizationMachine(3), lambda: layers.FeatureCross()])
def test_a_model_learns_from_sparse_tensors(make):
    dense = np.where(np.random.default_rng(0).random((16, 6)) > 0.6, 1.0, 0.0).astype("float32")
    y = dense.sum(axis=1, keepdims=True)
    weights = []
    for sparse in (False, True):
        keras.utils.set_random_seed(0)
        x = keras.Input((6,), sparse=sparse)
        model = keras.Model(x, keras.layers.Dense(1)(make()(x)))
        model.compile(keras.optimizers.SGD(0.01), "mse")
        given = tf.sparse.from_dense(dense) if sparse else dense
        model.train_on_batch(given, y)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("cases", parts_of(first_cases(CASES), 33), ids=str)
@pytest.mark.filterwarnings("ignore:.*is not recomputed")
def test_every_layer_within_a_remat_scope(cases):
    steps = []
    for mode in (None, "full"):
        keras.utils.set_random_seed(0)
        with keras.RematScope(mode=mode):
            steps.append(Step(joined(cases, _still), inputs_of(cases, 4)))
    steps[1].model.set_weights(steps[0].model.get_weights())
    plain, again = (step() for step in steps)
    # Keras numbers the second layer of a name.
    for (name, value), other in zip(plain.items(), again.values(), strict=True):
        if "seed_generator" not in name and "/moving_" not in name:
            assert_near(other, value, 1e-5, name)


def test_kerass_own_statistics_move_once_more_within_a_remat_scope():
    """What is left out above: a `BatchNormalization` that is computed again counts twice."""
    x, means = tf.ones((2, 3)), []
    for mode in (None, "full"):
        with keras.RematScope(mode=mode):
            layer = keras.layers.BatchNormalization()
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(layer(x, training=True))
        tape.gradient(y, layer.gamma.value)
        means.append(np.asarray(layer.moving_mean))
    assert (means[1] > means[0]).all()


def _still(case):
    """The layer with what draws no random numbers."""
    return case.build(**{k: 0.0 for k in case.kwargs if "drop" in k} | case.deterministic_kwargs)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("mode", ["full", "activations", "larger_than"])
@pytest.mark.filterwarnings("ignore:.*is not recomputed")
def test_gradients_within_a_remat_scope_are_those_without(mode, jit):
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(8, 5)).astype("float32"), rng.normal(size=(8, 7)).astype("float32")]
    y = rng.normal(size=(8, 4)).astype("float32")
    weights = []
    for scope in (None, mode):
        keras.utils.set_random_seed(0)
        with keras.RematScope(mode=scope, output_size_threshold=2):
            inputs = [keras.Input((5,)), keras.Input((7,))]
            layer = MFB(4)
            outputs_ = layer(inputs)
        model = keras.Model(inputs, outputs_)
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit)
        model.train_on_batch(x, y)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
