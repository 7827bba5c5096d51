"""A model of images whose attention, mixing and head are searched."""

from collections.abc import Iterable, Sequence
from typing import Any

from keras_hadamard.tuning._searched_model import SearchedModel


class HyperImage(SearchedModel):
    """Model of images: convolutions, attention over channels, token mixers, a gated head.

    The input `image` goes through a small convolutional network, whose last map may be followed by
    `gating_space` (`on="image"`) and `token_mixer_space` (`on="image"`); a dense layer or one of
    `high_order_space` makes a vector of it, `gating_space` follows, and the outputs of the task end
    the model, which is compiled with Adam. With all defaults it is a plain convolutional network.

    With the default spaces there are 2,448 configurations: `learning_rate` (3),
    `image_channel_attention` and those conditional on it (34), `gating` and those conditional on it
    (24).

    Args:
        shape: Sequence of height, width and channels.
        outputs: Positive integer, the number of classes (two or more; two for the task `"binary"`),
            labels or target numbers.
        spaces: Names of the parts to search, of `"channel_attention"`, `"token_mixer"`,
            `"high_order"`, `"gating"` and `"pruning"`; the others keep their defaults, or are left
            out of the model. Defaults to `None`, channel attention and gating.
        units: Positive integer, the width of the head. Defaults to `128`.
        dtype: String, the type of the images; `"uint8"` ones are scaled to [0, 1]. Defaults to
            `"float32"`.
        normalized: Boolean, whether the images have been normalised already. Defaults to `False`.
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
        ValueError: If the shape, the task, a space or a number is invalid.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperImage((12, 12, 1), outputs=10)
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel.build(hp).output_shape
    (None, 10)
    >>> hp.values["image_channel_attention"], hp.values["gating"]
    ('identity', 'dense')
    """

    spaces_known = ("channel_attention", "token_mixer", "high_order", "gating", "pruning")

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        spaces: Iterable[str] | None = None,
        units: int = 128,
        dtype: str = "float32",
        normalized: bool = False,
        max_parameters: int | None = None,
        training_steps: int | None = None,
        task: str = "multiclass",
        target_statistics: Any = None,
    ) -> None:
        super().__init__(
            {"image": {"kind": "image", "shape": shape, "dtype": dtype, "normalized": normalized}},
            outputs,
            spaces,
            units,
            max_parameters=max_parameters,
            training_steps=training_steps,
            task=task,
            target_statistics=target_statistics,
        )
