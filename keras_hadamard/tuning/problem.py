"""What a search is of: the data and the hypermodel."""

from typing import Any

import keras_tuner

from keras_hadamard.tuning.hyper_multimodal import HyperMultimodal
from keras_hadamard.tuning.settings import SearchError, SearchSettings


def load(settings: SearchSettings) -> Any:
    """The data set, by its name."""
    from keras_hadamard import datasets  # needs more packages than the spaces do

    try:
        return datasets.load_arrays(
            settings.dataset, data_dir=settings.data_dir, seed=settings.seed
        )
    except (ValueError, FileNotFoundError) as error:
        raise SearchError(" ".join(str(error).split())) from error


def hypermodel_of(settings: SearchSettings, data: Any) -> HyperMultimodal:
    if len(data.inputs) == 1 and settings.spaces == ("fusion",):
        raise SearchError(
            f"{settings.dataset} has one input, so there is no fusion to search; add gating."
        )
    specs = {
        name: {
            "kind": spec.kind,
            "shape": spec.shape,
            "vocabulary_size": spec.vocabulary_size,
            "dtype": str(data.train.inputs[name].dtype),
        }
        for name, spec in data.inputs.items()
    }
    steps = settings.epochs * -(-len(data.train.targets) // settings.batch_size)
    hypermodel = HyperMultimodal(
        specs,
        len(data.classes),
        settings.spaces,
        max_parameters=settings.match_parameters,
        training_steps=steps,
    )
    try:
        hypermodel.declare_hyperparameters(keras_tuner.HyperParameters())
        # The baseline at least has to be as small.
        hypermodel.narrowest(keras_tuner.HyperParameters())
    except ValueError as error:
        raise SearchError(str(error)) from error
    return hypermodel
