"""The frame in which one word changes the fusion."""

import keras
import numpy as np
import pytest

from keras_hadamard import layers
from keras_hadamard.layers.registry.fusions import FUSIONS
from keras_hadamard.models import VisualQuestionAnswering

ARGUMENTS = {
    "input_shape": (9, 12, 1),
    "vocabulary_size": 7,
    "classes": 3,
    "units": 4,
    "filters": (3, 4),
    "embedding_dim": 3,
}
INPUTS = {
    "image": np.random.default_rng(0).normal(size=(2, 9, 12, 1)).astype("float32"),
    "question": np.array([[1, 2, 3], [4, 5, 0]]),
}


@pytest.mark.parametrize("regions", [False, True])
@pytest.mark.parametrize("fusion", FUSIONS.names)
def test_one_word_changes_the_fusion(fusion, regions):
    model = VisualQuestionAnswering(fusion=fusion, regions=regions, **ARGUMENTS)
    assert type(model.get_layer("fusion")) is FUSIONS[fusion].make
    np.testing.assert_allclose(keras.ops.sum(model(INPUTS), -1), 1, rtol=1e-5)


def test_the_budget_is_the_fusions():
    model = VisualQuestionAnswering(fusion="mlb", max_fusion_parameters=200, **ARGUMENTS)
    fusion = model.get_layer("fusion")
    rank = (200 - 4) // (4 + 4 + 2 + 4)
    assert (fusion.rank, fusion.count_params()) == (rank, 14 * rank + 4)


def test_padding_changes_nothing():
    model = VisualQuestionAnswering(**ARGUMENTS)
    longer = {**INPUTS, "question": np.pad(INPUTS["question"], ((0, 0), (0, 3)))}
    np.testing.assert_allclose(model(INPUTS), model(longer), rtol=1e-6)


def test_the_fused_vector_is_the_output_without_classes():
    model = VisualQuestionAnswering(**{**ARGUMENTS, "classes": None})
    assert model.output_shape == (None, 4)
    assert not [layer for layer in model.layers if layer.name in ("hidden", "predictions")]


def test_the_scale_of_the_picture_does_not_matter_to_training():
    model = VisualQuestionAnswering(**ARGUMENTS)
    scaled = {**INPUTS, "image": 255 * INPUTS["image"]}
    one, other = (model(x, training=True) for x in (INPUTS, scaled))
    np.testing.assert_allclose(one, other, atol=2e-2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fusion": "mlbb"}, "did you mean"),
        ({"max_fusion_parameters": 3}, "at least"),
        ({"input_shape": (None, 12, 1)}, "unless `regions`"),
        ({"input_shape": (9, 12)}, "input_shape"),
        ({"filters": ()}, "filters"),
        ({"vocabulary_size": 0}, "vocabulary_size"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        VisualQuestionAnswering(**{**ARGUMENTS, **arguments})


def test_a_fusion_of_ones_own():
    class Mine(layers.SumFusion):
        pass

    layers.register_fusion("mine", Mine)
    model = VisualQuestionAnswering(fusion="mine", **ARGUMENTS)
    assert isinstance(model.get_layer("fusion"), Mine)
