"""Every public class and function is documented by the one template, and its example runs."""

import ast
import doctest
import inspect
import re
from types import ModuleType

import keras
import pytest

import keras_hadamard
from keras_hadamard import (
    activations,
    adapters,
    analysis,
    config,
    datasets,
    layers,
    models,
    ops,
    pruning,
    search,
    serving,
    tuning,
)

FLOORS: list[ModuleType] = [
    activations,
    adapters,
    analysis,
    config,
    datasets,
    layers,
    models,
    ops,
    pruning,
    search,
    serving,
    tuning,
]


def _public():
    found = {}
    for module in FLOORS:
        for name in getattr(module, "__all__", dir(module)):
            thing = getattr(module, name)
            ours = getattr(thing, "__module__", "").startswith("keras_hadamard")
            if name.startswith("_") or not ours or not callable(thing):
                continue
            found[f"{module.__name__.rpartition('.')[2]}.{name}"] = thing
    return found


PUBLIC = _public()
EVERY = pytest.mark.parametrize("name", sorted(PUBLIC))
LAYERS = [
    n
    for n, c in PUBLIC.items()
    if n.startswith("layers.") and inspect.isclass(c) and issubclass(c, keras.layers.Layer)
]
MODELS = [
    n
    for n, c in PUBLIC.items()
    if n.startswith("models.") and inspect.isclass(c) and issubclass(c, keras.Model)
]
OPS = [n for n in PUBLIC if n.startswith("ops.")]


def sections(text):
    """The template's sections, by their titles at the margin."""
    parts = re.split(r"^([A-Z][a-z]+(?: [a-z]+)*):\s*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(section):
    return dict(
        re.findall(r"^    \**(\w+): (.*?)(?=^    \**\w+: |\Z)", section, re.MULTILINE | re.DOTALL)
    )


def parameters(thing):
    signature = inspect.signature(thing.__init__ if inspect.isclass(thing) else thing)
    return {n: p for n, p in signature.parameters.items() if n != "self"}


@pytest.mark.whole
@EVERY
def test_summary(name):
    text = inspect.getdoc(PUBLIC[name])
    first, _, rest = text.partition("\n")
    assert first.endswith(".") and len(first) <= 100
    assert not rest or rest.startswith("\n")


@pytest.mark.whole
@EVERY
def test_every_argument_is_documented_with_its_default(name):
    thing = PUBLIC[name]
    arguments = parameters(thing)
    told = documented(sections(inspect.getdoc(thing)).get("Args", ""))
    if inspect.isclass(thing) and "__init__" not in vars(thing):
        return  # Constructed by its framework.
    assert set(told) == {n.lstrip("*") for n in arguments}
    for argument, parameter in arguments.items():
        stated = re.search(r"Defaults\s+to\s+`(.*?)`", told[argument], re.DOTALL)
        if parameter.default is parameter.empty:
            assert stated is None, argument
        else:
            assert stated, f"the default of {argument} is not told"
            assert ast.literal_eval(stated.group(1)) == parameter.default, argument


@pytest.mark.whole
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_layer_sections(name):
    wanted = [
        "Args",
        "Call arguments",
        "Input shape",
        "Output shape",
        "Weights",
        "Masking",
        "Numerics",
    ]
    found = list(sections(inspect.getdoc(PUBLIC[name])))
    assert [s for s in found if s in wanted] == wanted
    assert found[-2:] == ["Example", "Reference"]


@pytest.mark.whole
@pytest.mark.parametrize("row", layers.catalogue(), ids=lambda row: row.name)
def test_layer_has_an_equation_and_a_number_of_weights(row):
    assert " = " in row.equation and row.weights
    for text in (row.equation, row.weights):
        assert all(text.count(a) == text.count(b) for a, b in ("()", "[]")), text


@pytest.mark.whole
@pytest.mark.parametrize("name", sorted(MODELS))
def test_model_sections(name):
    found = list(sections(inspect.getdoc(PUBLIC[name])))
    assert found == ["Args", "Raises", "Example", "Reference"]


@pytest.mark.whole
@pytest.mark.parametrize("name", sorted(OPS))
def test_op_sections(name):
    found = list(sections(inspect.getdoc(PUBLIC[name])))
    assert found == ["Args", "Returns", "Numerics", "Raises", "Example", "Reference"]


@EVERY
def test_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(PUBLIC[name])
    if "Example" not in sections(text):
        assert inspect.isclass(PUBLIC[name]) and not name.startswith(("layers.", "ops.")), name
        return
    names = {"keras": keras, "keras_hadamard": keras_hadamard}
    examples = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    assert examples.examples
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(examples, out=lambda line: None)
    assert runner.failures == 0, f"the example of {name} does not give what it shows"


@pytest.mark.whole
@pytest.mark.parametrize("name", sorted(LAYERS + MODELS + OPS))
def test_reference_has_a_paper_a_year_and_a_link(name):
    reference = sections(inspect.getdoc(PUBLIC[name]))["Reference"]
    assert re.search(r"\[.+?\((?:\D+ )?(19|20)\d\d\)\]\(\s*https://", reference, re.DOTALL)
