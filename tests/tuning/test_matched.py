"""Models of equal size, whatever a search chooses for them."""

import math

import keras_tuner
import pytest

from keras_hadamard.tuning import HyperMultimodal

# Of the parameters. The widest step of a gate by one is 0.4 %.
TOLERANCE = 0.005
LIMIT = 500_000
IMAGE = {"kind": "image", "shape": (8, 8, 1)}
TEXT = {"kind": "tokens", "shape": (6,), "vocabulary_size": 30}
TABLE = {"kind": "fields", "shape": (6,), "vocabulary_sizes": (3, 9, 27, 3, 9, 27)}


def parameters(hypermodel, **values):
    hp = keras_tuner.HyperParameters()
    hp.values = values
    model = hypermodel.build(hp)
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def kinds(hypermodel, name):
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    return next(p.values for p in hp.space if p.name == name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "spaces", "name"),
    [
        ({"image": IMAGE, "text": TEXT}, ("fusion", "gating"), "fusion"),
        ({"image": IMAGE, "text": TEXT}, ("fusion", "gating"), "gating"),
        ({"image": IMAGE}, ("gating",), "gating"),
        ({"image": IMAGE}, ("channel_attention",), "image_channel_attention"),
        ({"text": TEXT}, ("recurrence",), "text_recurrence"),
        ({"table": TABLE}, ("high_order",), "table_high_order"),
        ({"image": IMAGE}, ("token_mixer",), "image_token_mixer"),
        ({"text": TEXT}, ("token_mixer",), "text_token_mixer"),
    ],
)
def test_every_kind_has_as_many_parameters_as_the_others(inputs, spaces, name):
    hypermodel = HyperMultimodal(inputs, 3, spaces, max_parameters=LIMIT)
    some = kinds(hypermodel, name)[::3]  # All of them take minutes.
    found = {kind: parameters(hypermodel, **{name: kind}) for kind in some}
    assert all((1 - TOLERANCE) * LIMIT <= count <= LIMIT for count in found.values()), found


def test_no_model_is_as_small():
    hypermodel = HyperMultimodal({"text": TEXT}, 3, max_parameters=50)
    with pytest.raises(ValueError, match=r"`max_parameters` of at least [\d,]+, the fewest"):
        parameters(hypermodel)
    with pytest.raises(ValueError, match="max_parameters"):
        HyperMultimodal({"text": TEXT}, 3, max_parameters=0)
