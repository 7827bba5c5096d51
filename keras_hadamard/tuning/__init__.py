"""Search spaces for KerasTuner, and hypermodels made of them."""

from keras_hadamard._core.extras import require as _require

_require("keras_tuner", "keras-tuner", "keras_hadamard.tuning")

from keras_hadamard.tuning.adapter_space import adapter_space
from keras_hadamard.tuning.fusion_space import fusion_space
from keras_hadamard.tuning.gating_space import gating_space
from keras_hadamard.tuning.high_order_space import high_order_space
from keras_hadamard.tuning.hyper_image import HyperImage
from keras_hadamard.tuning.hyper_multimodal import HyperMultimodal
from keras_hadamard.tuning.hyper_sequence import HyperSequence
from keras_hadamard.tuning.hyper_tabular import HyperTabular
from keras_hadamard.tuning.pruning_space import pruning_space
from keras_hadamard.tuning.recurrence_space import recurrence_space
from keras_hadamard.tuning.space_size import space_size
from keras_hadamard.tuning.token_mixer_space import token_mixer_space

__all__ = [
    "HyperImage",
    "HyperMultimodal",
    "HyperSequence",
    "HyperTabular",
    "adapter_space",
    "fusion_space",
    "gating_space",
    "high_order_space",
    "pruning_space",
    "recurrence_space",
    "space_size",
    "token_mixer_space",
]


def __dir__() -> list[str]:
    return sorted(__all__)
