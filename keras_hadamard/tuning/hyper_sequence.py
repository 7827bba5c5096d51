"""A classifier of token sequences whose recurrence, mixing and head are searched."""

from collections.abc import Iterable
from typing import Any

from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning._classifier import Layers, SearchedClassifier
from keras_hadamard.tuning._modalities import Modality


class HyperSequence(SearchedClassifier):
    """Classifier of token sequences: an embedding, token mixers, a recurrence, a gated head.

    The input `tokens` is embedded, with 0 as padding; `token_mixer_space` (`on="sequence"`) may
    follow, a recurrence of `recurrence_space`, or one `GRU`, makes a vector, `gating_space` comes
    next, and a softmax named `probabilities` ends the model. The model is compiled with Adam,
    sparse categorical cross-entropy and accuracy. The defaults, one GRU, are the baseline.

    With the default spaces there are 24,192 configurations: `learning_rate` (3),
    `tokens_recurrence` and those conditional on it (336), `gating` and those conditional on it
    (24).

    Args:
        length: Positive integer, the length of the sequences, padding included.
        vocabulary_size: Positive integer, tokens are below it.
        classes: Integer of two or more, how many classes there are.
        spaces: Names of what is searched, of `"recurrence"`, `"token_mixer"`, `"high_order"`,
            `"gating"` and `"pruning"`; the others stay at their defaults, or out of the model.
            Defaults to `("recurrence", "gating")`.
        units: Positive integer, the width of the head. Defaults to `128`.
        training_steps: Positive integer, how many batches a training has, see `pruning_space`,
            which alone needs it. Defaults to `None`.

    Raises:
        ValueError: If a space or a number is not as described.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperSequence(11, vocabulary_size=60, classes=4)
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
        classes: int,
        spaces: Iterable[str] = ("recurrence", "gating"),
        units: int = 128,
        training_steps: int | None = None,
    ) -> None:
        super().__init__(classes, spaces, units, training_steps)
        spec = {"kind": "tokens", "shape": (length,), "vocabulary_size": vocabulary_size}
        self.tokens = Modality("tokens", spec)

    def _parts(self, hp: Any) -> Layers:
        return self.tokens.declare(hp, self.spaces, self.units)

    def _features(self, parts: Layers) -> tuple[dict[str, Tensor], Tensor]:
        x, features = self.tokens.encode(parts, self.units)
        return {"tokens": x}, features
