"""A layer that is not trained: said by an argument, by the attribute, by a clone or by a file."""

import keras
import numpy as np
import pytest
from harness.joined import inputs_of, joined, parts_of
from harness.layer_cases import LayerCase, all_cases
from harness.sample import cases_of_this_run

CASES = cases_of_this_run()
# Thawed, a layer of Keras with LoRA trains its kernel too.
WHOLE = {name: case for name, case in CASES.items() if "lora_rank" not in case.kwargs}
PART = pytest.mark.parametrize("cases", parts_of(WHOLE, 80), ids=str)


def frozen(case: LayerCase) -> keras.layers.Layer:
    return case.build(trainable=False)


def flags(model):
    return [v.trainable for v in model.variables]


def layers_of(model):
    inputs = (keras.layers.InputLayer,)
    return [layer for layer in model.layers if not isinstance(layer, inputs)]


@PART
def test_frozen_by_argument_clone_and_file_and_thawed(cases, tmp_path):
    plain = joined(cases)
    model = joined(cases, frozen)
    model.save(tmp_path / "m.keras")
    for again in (
        model,
        keras.models.clone_model(model),
        keras.models.load_model(tmp_path / "m.keras"),
    ):
        assert not again.trainable_variables
        for layer in layers_of(again):
            assert not any(v.trainable for v in layer.variables), layer.name
            assert not layer.trainable
        for layer in layers_of(again):
            layer.trainable = True
        assert flags(again) == flags(plain)


def _has_statistics(case):
    layer = case.build()
    shapes = [(None, *shape) for shape in case.shapes]
    layer.build(shapes if case.many else shapes[0])
    return any(not v.trainable and v.name.startswith("moving") for v in layer.weights)


def test_frozen_statistics_stay_as_they_are_in_training():
    """As `keras.layers.BatchNormalization` has it; all other weights are in no optimizer."""
    # Few have some, so all of them are here.
    cases = {name: case for name, case in all_cases().items() if _has_statistics(case)}
    assert len(cases) > 15

    def make(case):
        layer = frozen(case)
        return lambda x: keras.layers.Dense(1)(_first(layer(x)))

    model = joined(cases, make)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    kept = [v for v in model.variables if not v.trainable and "seed_generator" not in v.path]
    before = [np.array(v) for v in kept]
    rng = np.random.default_rng(0)
    y = {name: rng.normal(size=(3, *o.shape[1:])) for name, o in model.output.items()}
    model.train_on_batch(inputs_of(cases), y)
    for variable, value in zip(kept, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)


def _first(x):
    return x[0] if isinstance(x, list | tuple) else x


def test_a_sublayer_that_is_frozen_stays_so(tmp_path):
    case = all_cases()["MLB"]
    x = case.symbolic()
    layer = case.build()
    model = keras.Model(x, layer(x))
    layer.projections[0].trainable = False
    expected = flags(model)
    assert expected.count(False) == 2
    model.save(tmp_path / "m.keras")
    for again in (keras.models.clone_model(model), keras.models.load_model(tmp_path / "m.keras")):
        assert flags(again) == expected


def test_kerass_own_layers_do_the_same():
    """What is asked of the layers above is what Keras's layers do."""
    x = keras.Input((6, 5))
    model = keras.Model(x, keras.layers.LSTM(4, trainable=False)(x))
    assert not model.trainable_variables
    assert not keras.models.clone_model(model).trainable_variables
    model.layers[1].trainable = True
    assert len(model.trainable_variables) == 3
