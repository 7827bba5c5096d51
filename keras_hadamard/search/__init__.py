"""The search of the layers that suit a data set, with its report."""

from keras_hadamard._core.extras import require as _require

_require("keras_tuner", "keras-tuner", "keras_hadamard.search")

from keras_hadamard.search.rebuild import load_run, rebuild_report
from keras_hadamard.search.run import Run
from keras_hadamard.search.search import Search, SearchFailed
from keras_hadamard.search.settings import SearchError, SearchSettings

__all__ = [
    "Run",
    "Search",
    "SearchError",
    "SearchFailed",
    "SearchSettings",
    "load_run",
    "rebuild_report",
]


def __dir__() -> list[str]:
    return sorted(__all__)
