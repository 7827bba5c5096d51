"""The columns: the change to a model, and the check after it."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.foreign_models.load import Loading
from benchmarks.foreign_models.subject import Subject, near, perturbed
from keras_hadamard import adapters, pruning, serving

LOADING = Loading()
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
NOT_SCALED = "embedding|lstm|gru|cell|pointwise|separable"
# SparseGPT goes through the model again for each kernel, and inverts a matrix of its inputs.
HESSIANS, INPUTS = 12, 1152


def _zero(model: keras.Model, places: list[int] | None = None) -> None:
    """Raises unless about half of the kernels is zero; of small ones a structure leaves more."""
    kernels = pruning.sparsity_report(model).kernels
    kernels = [kernels[place] for place in places or range(len(kernels))]
    share = sum(k.zeros for k in kernels) / sum(k.size for k in kernels)
    if share < 0.2:
        raise AssertionError(f"only {100 * share:.0f} % are zero")


def pruned(s: Subject, **kwargs: Any) -> pruning.PrunedModel:
    made = pruning.prune(s.model, 0.5, **kwargs)
    _zero(made)
    return made


def wanda(s: Subject) -> None:
    # What a recurrent kernel is multiplied by, a cell makes itself.
    pruned(s, criterion="wanda", calibration=s.x, exclude="recurrent_kernel", verbose=0)


def sparsegpt(s: Subject) -> None:
    small = [
        k.place
        for k in s.kernels
        if k.view[0] * k.view[1] <= INPUTS and "recurrent_kernel" not in k.path
    ]
    places = small[:: -(-len(small) // HESSIANS)]
    made = pruning.prune(
        s.model, 0.5, criterion="sparsegpt", calibration=s.x, target=places, verbose=0
    )
    _zero(made, places)
    if not all(np.isfinite(y).all() for y in keras.tree.flatten(made(s.x))):
        raise AssertionError("outputs that are no numbers")


def trained(s: Subject, criterion: str) -> None:
    """Two steps, between which the masks are chosen again."""
    schedule = pruning.ConstantSparsity(0.5, end_step=4, frequency=1)
    made = pruning.prune(s.model, schedule, criterion=criterion)
    before = made.get_masks()
    # Layer by layer, as it is called: to trace a large model takes longer than two steps.
    loss = keras.tree.map_structure(lambda _: "mse", s.targets)
    made.compile("sgd", loss, run_eagerly=True)
    made.fit(s.x, s.targets, batch_size=len(keras.tree.flatten(s.x)[0]), epochs=2, verbose=0)
    after = made.get_masks()
    if all(np.array_equal(before[path], after[path]) for path in before):
        raise AssertionError("masks that did not move")
    stripped = pruning.strip(made)
    _zero(stripped)
    near(stripped(s.x), made(s.x, training=False))


def stripped(s: Subject) -> None:
    for made in (s.pruned, pruning.prune(s.model, 0.5, structure="filter")):
        near(pruning.strip(made)(s.x), made(s.x))


def adapted(s: Subject, name: str) -> adapters.AdaptedModel:
    target = None
    if name == "VeRA":
        target = [k.place for k in s.adapted_kernels if k.view[0] == 1]
    made = adapters.apply(
        s.model, ADAPTERS[name](), target, exclude=NOT_SCALED if name == "IA3" else None
    )
    near(made(s.x), s.outputs, 1e-5)
    return made


def merged(s: Subject) -> None:
    for made in (s.adapted, perturbed(adapted(s, "LoHa"))):
        near(adapters.merge(made)(s.x), made(s.x))


def loaded(s: Subject) -> None:
    """Files of several models, which another process loads and compares."""
    models = {"pruned": s.pruned, "adapted": s.adapted, "stripped": pruning.strip(s.pruned)}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            model.save(Path(folder) / f"{name}.keras")
        outputs = {
            name: keras.tree.map_structure(np.asarray, model(s.x)) for name, model in models.items()
        }
        LOADING.compare(Path(folder), s.x, outputs)


def served(s: Subject) -> None:
    for made in (s.pruned, s.adapted):
        with tempfile.TemporaryDirectory() as folder:
            serving.export(made, folder)
            report = serving.check(folder, made)
            if not report.ok:
                raise AssertionError(" ".join(str(report).split()))


def on_the_edge(s: Subject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = serving.export_litert(pruning.strip(s.pruned), Path(folder) / "m.tflite")
        if not made.ok:
            raise AssertionError(f"LiteRT is off by {made.difference:.1g}")


COLUMNS: dict[str, Callable[[Subject], Any]] = {
    "magnitude": lambda s: _zero(s.pruned),
    "random": partial(pruned, criterion="random"),
    "movement": partial(trained, criterion="movement"),
    "RigL": partial(trained, criterion="rigl"),
    "SET": partial(trained, criterion="set"),
    "Wanda": wanda,
    "SparseGPT": sparsegpt,
    "2:4": partial(pruned, structure="2:4"),
    "block": partial(pruned, structure=(2, 2)),
    "filter": partial(pruned, structure="filter"),
    "channel": partial(pruned, structure="channel"),
    "strip": stripped,
    **{name: partial(adapted, name=name) for name in ADAPTERS},
    "merge": merged,
    "load": loaded,
    "serve": served,
    "LiteRT": on_the_edge,
}
