"""Adapting digits: adapters of about equal size on a network that never saw the digits.

A small convolutional network tells the digits 0 to 4 from each other (8 x 8 images, of which
scikit-learn has 1,797), shown shifted by up to a pixel as well. Then it has to tell 5 to 9, from 10
examples of each, as they are. Its weights are frozen; every kernel of its convolutions and dense
layers gets an adapter: sums of low rank (LoRA, and DoRA with a length for each output), Hadamard
products of low-rank matrices (LoHa, ABBA), a low-rank matrix times the weights themselves (HiRA), a
Kronecker product (LoKr), and scales of outputs (IA3). VeRA scales random matrices, and is only for
dense layers. IA3 and VeRA are as small as they are. For comparison the head only, all weights, and
all weights from a random start. The learning rate of each is the best of several on validation
images, for the first seed.

    python examples/adapting_digits.py [--quick] [--out DIR]

writes adapting_digits.csv (a line for each training), adapting_digits_costs.csv and
adapting_digits.png. After an interruption it resumes.
"""

import argparse
import csv
import os
import time
from pathlib import Path

# TensorFlow's allocator of this name counts what it gives out.
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from keras_hadamard import adapters
from keras_hadamard.adapters import ABBA, IA3, DoRA, HiRA, LoHa, LoKr, LoRA, VeRA

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FILTERS, WIDTH = 32, 64
EXAMPLES, BATCH, SHIFTS = 10, 25, 4
RATES = (1e-3, 3e-3, 1e-2, 3e-2)
# Ranks that make about as many parameters.
ADAPTERS = {
    "LoRA": LoRA(4, alpha=8),
    "DoRA": DoRA(4, alpha=8),
    "LoHa": LoHa(2, alpha=4),
    "ABBA": ABBA(2, alpha=4.0),
    "HiRA": HiRA(4, alpha=8),
    "LoKr": LoKr(27, alpha=54, factor=4),
    "VeRA": VeRA(256),
    "IA3": IA3(),
}
# Its matrices are none for windows.
EXCLUDED = {"VeRA": "conv"}
METHODS = (*ADAPTERS, "head only", "all weights", "from scratch")
QUICK = ("LoKr", "VeRA", "all weights")
FIELDS = ("method", "seed", "rate", "parameters", "accuracy", "validation")
COSTS = ("method", "step_ms", "step_mib", "file_kib")
TIMED = 30


