"""Three modalities, one of them missing at times: fusions that live with it.

Which part of SciPy is a function from? Each of some 2,500 documented functions of the installed
SciPy is seen three ways: the first words of its documentation (text), counts of what its code is
made of (a table), and the shape of the code on the page, 32 lines of 64 characters (an image). The
words say most. In use, a modality may be missing: code without documentation, or documentation
without code.

A vector that is not there is zero. Low-rank multimodal fusion (LMF) multiplies the three, each with
a constant 1 beside it, so that what a missing one leaves is a product of the others. A gated
multimodal unit (GMU) weighs each by a gate that sees them all. Both, the sum and the concatenation
stand in the same network, equally large. All are trained twice: on complete examples, and with
modality dropout, where each modality is missing for a quarter of the examples.

    python examples/three_modalities.py [--quick] [--out DIR]

writes three_modalities.csv (a line for each training) and three_modalities.png.
"""

import argparse
import ast
import csv
import re
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib
import numpy as np
import scipy

from keras_hadamard.layers import GMU, get_fusion

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PARTS = (
    "stats",
    "optimize",
    "signal",
    "sparse",
    "io",
    "interpolate",
    "special",
    "linalg",
    "spatial",
)
MODALITIES = ("text", "table", "image")
FUSIONS = ("concat", "sum", "lmf", "gmu")
WORDS, LINES, COLUMNS = 20, 32, 64
UNITS, BUDGET = 32, 13_000
RATES = (0.0, 0.25)
# What the code is made of, as Python's grammar names it.
COUNTED = (
    ast.arg,
    ast.Assign,
    ast.AugAssign,
    ast.Attribute,
    ast.BinOp,
    ast.Call,
    ast.Compare,
    ast.Constant,
    ast.For,
    ast.If,
    ast.keyword,
    ast.ListComp,
    ast.Raise,
    ast.Return,
    ast.Slice,
    ast.Subscript,
    ast.Tuple,
    ast.While,
)
SCENARIOS = {
    "all there": (1, 1, 1),
    "no text": (0, 1, 1),
    "no table": (1, 0, 1),
    "no image": (1, 1, 0),
    "text only": (1, 0, 0),
}


@dataclass
class Function:
    """A function seen three ways, where it is from, and the class or module it stands in."""

    words: list[str]
    counts: list[int]
    page: np.ndarray
    part: int
    owner: str


def functions() -> list[Function]:
    root, found = Path(scipy.__file__).parent, []
    for part, name in enumerate(PARTS):
        for path in sorted((root / name).rglob("*.py")):
            if "tests" in path.parts:
                continue
            source = path.read_text(encoding="utf-8")
            for top in ast.parse(source).body:
                owner = f"{path.relative_to(root)}:{getattr(top, 'name', '')}"
                for node in ast.walk(top):
                    if isinstance(node, ast.FunctionDef) and len(node.body) > 1:
                        text = ast.get_docstring(node)
                        if text:
                            found.append(seen(node, text, source, part, owner))
    return found


def seen(node: ast.FunctionDef, text: str, source: str, part: int, owner: str) -> Function:
    words = re.findall(r"[a-z]+", text.split("\n\n")[0].lower())[:WORDS]
    kinds = Counter(type(child) for child in ast.walk(node))
    # The documentation is the first statement; the page has what comes after it.
    lines = source.splitlines()[node.body[1].lineno - 1 : node.end_lineno]
    page = np.zeros((LINES, COLUMNS, 3), "float32")
    for row, line in enumerate(textwrap.dedent("\n".join(lines)).splitlines()[:LINES]):
        for column, character in enumerate(line[:COLUMNS]):
            if not character.isspace():
                page[row, column, character.isdigit() + 2 * (not character.isalnum())] = 1
    return Function(words, [kinds[kind] for kind in COUNTED], page, part, owner)


@dataclass
class Arrays:
    text: np.ndarray
    table: np.ndarray
    image: np.ndarray
    part: np.ndarray

    def inputs(self, present: tuple[int, ...] | np.ndarray) -> dict[str, np.ndarray]:
        present = np.broadcast_to(np.float32(present), (len(self.part), len(MODALITIES)))
        return {**{name: getattr(self, name) for name in MODALITIES}, "present": present}


