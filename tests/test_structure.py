"""The floors of the house, and what the import costs."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_hadamard

# Reading is fast.
pytestmark = pytest.mark.whole
PACKAGE = Path(keras_hadamard.__file__).parent
# From the ground up: a package imports from those before it, and from itself.
ORDER = [
    "_version",
    "_core",
    "config",
    "activations",
    "ops",
    "layers",
    "datasets",
    "serving",
    "pruning",
    "adapters",
    "models",
    "tuning",
    "analysis",
    "search",
    "cli",
]
MAY_IMPORT_TENSORFLOW = {"ops", "serving", "datasets"}
FILES = sorted(p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py"))


def imports(path):
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def package_of(path):
    return path.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_downwards(path):
    if len(path.parts) == 1 and path.name in ("__init__.py", "__main__.py"):
        return  # The public API looks at all packages.
    for module in imports(path):
        if module.startswith("keras_hadamard."):
            there = module.split(".")[1]
            assert ORDER.index(there) <= ORDER.index(package_of(path)), module


def test_no_file_imports_itself_by_way_of_others():
    """Names that a package's `__init__` offers are looked for where they stand."""
    places = {".".join(("keras_hadamard", *p.with_suffix("").parts)): p for p in FILES}
    within = {
        path: {
            places[module]
            for module in imports(path)
            if module in places and not (path.name == "__init__.py" and package_of(path) == path)
        }
        for path in FILES
        if path.name != "__init__.py"
    }
    done: set[Path] = set()

    def visit(path, on_the_way):
        assert path not in on_the_way, [*map(str, on_the_way), str(path)]
        if path not in done:
            for other in within.get(path, ()):
                visit(other, [*on_the_way, path])
            done.add(path)

    for path in within:
        visit(path, [])


@pytest.mark.parametrize("path", FILES, ids=str)
def test_tensorflow_stays_on_its_floors(path):
    used = {m for m in imports(path) if m.split(".")[0] == "tensorflow"}
    # What Keras has of training on several devices is tf.distribute's.
    distributed = path.as_posix() == "search/strategies.py"
    # A graph of operations is TensorFlow's; the analyses are of what this file reads of it.
    graph = path.as_posix() == "analysis/_graph.py"
    assert not used or path.parts[0] in MAY_IMPORT_TENSORFLOW or distributed or graph


@pytest.mark.parametrize("path", FILES, ids=str)
def test_private_apis_stand_in_one_file(path):
    private = {
        m
        for m in imports(path)
        if m.startswith(
            ("keras.src", "tensorflow.python", "tensorflow.compiler", "keras_tuner.src")
        )
    }
    own = ("ops/_xla.py", "ops/_onednn.py", "_core/introspection/private.py")
    assert not private or path.as_posix() in own, private


def test_one_file_resolves_the_names_of_activations():
    text = {path: (PACKAGE / path).read_text() for path in FILES}
    resolve = re.compile(r"activations\.(get|serialize|deserialize)\(")
    found = {
        path.as_posix()
        for path, source in text.items()
        for line in source.splitlines()
        if resolve.search(line) and "keras.activations" in line
    }
    assert found == {"activations.py"}


def test_one_file_reads_the_kernels_of_sublayers():
    """A stored kernel may be integers, or lack what an adapter adds: `effective_kernel` knows."""
    found = {}
    for path in FILES:
        if path.parts[0] != "layers":
            continue
        for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("kernel", "_kernel"):
                own = isinstance(node.value, ast.Name) and node.value.id == "self"
                if not own and ast.unparse(node.value) != "super()":
                    found.setdefault(path.as_posix(), []).append(ast.unparse(node))
    assert found == {"layers/_kernels.py": ["layer.kernel"]}


def test_private_attributes_of_others_stand_in_one_file():
    own, read = set(), {}
    for path in FILES:
        for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                own.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                own.add(node.attr)
            elif isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr):
                read.setdefault(node.attr, set()).add(path.as_posix())
    modules = {part.removesuffix(".py") for path in FILES for part in path.parts}
    foreign = {name: files for name, files in read.items() if name not in own | modules}
    # Keras's, KerasTuner's, and Ray's.
    places = {"_core/introspection/private.py", "search/algorithms.py", "search/ray_session.py"}
    assert set().union(*foreign.values()) == places, foreign


HEAVY = ["keras_tuner", "tensorflow_datasets", "scipy", "sklearn", "matplotlib", "tensorboard"]


def run(code, **env):
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        # Compiled files are kept, as they are for users.
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "", **env},
    )
    return result


def test_import_loads_nothing_heavy():
    # Beyond what keras itself loads: where scikit-learn is installed, its wrappers do.
    code = f"""
import sys, keras
before = set(sys.modules)
import keras_hadamard
print([m for m in {HEAVY} if m in set(sys.modules) - before])
"""
    result = run(code)
    assert result.stdout.strip() == "[]", result.stderr


def test_import_costs_little():
    code = """
import time, keras, tensorflow
start = time.perf_counter()
import keras_hadamard
print(time.perf_counter() - start)
"""
    # Once of several tries: the machine does other things too.
    assert any(float(run(code).stdout) <= 0.3 for _ in range(3))


def test_subpackages_load_when_used():
    assert keras_hadamard.serving.export
    assert {"serving", "tuning", "datasets"} <= set(dir(keras_hadamard))
    with pytest.raises(AttributeError, match="no attribute"):
        _ = keras_hadamard.nonsense


def test_another_backend_is_refused_with_a_reason():
    # The other backends need packages of their own, so this one only says that it is another.
    result = run("import keras; keras.backend.backend = lambda: 'jax'; import keras_hadamard")
    assert result.returncode != 0
    assert "TensorFlow backend" in result.stderr and "KERAS_BACKEND=tensorflow" in result.stderr
