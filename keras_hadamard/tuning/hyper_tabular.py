"""A classifier of feature vectors whose layers are searched."""

from collections.abc import Iterable
from typing import Any

from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning._classifier import Layers, SearchedClassifier
from keras_hadamard.tuning._modalities import Modality


class HyperTabular(SearchedClassifier):
    """Classifier of feature vectors: a layer of higher order, and a gated head.

    The input `features` is normalized, goes through `high_order_space` and `gating_space`, and a
    softmax named `probabilities` ends the model. The model is compiled with Adam, sparse
    categorical cross-entropy and accuracy. The defaults, two dense layers, are the baseline.

    With the default spaces there are 15,768 configurations: `learning_rate` (3),
    `features_high_order` and those conditional on it (219), `gating` and those conditional on it
    (24).

    Args:
        features: Positive integer, how many features there are.
        classes: Integer of two or more, how many classes there are.
        spaces: Names of what is searched, of `"high_order"`, `"gating"` and `"pruning"`; the others
            stay at their defaults. Defaults to `("high_order", "gating")`.
        units: Positive integer, the width of both layers. Defaults to `128`.
        training_steps: Positive integer, how many batches a training has, see `pruning_space`,
            which alone needs it. Defaults to `None`.

    Raises:
        ValueError: If a space or a number is not as described.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperTabular(features=9, classes=3)
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
        classes: int,
        spaces: Iterable[str] = ("high_order", "gating"),
        units: int = 128,
        training_steps: int | None = None,
    ) -> None:
        super().__init__(classes, spaces, units, training_steps)
        self.features = Modality("features", {"kind": "vector", "shape": (features,)})

    def _parts(self, hp: Any) -> Layers:
        return self.features.declare(hp, self.spaces, self.units)

    def _features(self, parts: Layers) -> tuple[dict[str, Tensor], Tensor]:
        x, features = self.features.encode(parts, self.units)
        return {"features": x}, features
