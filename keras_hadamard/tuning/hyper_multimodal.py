"""A classifier of several inputs with all spaces in it."""

from collections.abc import Iterable, Mapping
from typing import Any

from keras_hadamard._core.checks import received
from keras_hadamard._core.typing import Tensor
from keras_hadamard.tuning._classifier import Layers, SearchedClassifier
from keras_hadamard.tuning._modalities import Modality
from keras_hadamard.tuning.fusion_space import fusion_space


class HyperMultimodal(SearchedClassifier):
    """Classifier of two or more named inputs, in whose every part something may be searched.

    Images are encoded as `HyperImage` does, tokens as `HyperSequence` does, vectors as
    `HyperTabular` does; `fusion_space` joins the encoded vectors, `gating_space` follows, and a
    softmax named `probabilities` ends the model. The model is compiled with Adam, sparse
    categorical cross-entropy and accuracy. Parameters of an encoder begin with the input's name.
    `HyperFusionClassifier`, of which `search` makes use, has lighter encoders.

    With the default spaces there are 40,104 configurations for two inputs: `learning_rate` (3),
    `fusion` and those conditional on it (557), `gating` and those conditional on it (24).

    Args:
        inputs: Dict from two or more names to specs. A spec is a dict or an object with `kind`
            (`"image"`, `"tokens"` or `"vector"`), `shape` without the batch, for tokens
            `vocabulary_size`, and optionally `dtype`; `uint8` images are scaled to [0, 1].
        classes: Integer of two or more, how many classes there are.
        spaces: Names of what is searched, of `"fusion"`, `"gating"`, `"attention"`,
            `"token_mixer"`, `"recurrence"`, `"high_order"` and `"pruning"`; the others stay at
            their defaults, or out of the model. Defaults to `("fusion", "gating")`.
        units: Positive integer, the width of the encoded, fused and gated vectors. Defaults to
            `128`.
        max_fusion_parameters: Positive integer, the most parameters of the fusion, see
            `fusion_space`. Defaults to `None`: fusions draw their widths.
        training_steps: Positive integer, how many batches a training has, see `pruning_space`,
            which alone needs it. Defaults to `None`.

    Raises:
        ValueError: If an input, a space or a number is not as described.

    Example:

    >>> import keras_tuner
    >>> hypermodel = keras_hadamard.tuning.HyperMultimodal(
    ...     inputs={
    ...         "image": {"kind": "image", "shape": (12, 12, 1)},
    ...         "age": {"kind": "vector", "shape": (3,)},
    ...     },
    ...     classes=4,
    ...     spaces=("fusion", "attention", "high_order"),
    ... )
    >>> hp = keras_tuner.HyperParameters()
    >>> hp.values["age_high_order"] = "quadratic"
    >>> hypermodel.build(hp).output_shape
    (None, 4)
    >>> hp.values["fusion"], hp.values["image_attention"]
    ('concat', 'identity')
    """

    spaces_known = (
        "fusion",
        "gating",
        "attention",
        "token_mixer",
        "recurrence",
        "high_order",
        "pruning",
    )

    def __init__(
        self,
        inputs: Mapping[str, Any],
        classes: int,
        spaces: Iterable[str] = ("fusion", "gating"),
        units: int = 128,
        max_fusion_parameters: int | None = None,
        training_steps: int | None = None,
    ) -> None:
        super().__init__(classes, spaces, units, training_steps)
        if not isinstance(inputs, Mapping) or len(inputs) < 2:
            raise received("`inputs` to be a dict with two or more inputs", inputs=inputs)
        self.modalities = [Modality(name, spec) for name, spec in inputs.items()]
        self.max_fusion_parameters = max_fusion_parameters

    def _parts(self, hp: Any) -> Layers:
        parts: Layers = {}
        for modality in self.modalities:
            parts |= modality.declare(hp, self.spaces, self.units)
        parts["fusion"] = fusion_space(
            hp,
            units=self.units,
            include=None if "fusion" in self.spaces else ["concat"],
            modalities=[self.units] * len(self.modalities),
            max_parameters=self.max_fusion_parameters,
        )
        return parts

    def _features(self, parts: Layers) -> tuple[dict[str, Tensor], Tensor]:
        encoded = {m.name: m.encode(parts, self.units) for m in self.modalities}
        inputs = {name: x for name, (x, _) in encoded.items()}
        return inputs, parts["fusion"]([features for _, features in encoded.values()])
