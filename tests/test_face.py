"""The face of the package: what each module offers, to people, completion and type checkers."""

import importlib
import inspect
import subprocess
import sys
import uuid
from pathlib import Path

import keras
import pytest

import keras_hadamard
from keras_hadamard import layers

ROOT = Path(__file__).parents[1]
DOMAINS = ["fusion", "high_order", "modulation", "pairwise"]
PACKAGES = [
    "keras_hadamard",
    *(f"keras_hadamard.{name}" for name in keras_hadamard.__all__ if name[0] != "_"),
    *(f"keras_hadamard.layers.{name}" for name in DOMAINS),
]
LAYERS = {
    name: layer
    for name in layers.__all__
    if inspect.isclass(layer := getattr(layers, name)) and issubclass(layer, keras.layers.Layer)
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_module_shows_its_api_and_nothing_else(name):
    module = importlib.import_module(name)
    assert dir(module) == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, public) for public in module.__all__)


def test_the_layers_are_those_of_the_domains_and_what_is_shared():
    domains = [importlib.import_module(f"keras_hadamard.layers.{name}") for name in DOMAINS]
    of_domains = [name for module in domains for name in module.__all__]
    shared = {"HadamardProduct", "catalogue", *layers.registry.__all__}
    assert sorted([*of_domains, *shared]) == sorted(layers.__all__)
    assert len(LAYERS) == 131


RIGHT = """
from keras_hadamard import layers, models, search, serving, tuning

layers.MLB(4, use_bias=False, name="fusion", dtype="float32")
layers.FeatureCross(2, use_bias=False, kernel_initializer="he_normal")
models.StarNet
serving.export
search.Search
tuning.fusion_space
"""
WRONG = {
    "layers.MLB(4, use_bais=True)": 'Unexpected keyword argument "use_bais" for "MLB"',
    "layers.PolynomialDense(4, degre=2)": '"degre" for "PolynomialDense"',
    "layers.NoSuchThing": 'no attribute "NoSuchThing"',
    "models.NoSuchThing": 'no attribute "NoSuchThing"',
    "keras_hadamard.no_such_thing": 'no attribute "no_such_thing"',
    "keras_hadamard.datasets.NoSuchThing": 'no attribute "NoSuchThing"',
}


@pytest.mark.slow
def test_a_type_checker_knows_the_names_and_the_arguments(tmp_path):
    # Names of their own: mypy remembers what it said of a module of the same name and text.
    run = uuid.uuid4().hex
    right, wrong = tmp_path / f"right_{run}.py", tmp_path / f"wrong_{run}.py"
    right.write_text(RIGHT)
    first = "import keras_hadamard\nfrom keras_hadamard import layers, models\n"
    wrong.write_text(first + "\n".join(WRONG) + "\n")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "setup.cfg", str(right), str(wrong)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    said = [line for line in checked.stdout.splitlines() if str(tmp_path) in line]
    assert not [line for line in said if right.name in line], checked.stdout + checked.stderr
    for number, (line, message) in enumerate(WRONG.items(), 3):
        assert any(f"{wrong.name}:{number}: error" in s and message in s for s in said), (
            line,
            checked.stdout + checked.stderr,
        )


def ours(layer):
    """The classes of this package that a layer stands on."""
    return [c for c in layer.__mro__[1:] if c.__module__.startswith("keras_hadamard")]


def test_a_layer_stands_on_two_classes_of_ours_at_most():
    assert not {n: [c.__name__ for c in b] for n, c in LAYERS.items() if len(b := ours(c)) > 2}


def test_a_layer_shows_its_equation_in_its_own_class():
    assert not [name for name, layer in LAYERS.items() if "call" not in vars(layer)]


def test_no_public_layer_inherits_from_another():
    public = set(LAYERS.values())
    assert not {n: both for n, c in LAYERS.items() if (both := public.intersection(ours(c)))}