def splits(found: list[Function], seed: int) -> tuple[list[Arrays], int]:
    """Three fifths to train, a fifth to choose the epoch, a fifth to test; one owner, one split."""
    owners = sorted({f.owner for f in found})
    lot = dict(zip(owners, np.random.default_rng(seed).integers(0, 5, len(owners)), strict=True))
    rows = [[f for f in found if lot[f.owner] in lots] for lots in ((0, 1, 2), (3,), (4,))]
    count = Counter(word for f in rows[0] for word in f.words)
    known = {word: n for n, word in enumerate((w for w, c in count.items() if c > 1), start=2)}
    tables = [np.log1p(np.array([f.counts for f in part], "float32")) for part in rows]
    mean, spread = tables[0].mean(0), tables[0].std(0) + 1e-6
    made = []
    for part, table in zip(rows, tables, strict=True):
        text = np.zeros((len(part), WORDS), "int32")  # 0 is padding, 1 a word not known.
        for line, function in zip(text, part, strict=True):
            line[: len(function.words)] = [known.get(word, 1) for word in function.words]
        image = np.stack([f.page for f in part])
        made.append(Arrays(text, (table - mean) / spread, image, np.array([f.part for f in part])))
    return made, len(known) + 2


def network(fusion: str, vocabulary: int) -> keras.Model:
    """An encoder for each modality, what is missing made zero, a fusion and a classifier."""
    layers = keras.layers
    text = keras.Input((WORDS,), dtype="int32", name="text")
    table = keras.Input((len(COUNTED),), name="table")
    image = keras.Input((LINES, COLUMNS, 3), name="image")
    present = keras.Input((len(MODALITIES),), name="present")
    x = layers.Embedding(vocabulary, UNITS, mask_zero=True)(text)
    y = image
    for filters in (8, 16, 16):
        y = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(y)
    encoded = [
        layers.GlobalAveragePooling1D()(x),
        layers.Dense(UNITS, activation="relu")(table),
        layers.Dense(UNITS, activation="relu")(layers.Flatten()(y)),
    ]
    encoded = [layers.Dropout(0.3)(layers.Dense(UNITS)(vector)) for vector in encoded]
    there = [present[:, n : n + 1] for n in range(len(encoded))]
    kept = [layers.Multiply()([v, t]) for v, t in zip(encoded, there, strict=True)]
    shapes = [vector.shape for vector in kept]
    fused = get_fusion(fusion, UNITS, shapes, max_parameters=BUDGET, name="fusion")(kept)
    fused = layers.Dropout(0.3)(layers.ReLU()(fused) if fusion != "gmu" else fused)
    part = layers.Dense(len(PARTS), activation="softmax", name="part")(fused)
    return keras.Model([text, table, image, present], part)


class Examples(keras.utils.PyDataset):
    """Batches of the training split, in which modalities go missing by a rate."""

    def __init__(self, arrays: Arrays, rate: float, seed: int) -> None:
        super().__init__()
        self.arrays, self.rate, self.rng = arrays, rate, np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.arrays.part) // 64)

    def on_epoch_end(self) -> None:
        count = len(self.arrays.part)
        self.order = self.rng.permutation(count)
        present = self.rng.random((count, len(MODALITIES))) >= self.rate
        present[~present.any(1)] = True  # An example of which nothing is there teaches nothing.
        self.inputs = self.arrays.inputs(present)

    def __getitem__(self, batch: int) -> tuple:
        rows = self.order[64 * batch : 64 * (batch + 1)]
        return {name: x[rows] for name, x in self.inputs.items()}, self.arrays.part[rows]


def train(
    fusion: str, rate: float, made: list[Arrays], vocabulary: int, seed: int, epochs: int
) -> tuple[keras.Model, dict[str, float]]:
    """A network trained while modalities go missing by a rate, and its accuracies on test."""
    keras.utils.set_random_seed(seed)
    model = network(fusion, vocabulary)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    seen, valid, test = made
    # The epoch is chosen on what the training promises: all there, or missing as often.
    present = np.random.default_rng(0).random((len(valid.part), len(MODALITIES))) >= rate
    best = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=epochs, restore_best_weights=True, mode="max"
    )
    model.fit(
        Examples(seen, rate, seed),
        epochs=epochs,
        validation_data=(valid.inputs(present), valid.part),
        callbacks=[best],
        verbose=0,
    )
    scores = {}
    for name, there in SCENARIOS.items():
        guess = model.predict(test.inputs(there), batch_size=500, verbose=0).argmax(-1)
        scores[name] = float((guess == test.part).mean())
    return model, scores


