"""Settings of the whole test run: a quiet TensorFlow, and one policy and seed for each test."""

import functools
import gc
import os
import tempfile
from importlib.metadata import version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Most of the time goes into XLA's making of machine code, which is not what is tested: less
# optimisation is faster. tests/ops/test_default_compiler.py compiles every op as users do.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    # An older XLA ends the process at a flag that it does not know.
    + (" --xla_cpu_use_fusion_emitters=false" if version("tensorflow") >= "2.21" else ""),
)

import keras
import pytest
from harness.one_loader import OneLoader

from keras_hadamard._core.optimizer import build_optimizer
from keras_hadamard.layers.registry.fusions import FUSIONS
from keras_hadamard.layers.registry.gates import GATES
from keras_hadamard.layers.registry.mixers import TOKEN_MIXERS
from keras_hadamard.layers.registry.recurrences import RECURRENCES
from keras_hadamard.serving import _loader

pytest_plugins = ["harness.renewal", "harness.sample"]


@pytest.fixture(autouse=True)
def _fresh_keras():
    # Not clear_session: it walks the whole heap, which takes longer than most tests.
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True)
def _nothing_registered_by_other_tests(monkeypatch):
    """What a test, or a docstring's example, registers is gone after it."""
    for registry in (FUSIONS, TOKEN_MIXERS, RECURRENCES, *GATES.values()):
        monkeypatch.setattr(registry, "_registered", {})


@pytest.fixture(autouse=True, scope="session")
def _steps_are_traced_once():
    """Keras traces the first step twice, because it makes the optimizer's variables."""
    made = keras.Model.make_train_function

    @functools.wraps(made)
    def once(model, force=False):
        build_optimizer(model)
        return made(model, force)

    keras.Model.make_train_function = once
    yield
    keras.Model.make_train_function = made


@pytest.fixture(autouse=True, scope="module")
def _no_collection_of_what_stays():
    """Graphs of earlier tests stay for good; Python need not look at them over and over."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session")
def _loader_program():
    with tempfile.TemporaryFile("w+") as said:
        program = OneLoader(said)
        yield program
        program.close()


@pytest.fixture
def one_loader(monkeypatch, _loader_program):
    """Models are run by one loader program, and not each by its own."""
    monkeypatch.setattr(_loader, "subprocess", _loader_program)
