"""A model of token sequences whose recurrence, mixing and head are searched."""

from collections.abc import Iterable
from typing import Any

from keras_hadamard.tuning._searched_model import SearchedModel


class HyperSequence(SearchedModel):
    """Model of token sequences: an embedding, token mixers, a recurrence, a gated head.

    The input `tokens` is embedded, with 0 as padding; `token_mixer_space` (`on="sequence"`) may
    follow, a recurrence of `recurrence_space` makes a vector, `gating_space` comes next, and the
    outputs of the task end the model, which is compiled with Adam. The default, one GRU, is the
    baseline. If no recurrence is searched, `MinGRU` or the mean of the mixed tokens makes the
    vector.

    With the default spaces there are 24,192 configurations: `learning_rate` (3),
    `tokens_recurrence` and those conditional on it (336), `gating` and those conditional on it
    (24).

    Args:
        length: Positive integer, the length of the sequences, padding included.
        vocabulary_size: Positive integer, the number of different tokens.
        outputs: Positive integer, the number of classes (two or more; two for the task `"binary"`),
            labels or target numbers.
        spaces: Names of the parts to search, of `"recurrence"`, `"token_mixer"`, `"high_order"`,
            `"gating"` and `"pruning"`; the others keep their defaults, or are left out of the
            model. Defaults to `None`, recurrence and gating.
        units: Positive integer, the width of the head. Defaults to `128`.
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
    >>> hypermodel = keras_hadamard.tuning.HyperSequence(11, vocabulary_size=60, outputs=4)
    >>> hp = keras_tuner.HyperParameters()
    >>> hypermodel.build(hp).output_shape
    (None, 4)
    >>> hp.values["tokens_recurrence"], hp.values["gating"]
    ('gru', 'dense')
    """

    spaces_known = ("recurrence", "token_mixer", "high_order", "gating", "pruning")

    def __init__(
        self,
        length: int,
        vocabulary_size: int,
        outputs: int,
        spaces: Iterable[str] | None = None,
        units: int = 128,
        max_parameters: int | None = None,
        training_steps: int | None = None,
        task: str = "multiclass",
        target_statistics: Any = None,
    ) -> None:
        super().__init__(
            {"tokens": {"kind": "tokens", "shape": (length,), "vocabulary_size": vocabulary_size}},
            outputs,
            spaces,
            units,
            max_parameters=max_parameters,
            training_steps=training_steps,
            task=task,
            target_statistics=target_statistics,
        )
