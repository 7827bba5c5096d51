"""A classifier of images whose attention, mixing and head are searched."""

from collections.abc import Iterable, Sequence
from typing import Any

from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning._classifier import Layers, SearchedClassifier
from keras_hadamard.tuning._modalities import Modality


class HyperImage(SearchedClassifier):
    """Classifier of images: convolutions, attention over channels, token mixers, a gated head.

    The input `image` goes through a small convolutional network, on whose last map `gating_space`
    (`on="image"`) and `token_mixer_space` (`on="image"`) may stand; a dense layer or one of
    `high_order_space` makes a vector of it, `gating_space` follows, and a softmax named
    `probabilities` ends the model. The model is compiled with Adam, sparse categorical
    cross-entropy and accuracy. With all defaults it is a plain convolutional network.

    With the default spaces there are 2,304 configurations: `learning_rate` (3), `image_attention`
    and those conditional on it (32), `gating` and those conditional on it (24).

    Args:
        shape: Sequence of height, width and channels.
        classes: Integer of two or more, how many classes there are.
        spaces: Names of what is searched, of `"attention"`, `"token_mixer"`, `"high_order"`,
            `"gating"` and `"pruning"`; the others stay at their defaults, or out of the model.
            Defaults to `("attention", "gating")`.
        units: Positive integer, the width of the head. Defaults to `128`.
        dtype: String, the type of the images; `"uint8"` ones are scaled to [0, 1]. Defaults to
            `"float32"`.
        training_steps: Positive integer, how many batches a training has, see `pruning_space`,
            which alone needs it. Defaults to `None`.

    Raises:
        ValueError: If the shape, a space or a number is not as described.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperImage((12, 12, 1), classes=10)
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel.build(hp).output_shape
    (None, 10)
    >>> hp.values["image_attention"], hp.values["gating"]
    ('identity', 'dense')
    """

    spaces_known = ("attention", "token_mixer", "high_order", "gating", "pruning")

    def __init__(
        self,
        shape: Sequence[int],
        classes: int,
        spaces: Iterable[str] = ("attention", "gating"),
        units: int = 128,
        dtype: str = "float32",
        training_steps: int | None = None,
    ) -> None:
        super().__init__(classes, spaces, units, training_steps)
        self.image = Modality("image", {"kind": "image", "shape": shape, "dtype": dtype})

    def _parts(self, hp: Any) -> Layers:
        return self.image.declare(hp, self.spaces, self.units)

    def _features(self, parts: Layers) -> tuple[dict[str, Tensor], Tensor]:
        x, features = self.image.encode(parts, self.units)
        return {"image": x}, features
