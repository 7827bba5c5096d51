"""Registration of our builders with TFDS, without importing TFDS."""

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
    """Registers the builders now if TFDS is imported, otherwise on its import.

    `tfds.load("digits_vqa")` has to work after `import keras_hadamard.datasets`, in any order of
    the two imports; and reading a file of arrays has to work without TFDS.
    """
    if TFDS in sys.modules:
        _import_builders()
    elif not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def _import_builders() -> None:
    for module in MODULES:
        importlib.import_module(module)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds TFDS as the other finders do, and registers our builders once it is imported."""

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
            # TFDS prints what fails in its own import, and goes on without its contents.
            if not hasattr(module, "core"):
                raise ImportError(
                    "tensorflow-datasets did not import, for the reason that it printed above. "
                    "Beside TensorFlow before 2.20, tensorflow-metadata has to be older too: "
                    "pip install 'tensorflow-metadata<1.18'"
                )
            _import_builders()

        # Only this one loader object is patched, so its class stays the same.
        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
