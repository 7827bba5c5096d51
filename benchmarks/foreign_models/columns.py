"""What is done to a model in each column, and what has to hold after it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_hadamard import adapters, pruning, serving

ADAPTERS: dict[str, Callable[[], Any]] = {
    "LoRA": lambda: adapters.LoRA(2),
    "LoHa": lambda: adapters.LoHa(2),
    "LoKr": lambda: adapters.LoKr(2),
    "VeRA": lambda: adapters.VeRA(2),
    "HiRA": lambda: adapters.HiRA(2),
    "ABBA": lambda: adapters.ABBA(2),
    "IA3": lambda: adapters.IA3(),
    "DoRA": lambda: adapters.DoRA(2),
}
# An adapter of outputs has none of a cell, whose bias serves two kernels; embeddings have no
# inputs to scale.
NOT_ADAPTED = {"IA3": "embedding|lstm|gru|cell|pointwise|separable", "VeRA": None}


def inputs_of(model: keras.Model, batch: int = 4) -> Any:
    """Random inputs; ids below the vocabulary."""
    rng = np.random.default_rng(0)
    specs = model.inputs if getattr(model, "inputs", None) else [keras.KerasTensor((None, 6))]

    def one(x: Any) -> np.ndarray:
        shape = (batch, *x.shape[1:])
        if "int" in x.dtype:
            return rng.integers(0, 11, shape).astype(x.dtype)
        return rng.normal(size=shape).astype("float32")

    made = [one(x) for x in specs]
    return made if len(made) > 1 else made[0]


def near(got: Any, wanted: Any, tolerance: float = 1e-4) -> None:
    wanted = np.asarray(wanted)
    error = np.abs(np.asarray(got) - wanted).max() / max(1.0, np.abs(wanted).max())
    if not error <= tolerance:
        raise AssertionError(f"off by {error:.1g}")


def pruned(model: keras.Model, x: Any, **kwargs: Any) -> pruning.PrunedModel:
    made = pruning.prune(model, 0.5, **kwargs)
    share = pruning.sparsity_report(made).sparsity
    if share < 0.2:
        raise AssertionError(f"only {100 * share:.0f} % are zero")
    return made


def stripped(model: keras.Model, x: Any) -> None:
    for structure in (None, "filter"):
        made = pruned(model, x, structure=structure)
        near(pruning.strip(made)(x), made(x))


def adapted(model: keras.Model, x: Any, name: str) -> adapters.AdaptedModel:
    made = adapters.apply(model, ADAPTERS[name](), exclude=NOT_ADAPTED.get(name))
    near(made(x), model(x), 1e-5)
    rng = np.random.default_rng(1)
    for weight in made.trainable_variables:
        weight.assign_add(0.03 * rng.normal(size=weight.shape))
    return made


def merged(model: keras.Model, x: Any) -> None:
    made = adapted(model, x, "LoHa")
    near(adapters.merge(made)(x), made(x))


def saved(model: keras.Model, x: Any) -> None:
    for made in (pruned(model, x), adapted(model, x, "LoRA")):
        with tempfile.TemporaryDirectory() as folder:
            made.save(Path(folder) / "m.keras")
            near(keras.models.load_model(Path(folder) / "m.keras")(x), made(x), 1e-6)


def served(model: keras.Model, x: Any) -> None:
    for made in (pruned(model, x), adapted(model, x, "LoRA")):
        with tempfile.TemporaryDirectory() as folder:
            serving.export(made, folder)
            report = serving.check(folder, made)
            if not report.ok:
                raise AssertionError(str(report).splitlines()[0])


def on_the_edge(model: keras.Model, x: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        serving.export_litert(pruning.strip(pruned(model, x)), Path(folder) / "m.tflite")


COLUMNS: dict[str, Callable[[keras.Model, Any], Any]] = {
    "magnitude": pruned,
    "movement": lambda model, x: pruned(model, x, criterion="movement"),
    # What a recurrent kernel is multiplied by, a cell makes itself.
    "wanda": lambda m, x: pruned(
        m, x, criterion="wanda", calibration=x, exclude="recurrent_kernel", verbose=0
    ),
    "2:4": lambda model, x: pruned(model, x, structure="2:4"),
    "filter": lambda model, x: pruned(model, x, structure="filter"),
    "strip": stripped,
    **{name: (lambda m, x, name=name: adapted(m, x, name)) for name in ADAPTERS},
    "merge": merged,
    "save": saved,
    "serve": served,
    "LiteRT": on_the_edge,
}
