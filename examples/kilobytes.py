"""Kilobytes: which fusion, gate or mixer is worth its place on a small device.

Handwritten digits are set down at random places of a larger field. Each network is as wide as its
file for LiteRT in eight bits may be large, 20, 50 or 100 kB, and what is compared is what a device
has of it: the file's accuracy on unseen digits, its size, and the time of a call on one thread.

Three skeletons, in each of which one word changes: a gate behind convolutions, a mixer of the
positions of a picture, and a fusion of its upper and its lower half.

    python examples/kilobytes.py [--quick] [--out DIR]

writes kilobytes.csv (one row a run) and kilobytes.png.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import matplotlib
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

from keras_hadamard import serving
from keras_hadamard.layers import get_fusion, get_gate, get_token_mixer

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FIELD, CLASSES = 12, 10
BUDGETS = (20, 50, 100)
# The words, by the skeleton that they stand in; the first of each is the usual one.
WORDS = {
    "gate": ("dense", "glu", "bilinear"),
    "mixer": ("attention", "gmlp", "aft"),
    "fusion": ("concat", "hadamard", "mlb"),
}
QUICK = {"gate": ("dense", "bilinear"), "fusion": ("concat", "hadamard")}


def digits(copies: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training and test digits, each digit of the training set at several places of the field."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8, 1).astype("float32") / 16
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1200], order[1200:]
    return placed(images, labels, np.repeat(train, copies)), placed(images, labels, test)


def placed(images: np.ndarray, labels: np.ndarray, which: np.ndarray) -> tuple:
    rng = np.random.default_rng(len(which))
    fields = np.zeros((len(which), FIELD, FIELD, 1), "float32")
    corners = rng.integers(0, FIELD - 8 + 1, (len(which), 2))
    for field, image, (top, left) in zip(fields, images[which], corners, strict=True):
        field[top : top + 8, left : left + 8] = image
    return fields, labels[which]


def convolutions(x, width: int):
    """Two halvings of a picture, to a map that is `width` deep."""
    for filters in (max(2, width // 2), width):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return x


def gated(name: str, width: int) -> keras.Model:
    inputs = keras.Input((FIELD, FIELD, 1), name="field")
    x = layers.Flatten()(convolutions(inputs, width))
    x = get_gate(name, 2 * width)(x)
    return keras.Model(inputs, layers.Dense(CLASSES, "softmax", name="digit")(x))


def mixed(name: str, width: int) -> keras.Model:
    inputs = keras.Input((FIELD, FIELD, 1), name="field")
    x = layers.Conv2D(4 * width, 3, strides=2, padding="same")(inputs)
    x = layers.Reshape((FIELD * FIELD // 4, 4 * width))(x)
    mixer = get_token_mixer(name, 4 * width, length=FIELD * FIELD // 4)
    x = x + mixer(layers.LayerNormalization()(x))
    x = x + layers.Dense(4 * width)(layers.Dense(8 * width, "relu")(x))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(CLASSES, "softmax", name="digit")(x))


def fused(name: str, width: int) -> keras.Model:
    inputs = keras.Input((FIELD, FIELD, 1), name="field")
    halves = [inputs[:, : FIELD // 2], inputs[:, FIELD // 2 :]]
    branches = [layers.Flatten()(convolutions(half, width)) for half in halves]
    x = get_fusion(name, 2 * width)(branches)
    return keras.Model(
        inputs, layers.Dense(CLASSES, "softmax", name="digit")(layers.Activation("relu")(x))
    )


SKELETONS: dict[str, Callable[[str, int], keras.Model]] = {
    "gate": gated,
    "mixer": mixed,
    "fusion": fused,
}


def converted(model: keras.Model, x: np.ndarray, y: np.ndarray | None = None) -> serving.Artifact:
    """The file in eight bits, wholly: it is judged by what it gets right, not by its scores."""
    with tempfile.TemporaryDirectory() as folder:
        return serving.export_litert(
            model, f"{folder}/m.tflite", "int8", examples={"field": x}, targets=y, tolerance=1.0
        )


def size(model: keras.Model, x: np.ndarray) -> int:
    """The bytes of its file once it is trained: weights that are all alike take less place."""
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.uniform(0.01, 0.1, w.shape) for w in model.get_weights()])
    return converted(model, x[:40]).size


def fitting(make: Callable[[int], keras.Model], kilobytes: int, x: np.ndarray) -> int:
    """The widest whose file is within the budget.

    Files grow with the weights nearly as a line does, which two of them show.
    """
    few = [make(width) for width in (4, 16)]
    counts = [model.count_params() for model in few]
    sizes = [size(model, x) for model in few]
    slope = (sizes[1] - sizes[0]) / (counts[1] - counts[0])
    limit = 0.98 * 1024 * kilobytes
    most = counts[0] + (limit - sizes[0]) / slope
    width = 4
    while make(width + 1).count_params() <= most:
        width += 1
    while width > 1 and size(make(width), x) > limit:
        width -= 1
    return width


def trained(make: Callable, width: int, seed: int, data: tuple, epochs: int) -> keras.Model:
    x, y = data
    keras.utils.set_random_seed(seed)
    model = make(width)
    steps = epochs * (len(x) // 64)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        "sparse_categorical_crossentropy",
    )
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
    return model


def measured(model: keras.Model, train: tuple, test: tuple) -> serving.Artifact:
    """The file, calibrated on training digits and judged on all test digits: the last fifth."""
    calibrating = 4 * len(test[0])
    return converted(
        model,
        np.concatenate([train[0][:calibrating], test[0]]),
        np.concatenate([train[1][:calibrating], test[1]]),
    )


def draw(rows: list[dict], path: Path) -> None:
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True)
    names = sorted({(row["skeleton"], row["word"]) for row in rows})
    markers = {"gate": "o", "mixer": "s", "fusion": "^"}
    for i, (skeleton, word) in enumerate(names):
        own = [r for r in rows if (r["skeleton"], r["word"]) == (skeleton, word)]
        budgets = sorted({r["budget"] for r in own})
        mean = {
            key: [np.mean([r[key] for r in own if r["budget"] == b]) for b in budgets]
            for key in ("accuracy", "kilobytes", "microseconds")
        }
        style = {"marker": markers[skeleton], "color": f"C{i % 10}", "label": f"{skeleton}: {word}"}
        for panel, key in zip(panels, ("kilobytes", "microseconds"), strict=True):
            panel.plot(mean[key], 100 * np.array(mean["accuracy"]), **style)
    panels[0].set(xlabel="kilobytes of the file", ylabel="accuracy on test digits (%)")
    panels[1].set(xlabel="microseconds of a call, one thread", xscale="log")
    panels[1].legend(fontsize=8, loc="lower right")
    for panel in panels:
        panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few networks, one small budget")
    parser.add_argument("--out", type=Path, default=Path("runs/kilobytes"))
    options = parser.parse_args()
    quick = options.quick
    words, budgets = (QUICK, (12,)) if quick else (WORDS, BUDGETS)
    copies, epochs, seeds = (2, 1, 1) if quick else (4, 6, 2)
    options.out.mkdir(parents=True, exist_ok=True)

    train, test = digits(copies)
    print(f"{len(train[0])} training and {len(test[0])} test images, {seeds} seeds")
    print(
        f"{'kB':>4} {'network':<18} {'width':>5} {'size':>8} {'accuracy':>14} {'time':>9}  in float"
    )
    rows: list[dict] = []
    for budget in budgets:
        for skeleton, own in words.items():
            for word in own:
                rows += compared(budget, skeleton, word, train, test, epochs, seeds)
    with open(options.out / "kilobytes.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, options.out / "kilobytes.png")
    for budget in budgets:
        best = max((r for r in rows if r["budget"] == budget), key=lambda r: r["accuracy"])
        print(f"Best at {budget} kB: {best['word']}, {100 * best['accuracy']:.1f} %.")
    if not quick:
        assert all(row["kilobytes"] <= row["budget"] for row in rows)


def compared(
    budget: int, skeleton: str, word: str, train: tuple, test: tuple, epochs: int, seeds: int
) -> list[dict]:
    """The runs of one network at one budget, which are also said."""

    def make(width: int) -> keras.Model:
        return SKELETONS[skeleton](word, width)

    width = fitting(make, budget, train[0])
    files = [
        measured(trained(make, width, seed, train, epochs), train, test) for seed in range(seeds)
    ]
    rows = [
        {
            "budget": budget,
            "skeleton": skeleton,
            "word": word,
            "width": width,
            "seed": seed,
            "kilobytes": round(made.size / 1024, 1),
            "accuracy": round(made.metric.value, 4),
            "keras_accuracy": round(made.metric.keras_value, 4),
            "microseconds": round(1000 * made.milliseconds, 1),
            "in_float": made.format.partition(", ")[2].partition(" ops")[0] or "none",
        }
        for seed, made in enumerate(files)
    ]
    accuracies = [100 * row["accuracy"] for row in rows]
    print(
        f"{budget:>4} {skeleton + ': ' + word:<18} {width:>5} {rows[0]['kilobytes']:>5.1f} kB "
        f"{np.mean(accuracies):>8.1f} ± {np.std(accuracies):>3.1f} "
        f"{np.mean([row['microseconds'] for row in rows]):>6.0f} µs  {rows[0]['in_float']}",
        flush=True,
    )
    return rows


if __name__ == "__main__":
    main()
