"""A model of feature vectors whose layers are searched."""

from collections.abc import Iterable
from typing import Any

from keras_hadamard.tuning._searched_model import SearchedModel


class HyperTabular(SearchedModel):
    """Model of feature vectors: a layer of higher order, and a gated head.

    The input `features` is normalised, goes through `high_order_space` and `gating_space`, and the
    outputs of the task end the model, which is compiled with Adam. The defaults, two dense layers,
    are the baseline. Tables with columns of categories are for `HyperMultimodal`.

    With the default spaces there are 15,768 configurations: `learning_rate` (3),
    `features_high_order` and those conditional on it (219), `gating` and those conditional on it
    (24).

    Args:
        features: Positive integer, the number of features.
        outputs: Positive integer, the number of classes (two or more; two for the task `"binary"`),
            labels or target numbers.
        spaces: Names of the parts to search, of `"high_order"`, `"gating"` and `"pruning"`; the
            others keep their defaults. Defaults to `None`, higher order and gating.
        units: Positive integer, the width of both layers. Defaults to `128`.
        normalized: Boolean, whether the features have been normalised already. Defaults to
            `False`.
        max_parameters: Positive integer, the maximum number of trainable parameters of a model: the
            gated vector is as wide as it allows. Defaults to `None`, no limit.
        training_steps: Positive integer, the number of batches of a training, see `pruning_space`,
            the only space that needs it. Defaults to `None`.
        task: String, `"multiclass"`, `"binary"`, `"multilabel"` or `"regression"`; each has its
            outputs, loss and metric, see `HyperMultimodal`. Defaults to `"multiclass"`.
        target_statistics: Pair of arrays, the means and the standard deviations of the targets in
            training, only for regression. Defaults to `None`: targets have a mean near zero and a
            deviation near one.

    Raises:
        ValueError: If the task, a space or a number is invalid.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperTabular(features=9, outputs=3)
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel.build(hp).output_shape
    (None, 3)
    >>> hp.values["features_high_order"], hp.values["gating"]
    ('dense', 'dense')
    """

    spaces_known = ("high_order", "gating", "pruning")

    def __init__(
        self,
        features: int,
        outputs: int,
        spaces: Iterable[str] | None = None,
        units: int = 128,
        normalized: bool = False,
        max_parameters: int | None = None,
        training_steps: int | None = None,
        task: str = "multiclass",
        target_statistics: Any = None,
    ) -> None:
        super().__init__(
            {"features": {"kind": "vector", "shape": (features,), "normalized": normalized}},
            outputs,
            spaces,
            units,
            max_parameters=max_parameters,
            training_steps=training_steps,
            task=task,
            target_statistics=target_statistics,
        )
