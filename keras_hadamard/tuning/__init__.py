"""Search spaces for KerasTuner, a hypermodel made of them, and the search with its report."""

from keras_hadamard.tuning._extras import require as _require

_require("keras_tuner", "keras-tuner")

from keras_hadamard.tuning.adapter_space import adapter_space as adapter_space  # noqa: E402
from keras_hadamard.tuning.follow import follow as follow  # noqa: E402
from keras_hadamard.tuning.fusion_space import fusion_space as fusion_space  # noqa: E402
from keras_hadamard.tuning.gating_space import gating_space as gating_space  # noqa: E402
from keras_hadamard.tuning.high_order_space import (  # noqa: E402
    high_order_space as high_order_space,
)
from keras_hadamard.tuning.hyper_fusion_classifier import (  # noqa: E402
    HyperFusionClassifier as HyperFusionClassifier,
)
from keras_hadamard.tuning.hyper_image import HyperImage as HyperImage  # noqa: E402
from keras_hadamard.tuning.hyper_multimodal import (  # noqa: E402
    HyperMultimodal as HyperMultimodal,
)
from keras_hadamard.tuning.hyper_sequence import HyperSequence as HyperSequence  # noqa: E402
from keras_hadamard.tuning.hyper_tabular import HyperTabular as HyperTabular  # noqa: E402
from keras_hadamard.tuning.pruning_space import pruning_space as pruning_space  # noqa: E402
from keras_hadamard.tuning.recurrence_space import (  # noqa: E402
    recurrence_space as recurrence_space,
)
from keras_hadamard.tuning.redraw import load_run as load_run  # noqa: E402
from keras_hadamard.tuning.redraw import redraw as redraw  # noqa: E402
from keras_hadamard.tuning.run import Run as Run  # noqa: E402
from keras_hadamard.tuning.search import SearchFailed as SearchFailed  # noqa: E402
from keras_hadamard.tuning.search import search as search  # noqa: E402
from keras_hadamard.tuning.settings import SearchError as SearchError  # noqa: E402
from keras_hadamard.tuning.settings import SearchSettings as SearchSettings  # noqa: E402
from keras_hadamard.tuning.space_size import space_size as space_size  # noqa: E402
from keras_hadamard.tuning.token_mixer_space import (  # noqa: E402
    token_mixer_space as token_mixer_space,
)
