"""A model of any inputs with all spaces in it."""

from collections.abc import Iterable, Mapping
from typing import Any

from keras_hadamard.tuning._searched_model import SearchedModel


class HyperMultimodal(SearchedModel):
    """Model of one or more named inputs, with a search of any of its parts.

    Each input is encoded as a vector, `fusion_space` joins the vectors if there are several,
    `gating_space` follows, and the outputs of the task end the model, which is compiled with Adam.
    Parameters of an encoder begin with the input's name. The encoders are

    - of an image a small convolutional network, which attention over channels
      (`<name>_channel_attention`) and token mixers (`<name>_token_mixer`) may follow;
    - of tokens an embedding and `MinGRU`, which may be replaced by token mixers
      (`<name>_token_mixer`) and a recurrence (`<name>_recurrence`);
    - of a vector a normalisation, and of columns of ids an embedding for each.

    A dense layer ends each encoder except those of tokens; if layers of higher order are searched
    (`<name>_high_order`), one of these ends each encoder. With all defaults the model is the
    baseline, with concatenation and plain dense layers.

    The tasks are

    - `"multiclass"` and `"binary"`: a softmax named `probabilities`, sparse categorical
      cross-entropy, accuracy;
    - `"multilabel"`: a sigmoid for each label, also `probabilities`, binary cross-entropy, binary
      accuracy;
    - `"regression"`: numbers in the targets' own units, named `prediction`, the mean of squared
      errors in standard deviations of the targets, mean absolute error.

    With the default spaces there are 40,824 configurations for two inputs: `learning_rate` (3),
    `fusion` and those conditional on it (567), `gating` and those conditional on it (24).

    Args:
        inputs: Dict from one or more names to specs. A spec is a dict or an object with `kind`
            (`"image"`, `"tokens"`, `"vector"` or `"fields"`), `shape` without the batch, for tokens
            `vocabulary_size`, for fields (integers that identify the value of each column)
            `vocabulary_sizes` with one number for each column, and optionally `dtype` (`"uint8"`
            images are scaled to [0, 1]) and `normalized`, whether a vector or an image has been
            normalised already.
        outputs: Positive integer, the number of classes (two or more; two for the task `"binary"`),
            labels or target numbers.
        spaces: Names of the parts to search, of `"fusion"`, `"gating"`, `"channel_attention"`,
            `"token_mixer"`, `"recurrence"`, `"high_order"` and `"pruning"`; the others keep their
            defaults, or are left out of the model. Defaults to `None`: fusion and gating of several
            inputs; gating, and of an image channel attention, of tokens recurrence, of a vector or
            fields higher order, of one input.
        units: Positive integer, the width of the encoded, fused and gated vectors. Defaults to
            `128`.
        fusions: Names of the fusions to choose from, see `fusion_space`. Defaults to `None`, all
            that can be built.
        gatings: Names of the gates to choose from, see `gating_space`. Defaults to `None`, all.
        max_fusion_parameters: Positive integer, the maximum number of parameters of the fusion, see
            `fusion_space`. Defaults to `None`: fusions draw their widths.
        max_parameters: Positive integer, the maximum number of trainable parameters of a model: the
            fusion is as wide as half of it allows, unless it has its own limit, and the gated
            vector as wide as the rest allows, so that kinds are compared and not sizes. Defaults to
            `None`, no limit.
        training_steps: Positive integer, the number of batches of a training, see `pruning_space`,
            the only space that needs it. Defaults to `None`.
        task: String, `"multiclass"`, `"binary"`, `"multilabel"` or `"regression"`. Defaults to
            `"multiclass"`.
        target_statistics: Pair of arrays, the means and the standard deviations of the targets in
            training, only for regression. Defaults to `None`: targets have a mean near zero and a
            deviation near one.

    Raises:
        ValueError: If an input, a space, the task or a number is not as described.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperMultimodal(
    ...     inputs={
    ...         "image": {"kind": "image", "shape": (12, 32, 1), "dtype": "uint8"},
    ...         "question": {"kind": "tokens", "shape": (11,), "vocabulary_size": 60},
    ...     },
    ...     outputs=24,
    ... )
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel.build(hp).output_shape
    (None, 24)
    >>> hp.values["fusion"], hp.values["gating"]
    ('concat', 'dense')
    >>> hypermodel = keras_hadamard.tuning.HyperMultimodal(
    ...     inputs={"colours": {"kind": "fields", "shape": (2,), "vocabulary_sizes": (5, 9)}},
    ...     outputs=1,
    ...     task="regression",
    ...     target_statistics=([240.0], [35.0]),
    ... )
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["colours_high_order"] = "quadratic"
    >>> hypermodel.build(hp).get_layer("prediction").output.shape
    (None, 1)
    """

    spaces_known = (
        "fusion",
        "gating",
        "channel_attention",
        "token_mixer",
        "recurrence",
        "high_order",
        "pruning",
    )

    def __init__(
        self,
        inputs: Mapping[str, Any],
        outputs: int,
        spaces: Iterable[str] | None = None,
        units: int = 128,
        fusions: Iterable[str] | None = None,
        gatings: Iterable[str] | None = None,
        max_fusion_parameters: int | None = None,
        max_parameters: int | None = None,
        training_steps: int | None = None,
        task: str = "multiclass",
        target_statistics: Any = None,
    ) -> None:
        super().__init__(
            inputs,
            outputs,
            spaces,
            units,
            fusions=fusions,
            gatings=gatings,
            max_fusion_parameters=max_fusion_parameters,
            max_parameters=max_parameters,
            training_steps=training_steps,
            task=task,
            target_statistics=target_statistics,
        )