def digits(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The lower half of the classes; of the upper few examples, as many to choose by, the rest."""
    data = load_digits()
    images, labels = data.images[..., None].astype("float32") / 16, data.target
    order = np.random.default_rng(seed).permutation(len(labels))
    images, labels = images[order], labels[order]
    lower = labels < 5
    parts = {"lower": (images[lower], labels[lower])}
    images, labels = images[~lower], labels[~lower] - 5
    places = [np.flatnonzero(labels == digit) for digit in range(5)]
    start = 0
    for name, size in (("seen", EXAMPLES), ("valid", EXAMPLES), ("test", None)):
        end = None if size is None else start + size
        rows = np.concatenate([p[start:end] for p in places])
        parts[name] = images[rows], labels[rows]
        start += EXAMPLES
    return parts


def network() -> keras.Model:
    """Three convolutions, a dense layer and a head."""
    layers = keras.layers
    conv = {"kernel_size": 3, "padding": "same", "activation": "relu"}
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(FILTERS, **conv),
            layers.Conv2D(FILTERS, **conv),
            layers.MaxPooling2D(),
            layers.Conv2D(FILTERS, **conv),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(WIDTH, activation="relu"),
            layers.Dense(5, name="head"),
        ]
    )


def compiled(model: keras.Model, rate: float) -> keras.Model:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def pretrained(parts: dict, seed: int, epochs: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    images, labels = parts["lower"]
    shifts = np.random.default_rng(seed).integers(-1, 2, (SHIFTS, 2))
    images = np.concatenate([images, *(np.roll(images, shift, (1, 2)) for shift in shifts)])
    model = compiled(network(), 1e-3)
    model.fit(images, np.tile(labels, 1 + SHIFTS), epochs=epochs, batch_size=32, verbose=0)
    return model


def copied(base: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(base)
    copy.set_weights(base.get_weights())
    return copy


def prepared(method: str, base: keras.Model) -> keras.Model:
    """What is trained by a method."""
    if method in ADAPTERS:
        return adapters.apply(base, ADAPTERS[method], exclude=EXCLUDED.get(method))
    if method == "from scratch":
        return network()
    model = copied(base)
    if method == "head only":
        for layer in model.layers:
            layer.trainable = layer.name == "head"
    return model


def trained(
    method: str, base: keras.Model, parts: dict, rate: float, seed: int, epochs: int
) -> dict[str, float]:
    keras.utils.set_random_seed(seed)
    model = compiled(prepared(method, base), rate)
    model.fit(*parts["seen"], epochs=epochs, batch_size=BATCH, verbose=0)
    valid, test = (model.evaluate(*parts[p], verbose=0)[1] for p in ("valid", "test"))
    count = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return {"parameters": count, "validation": valid, "accuracy": test}


def memory(model: keras.Model, batch: tuple[np.ndarray, np.ndarray]) -> float:
    """The MiB of a training step, and of what Adam keeps of each weight that is trained."""
    before = tf.config.experimental.get_memory_info("CPU:0")["current"]
    tf.config.experimental.reset_memory_stats("CPU:0")
    model.train_on_batch(*batch)
    peak = tf.config.experimental.get_memory_info("CPU:0")["peak"] - before
    return (peak + sum(8 * int(np.prod(w.shape)) for w in model.trainable_weights)) / 2**20


def stored(model: keras.Model, out: Path) -> float:
    """The KiB of the file that has to be kept."""
    path = out / "stored.safetensors"
    if isinstance(model, adapters.AdaptedModel):
        adapters.save_adapter(model, path)
    else:
        path = path.with_suffix(".weights.h5")
        # Of a model that is not compiled: the optimizer's state would be saved too.
        plain = network()
        plain.set_weights(model.get_weights())
        plain.save_weights(path)
    size = path.stat().st_size
    path.unlink()
    return size / 2**10


def costs(methods: tuple[str, ...], out: Path) -> list[dict[str, object]]:
    """Time and memory of a training step, the methods in turns, and the size of a file."""
    parts = digits(0)
    batch = tuple(part[:BATCH] for part in parts["seen"])
    base = pretrained(parts, 0, 1)
    models = {method: compiled(prepared(method, base), 1e-3) for method in methods}
    times: dict[str, list[float]] = {method: [] for method in methods}
    # The first turn traces.
    for turn in range(TIMED + 1):
        for method, model in models.items():
            start = time.perf_counter()
            model.train_on_batch(*batch)
            times[method] += [time.perf_counter() - start] if turn else []
    return [
        {
            "method": method,
            "step_ms": f"{1e3 * float(np.median(times[method])):.2f}",
            "step_mib": f"{memory(model, batch):.2f}",
            "file_kib": f"{stored(model, out):.1f}",
        }
        for method, model in models.items()
    ]


def add(path: Path, fields: tuple[str, ...], *lines: dict[str, object]) -> None:
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields)
        if new:
            writer.writeheader()
        writer.writerows(lines)


def run(
    path: Path, methods: tuple[str, ...], seeds: int, rates: tuple[float, ...], quick: bool
) -> None:
    """Trains what the table lacks."""
    best = {line["method"]: float(line["rate"]) for line in finished(path)}
    for seed in range(seeds):
        done = {line["method"] for line in finished(path) if int(line["seed"]) == seed}
        if done >= set(methods):
            continue
        parts = digits(seed)
        base = pretrained(parts, seed, 1 if quick else 15)
        for method in methods:
            if method in done:
                continue
            tries = [best[method]] if method in best else rates
            found = {r: trained(method, base, parts, r, seed, 2 if quick else 60) for r in tries}
            rate = max(found, key=lambda r: found[r]["validation"])
            best[method] = rate
            add(path, FIELDS, {"method": method, "seed": seed, "rate": rate, **found[rate]})
        keras.utils.clear_session()


def finished(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def of_method(lines: list[dict[str, str]], method: str, field: str) -> np.ndarray:
    return np.array([line[field] for line in lines if line["method"] == method], float)


def table(lines: list[dict[str, str]], costs: list[dict[str, str]]) -> str:
    head = (
        f"{'':<14}{'trained':>9}{'rate':>8}{'accuracy':>17}{'step':>10}{'memory':>11}{'file':>10}"
    )
    text = [head]
    for method in dict.fromkeys(line["method"] for line in lines):
        scores = 100 * of_method(lines, method, "accuracy")
        middle = {f: np.median(of_method(lines, method, f)) for f in FIELDS[2:]}
        middle |= {f: of_method(costs, method, f)[0] for f in COSTS[1:]}
        text.append(
            f"{method:<14}{middle['parameters']:>9,.0f}{middle['rate']:>8g}"
            f"{scores.mean():>9.1f} +- {scores.std():<4.1f}{middle['step_ms']:>7.1f} ms"
            f"{middle['step_mib']:>7.2f} MiB{middle['file_kib']:>6.0f} KiB"
        )
    return "\n".join(text)


def draw(lines: list[dict[str, str]], path: Path) -> None:
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    names = []
    for place, method in enumerate(dict.fromkeys(line["method"] for line in lines)):
        scores = 100 * of_method(lines, method, "accuracy")
        count = np.median(of_method(lines, method, "parameters"))
        names.append(f"{method} ({count:,.0f})")
        color = "C0" if method in ADAPTERS else "C7"
        axis.plot(scores, np.full(len(scores), place), ".", color=color, alpha=0.4)
        axis.errorbar(scores.mean(), place, xerr=scores.std(), fmt="o", color=color, capsize=3)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.set(xlabel="accuracy on the digits 5 to 9 (%)", ylabel="method (trained parameters)")
    axis.grid(axis="x", lw=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Adapters of equal size on frozen digits.")
    parser.add_argument("--quick", action="store_true", help="one short training each")
    parser.add_argument("--out", type=Path, default=Path("runs/adapting_digits"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "adapting_digits.csv"
    methods = QUICK if options.quick else METHODS
    if options.quick:
        run(path, methods, 1, RATES[:1], quick=True)
    else:
        run(path, methods, 5, RATES, quick=False)
    lines = finished(path)
    measured = options.out / "adapting_digits_costs.csv"
    if not measured.exists():
        add(measured, COSTS, *costs(methods, options.out))
    print(f"accuracy on the digits 5 to 9 in percent, {5 * EXAMPLES} examples to learn from")
    print(table(lines, finished(measured)))
    draw(lines, options.out / "adapting_digits.png")
    print(f"\nThe trainings and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
