"""Structure of the package: `python -m benchmarks.structure` prints what its readers go through.

- depth: classes of ours that a public layer stands on, at run time;
- files and moves: files that a steady eager call goes through, and how often it goes from one to
  another, without the checks of `BaseLayer.__call__` and without compilation;
- circles: groups of files that import one another;
- lines of code that are installed, names that `dir()` of each public package shows, seconds of
  `keras-hadamard --help` over those of an empty Python.
"""

import ast
import collections
import inspect
import statistics
import subprocess
import sys
import time
from pathlib import Path

import keras

import keras_hadamard
from keras_hadamard import layers

PACKAGE = Path(keras_hadamard.__file__).parent
ANCHORS = {
    "FeatureCross": [(5,)],
    "PolynomialDense": [(5,)],
    "GatedDense": [(5,)],
    "MLB": [(5,), (7,)],
    "MFB": [(5,), (7,)],
    "MUTAN": [(5,), (7,)],
    "MinGRU": [(6, 8)],
    "GatedLinearAttention": [(6, 8)],
    "CBAM2D": [(4, 4, 8)],
}
FIRST = {"PolynomialDense": (4,), "GatedDense": (4,), "MLB": (4,), "MFB": (4,), "MUTAN": (4,)}
LAYERS = {
    name: layer
    for name, layer in vars(layers).items()
    if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer)
}


def ours(layer: type) -> list[type]:
    """The classes of this package that a layer stands on."""
    return [c for c in layer.__mro__[1:] if c.__module__.startswith("keras_hadamard")]


def walked(name: str) -> list[tuple[int, int]]:
    """The files of ours that a steady call goes through, and the moves between them.

    Of all files, and of those of the layers without what the ops do.
    """
    first = FIRST.get(name, (4,) if name == "MinGRU" else ())
    layer = LAYERS[name](*first)
    inputs = [keras.ops.ones((2, *shape)) for shape in ANCHORS[name]]
    x = inputs if len(inputs) > 1 else inputs[0]
    files: list[str] = []

    def seen(frame: object, event: str, _: object) -> None:
        if event == "call":
            file = frame.f_code.co_filename  # type: ignore[attr-defined]
            if file.startswith(str(PACKAGE)) and files[-1:] != [file]:
                files.append(file)

    with keras_hadamard.config.eager_compile_scope(False):
        layer(x)
        sys.setprofile(seen)
        try:
            layer.call(x)
        finally:
            sys.setprofile(None)
    of_layers = [f for f in files if Path(f).relative_to(PACKAGE).parts[0] == "layers"]
    moves = [f for i, f in enumerate(of_layers) if of_layers[i - 1 : i] != [f]]
    return [(len(set(files)), len(files)), (len(set(moves)), len(moves))]


def imports() -> dict[Path, set[Path]]:
    """The files that each file imports."""
    places = {
        ".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts): p
        for p in PACKAGE.rglob("*.py")
    }
    found: dict[Path, set[Path]] = {}
    for path in places.values():
        if path.name == "__init__.py":
            continue
        nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
        modules = {m for n in nodes for m in (n.module, *(f"{n.module}.{a.name}" for a in n.names))}
        found[path] = {places[m] for m in modules if m in places}
    return found


def circles(graph: dict[Path, set[Path]]) -> int:
    """How many files import themselves by way of others."""

    def reached(start: Path) -> set[Path]:
        seen: set[Path] = set()
        left = list(graph.get(start, ()))
        while left:
            path = left.pop()
            if path not in seen:
                seen.add(path)
                left += graph.get(path, ())
        return seen

    return sum(path in reached(path) for path in graph)


def seconds(*command: str) -> float:
    """The median time of a command of five runs."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=False)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    depths = collections.Counter(len(ours(layer)) for layer in LAYERS.values())
    mean = sum(n * count for n, count in depths.items()) / len(LAYERS)
    print(f"depth of bases: mean {mean:.2f}, {dict(sorted(depths.items()))}")
    without = sum("call" not in vars(layer) for layer in LAYERS.values())
    print(f"layers without a call of their own: {without} of {len(LAYERS)}")
    for name in ANCHORS:
        (files, moves), (of_layers, between) = walked(name)
        print(
            f"{name}: {files} files, {moves} moves in a steady call; {of_layers} and {between} "
            "within the layers"
        )
    print(f"files in circles of imports: {circles(imports())}")
    lines = sum(len(p.read_text().splitlines()) for p in PACKAGE.rglob("*.py"))
    print(f"lines installed: {lines}")
    for name in ("layers", "models", "tuning", "pruning", "adapters", "serving", "datasets"):
        print(f"dir(keras_hadamard.{name}): {len(dir(getattr(keras_hadamard, name)))} names")
    starts = [seconds("-m", module, "--help") for module in ("keras_hadamard.cli",)]
    if (PACKAGE.parent / "keras_hadamard_cli").exists():
        starts = [seconds("-m", "keras_hadamard_cli", "--help")]
    print(f"--help: {starts[0]:.2f} s, an empty Python {seconds('-c', ''):.2f} s")


if __name__ == "__main__":
    main()