def gates(model: keras.Model, test: Arrays) -> dict[str, np.ndarray]:
    """How far the unit opens itself to each modality, as the mean of its gates."""
    layer = model.get_layer("fusion")
    open_to = GMU.from_config({**layer.get_config(), "return_gates": True, "name": "opened"})
    _, opened = open_to(layer.input)
    open_to.set_weights(layer.get_weights())
    telling = keras.Model(model.inputs, opened)
    return {
        name: telling.predict(test.inputs(there), batch_size=500, verbose=0).mean((0, 2))
        for name, there in SCENARIOS.items()
    }


def finished(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(path: Path, made: list[Arrays], vocabulary: int, seeds: int, epochs: int) -> dict:
    """Trains what the table lacks, and returns the gates of the last unit that was trained."""
    fields = ("fusion", "dropped", "seed", "parameters", *SCENARIOS)
    if not path.exists():
        path.write_text(",".join(fields) + "\n", encoding="utf-8")
    done = {(line["fusion"], line["dropped"], line["seed"]) for line in finished(path)}
    opened: dict[str, np.ndarray] = {}
    for seed in range(seeds):
        for rate in RATES:
            for fusion in FUSIONS:
                if (fusion, str(rate), str(seed)) in done:
                    continue
                keras.utils.clear_session()
                model, scores = train(fusion, rate, made, vocabulary, seed, epochs)
                count = sum(int(np.prod(w.shape)) for w in model.get_layer("fusion").weights)
                shown = [f"{score:.4f}" for score in scores.values()]
                with open(path, "a", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerow([fusion, rate, seed, count, *shown])
                if fusion == "gmu" and rate:
                    opened = gates(model, made[2])
    return opened


def summary(lines: list[dict[str, str]]) -> dict[tuple[str, float], dict[str, np.ndarray]]:
    """Mean and spread of each scenario's accuracy, in percent."""
    result = {}
    for rate in RATES:
        for fusion in FUSIONS:
            mine = [ln for ln in lines if (ln["fusion"], float(ln["dropped"])) == (fusion, rate)]
            scores = {name: np.array([ln[name] for ln in mine], float) for name in SCENARIOS}
            result[fusion, rate] = {
                k: 100 * np.array([s.mean(), s.std()]) for k, s in scores.items()
            }
    return result


def table_of(lines: list[dict[str, str]]) -> str:
    counts = {ln["fusion"]: int(ln["parameters"]) for ln in lines}
    text = [
        f"  {'fusion':<8}{'parameters':>11}{'dropped':>9}" + "".join(f"{s:>15}" for s in SCENARIOS)
    ]
    for (fusion, rate), scores in summary(lines).items():
        cells = "".join(f"{m:>8.1f} +- {s:3.1f}" for m, s in scores.values())
        text.append(f"  {fusion:<8}{counts[fusion]:>11,}{rate:>9}{cells}")
    return "\n".join(text)


def draw(lines: list[dict[str, str]], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(13, 4.5), sharey=True, layout="constrained")
    figures, places = summary(lines), np.arange(len(SCENARIOS))
    for axis, rate, title in zip(
        axes, RATES, ("trained on complete examples", "trained with modality dropout"), strict=True
    ):
        for n, fusion in enumerate(FUSIONS):
            means, spreads = np.array(list(figures[fusion, rate].values())).T
            axis.bar(places + 0.2 * (n - 1.5), means, 0.2, yerr=spreads, capsize=2, label=fusion)
        axis.set_xticks(places, list(SCENARIOS))
        axis.set(title=title)
        axis.grid(axis="y", lw=0.3)
    axes[0].set_ylabel("accuracy on test (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Three modalities, one of them missing at times.")
    parser.add_argument("--quick", action="store_true", help="one short training each")
    parser.add_argument("--out", type=Path, default=Path("runs/three_modalities"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "three_modalities.csv"
    found = functions()
    made, vocabulary = splits(found[::4] if options.quick else found, seed=0)
    print(f"{len(found):,} functions; {[len(split.part) for split in made]} to train, choose, test")
    seeds, epochs = (1, 1) if options.quick else (3, 30)
    opened = run(path, made, vocabulary, seeds, epochs)
    lines = finished(path)
    most = np.bincount(made[2].part).max() / len(made[2].part)
    print(f"accuracy on test in percent; the largest part makes up {100 * most:.1f}")
    print(table_of(lines))
    for name, means in opened.items():
        shown = ", ".join(f"{m} {v:.2f}" for m, v in zip(MODALITIES, means, strict=True))
        print(f"  gates of the GMU, {name}: {shown}")
    draw(lines, options.out / "three_modalities.png")
    print(f"\nThe trainings and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
