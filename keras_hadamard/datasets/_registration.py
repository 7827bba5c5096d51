"""Makes our builders known to TFDS, without importing TFDS before someone else does."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

TFDS = "tensorflow_datasets"
MODULES = ("keras_hadamard.datasets.digits_vqa", "keras_hadamard.datasets.sort_of_clevr")


def register() -> None:
    """Registers the builders now if TFDS is imported, otherwise as soon as it is.

    `tfds.load("digits_vqa")` has to work after `import keras_hadamard.datasets`, in whichever order
    the two are imported; and reading a file of arrays has to work where TFDS is not installed.
    """
    if TFDS in sys.modules:
        _import_builders()
    elif not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def _import_builders() -> None:
    for module in MODULES:
        importlib.import_module(module)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds TFDS as the other finders do, and lets our builders register once it is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != TFDS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            _import_builders()

        # On this one loader object only, which stays what it is for whoever looks at it.
        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
