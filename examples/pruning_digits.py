"""How many weights a network needs: seven ways of pruning, and what a smaller network saves.

A small convolutional network (some 26,000 weights) reads scikit-learn's handwritten digits. It is
trained with 90, 95 and 98 % of its weights pruned, over all layers together:

- magnitude: the smallest weights go, more and more of them while the network is trained;
- movement: a score is learnt for each weight, by the straight-through gradient, and the lowest go;
- rigl: the network is as sparse from the first step on; now and then the smallest weights go, and
  as many grow where the gradient is greatest;
- str: a threshold is learnt for each layer, by which all weights shrink, and below which they are
  zero: weight decay has it rise, and how much was tried out once, so that about as many go;
- wanda: the trained network is pruned at once, by weights times the inputs that they meet, and not
  trained any more;
- ticket: the network is trained, a part of what is left is pruned by magnitude, the rest goes back
  to where it began, and again (iterative magnitude pruning: the lottery ticket hypothesis);
- random: any weights go, for comparison.

Zeros make a file smaller once it is compressed, but no ordinary processor faster. For that, whole
filters go, and `strip` makes the layers really smaller: so a LiteRT file is smaller and faster.

    python examples/pruning_digits.py [--quick] [--out DIR]

writes pruning_digits.csv (a line for each network) and pruning_digits.png.
"""

import argparse
import csv
import gzip
import tempfile
import time
from pathlib import Path

import keras
import matplotlib
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from keras_hadamard import pruning

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SPARSITIES = (0.9, 0.95, 0.98)
# The ticket's way there: each round prunes a part of what the last one left.
ROUNDS = (0.5, 0.75, 0.9, 0.95, 0.98)
# Without training the errors of pruning stay: here half of the weights is looked at too.
ONCE = (0.5, 0.9, 0.95, 0.98)
CRITERIA = ("magnitude", "movement", "rigl", "str", "random")
WAYS = ("magnitude", "movement", "rigl", "str", "wanda", "ticket", "random")
# Weight decay by itself would bring `s`, of which a threshold is the sigmoid, to -8 exp(-decay).
DECAYS = {0.9: 1.7, 0.95: 2.15, 0.98: 3.0}
FILTERS = (0.5, 0.75)
BATCH, TRAINED = 64, 1_200
FIELDS = ("way", "sparsity", "seed", "accuracy", "weights", "kilobytes", "tflite", "microseconds")


def data() -> tuple[np.ndarray, ...]:
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    x, y = digits.images[order, ..., None].astype("float32") / 16, digits.target[order]
    return x[:TRAINED], y[:TRAINED], x[TRAINED:], y[TRAINED:]


def network(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((8, 8, 1))]
    for filters in (16, 32, 64):
        layers.append(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False))
        # Statistics that keep up with a short training.
        layers += [keras.layers.BatchNormalization(momentum=0.9), keras.layers.ReLU()]
        layers += [keras.layers.MaxPooling2D()] if filters > 16 else []
    layers += [keras.layers.Flatten(), keras.layers.Dropout(0.3), keras.layers.Dense(10)]
    return keras.Sequential(layers)


def train(
    model: keras.Model, made: tuple[np.ndarray, ...], epochs: int, decay: float = 0.0
) -> None:
    """Trains by Adam; `decay` is that of thresholds over the whole training."""
    steps = epochs * -(-TRAINED // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(rate)
    if decay:
        # The rates of all steps add up to half of the first one's.
        optimizer = keras.optimizers.AdamW(rate, weight_decay=decay / (2e-3 * steps / 2))
        optimizer.exclude_from_weight_decay(var_list=model.model.trainable_variables)
    model.compile(optimizer, loss)
    model.fit(made[0], made[1], batch_size=BATCH, epochs=epochs, verbose=0)


def schedule(sparsity: float, epochs: int) -> pruning.PolynomialDecay:
    """Pruning begins after a fifth of the training, and leaves it two fifths to recover."""
    steps = epochs * -(-TRAINED // BATCH)
    return pruning.PolynomialDecay(
        sparsity, begin_step=steps // 5, end_step=3 * steps // 5, frequency=10
    )


def sparse(way: str, sparsity: float, seed: int, epochs: int) -> pruning.PrunedModel:
    """An untrained network with masks, or thresholds, that training will move."""
    model = network(seed)
    if way == "str":
        return pruning.prune(model, criterion=way, initial_threshold=-8)
    if way == "rigl":
        end = 3 * epochs * -(-TRAINED // BATCH) // 4
        always = pruning.ConstantSparsity(sparsity, end_step=end, frequency=10)
        # Sparser in the large layers, so that small ones are not cut off.
        return pruning.prune(model, always, "erk", criterion=way, seed=seed)
    return pruning.prune(model, schedule(sparsity, epochs), "global", criterion=way, seed=seed)


def measures(model: keras.Model, made: tuple[np.ndarray, ...], lite: bool = False) -> list[str]:
    """Accuracy on the unseen digits, and how large and how fast the plain model is."""
    # The plain model, without an optimizer whose slots would be saved too.
    pruned = model if isinstance(model, pruning.PrunedModel) else pruning.prune(model, 0.0)
    plain = pruning.strip(pruned)
    accuracy = (plain.predict(made[2], batch_size=600, verbose=0).argmax(-1) == made[3]).mean()
    report = pruning.sparsity_report(plain)
    size = microseconds = ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.weights.h5"
        plain.save_weights(path)
        compressed = len(gzip.compress(path.read_bytes())) / 1e3
        if lite:
            path = Path(folder) / "m.tflite"
            plain.export(path, format="litert", verbose=False)
            size, microseconds = f"{path.stat().st_size / 1e3:.1f}", f"{speed(path, made[2]):.1f}"
    return [f"{accuracy:.4f}", str(report.nonzero), f"{compressed:.1f}", size, microseconds]


def speed(path: Path, x: np.ndarray) -> float:
    """The median time of one digit in the LiteRT interpreter, in microseconds."""
    interpreter = tf.lite.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    times = []
    for digit in x[:300]:
        interpreter.set_tensor(place, digit[None])
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times))


def finished(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(path: Path, made: tuple[np.ndarray, ...], seeds: int, epochs: int, quick: bool) -> None:
    """Trains what the table lacks."""
    if not path.exists():
        path.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    done = {(ln["way"], float(ln["sparsity"]), int(ln["seed"])) for ln in finished(path)}

    def write(way: str, sparsity: float, seed: int, model: keras.Model, lite: bool = False) -> None:
        cells = [way, sparsity, seed, *measures(model, made, lite)]
        with open(path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(cells)

    sparsities, rounds = (SPARSITIES[:1], ROUNDS[2:3]) if quick else (SPARSITIES, ROUNDS)
    once = ONCE[:1] if quick else ONCE
    for seed in range(seeds):
        if not {("dense", 0.0, seed), *(("wanda", s, seed) for s in once)} <= done:
            dense = network(seed)
            train(dense, made, epochs)
            if ("dense", 0.0, seed) not in done:
                write("dense", 0.0, seed, dense, lite=seed == 0)
            for sparsity in once:
                if ("wanda", sparsity, seed) not in done:
                    looked_at = {"calibration": made[0][:256], "verbose": 0}
                    model = pruning.prune(dense, sparsity, criterion="wanda", **looked_at)
                    write("wanda", sparsity, seed, model)
        # The last is for comparison, and can be spared when it is to be quick.
        for way in CRITERIA[:-1] if quick else CRITERIA:
            for sparsity in sparsities:
                if (way, sparsity, seed) not in done:
                    model = sparse(way, sparsity, seed, epochs)
                    train(model, made, epochs, DECAYS[sparsity] if way == "str" else 0.0)
                    write(way, sparsity, seed, model)
        if ("ticket", sparsities[-1], seed) not in done:
            model = network(seed)
            start, ticket = model.get_weights(), pruning.prune(model, 0.0)
            for sparsity in rounds:
                train(ticket, made, epochs)
                ticket = pruning.prune(ticket, sparsity, "global")
                pruning.rewind_to(ticket, start)
                if sparsity in sparsities and ("ticket", sparsity, seed) not in done:
                    trial = pruning.prune(ticket, 0.0)
                    train(trial, made, epochs)
                    write("ticket", sparsity, seed, trial)
        for sparsity in FILTERS[-1:] if quick else FILTERS:
            if ("filters", sparsity, seed) not in done:
                model = pruning.prune(network(seed), schedule(sparsity, epochs), structure="filter")
                train(model, made, epochs)
                write("filters", sparsity, seed, model, lite=seed == 0)
        keras.utils.clear_session()


def cell(lines: list[dict[str, str]], way: str, sparsity: float, what: str) -> np.ndarray:
    mine = [ln for ln in lines if ln["way"] == way and float(ln["sparsity"]) == sparsity]
    return np.array([float(ln[what]) for ln in mine if ln[what]])


def table_of(lines: list[dict[str, str]]) -> str:
    head = ("way", "sparsity", "accuracy", "weights", "kB gzip", "kB tflite", "us")
    text = ["  " + "".join(f"{h:>14}" for h in head)]
    for way, sparsity in sorted({(ln["way"], float(ln["sparsity"])) for ln in lines}):
        accuracy = 100 * cell(lines, way, sparsity, "accuracy")
        row = [way, f"{sparsity:.0%}", f"{accuracy.mean():.1f} +- {accuracy.std():.1f}"]
        for what in ("weights", "kilobytes", "tflite", "microseconds"):
            values = cell(lines, way, sparsity, what)
            row.append(f"{values.mean():,.0f}" if len(values) else "")
        text.append("  " + "".join(f"{c:>14}" for c in row))
    return "\n".join(text)


def draw(lines: list[dict[str, str]], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    dense = 100 * cell(lines, "dense", 0.0, "accuracy").mean()
    left.axhline(dense, color="0.5", lw=1, label="all weights")
    found = [s for s in SPARSITIES if any(float(ln["sparsity"]) == s for ln in lines)]
    drawn = [way for way in WAYS if len(cell(lines, way, found[0], "accuracy"))]
    for n, way in enumerate(drawn):
        scores = [100 * cell(lines, way, s, "accuracy") for s in found]
        places = np.arange(len(found)) + 0.06 * (n - (len(drawn) - 1) / 2)
        means, spreads = [s.mean() for s in scores], [s.std() for s in scores]
        left.errorbar(places, means, spreads, marker="o", capsize=3, label=way)
    left.set_xticks(np.arange(len(found)), [f"{s:.0%}" for s in found])
    left.set(xlabel="weights that are zero", ylabel="accuracy on unseen digits (%)")
    left.legend()
    sizes = [("dense", 0.0), *(("filters", s) for s in FILTERS)]
    sizes = [s for s in sizes if len(cell(lines, *s, "tflite"))]
    names = ["all" if not s else f"{1 - s:.0%}" for _, s in sizes]
    places = np.arange(len(sizes))
    kilobytes = [cell(lines, *s, "tflite")[0] for s in sizes]
    right.bar(places - 0.2, kilobytes, 0.4, color="C0")
    right.set_xticks(places, names)
    right.set_xlabel("filters left")
    right.set_ylabel("LiteRT file (kB)", color="C0")
    other = right.twinx()
    other.bar(places + 0.2, [cell(lines, *s, "microseconds")[0] for s in sizes], 0.4, color="C1")
    other.set_ylabel("one digit (microseconds)", color="C1")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="How many weights a network needs.")
    parser.add_argument("--quick", action="store_true", help="one short training each")
    parser.add_argument("--out", type=Path, default=Path("runs/pruning_digits"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "pruning_digits.csv"
    seeds, epochs = (1, 1) if options.quick else (3, 25)
    run(path, data(), seeds, epochs, options.quick)
    lines = finished(path)
    print(f"accuracy in percent on unseen digits, mean and spread of {seeds} seeds")
    print(table_of(lines))
    draw(lines, options.out / "pruning_digits.png")
    print(f"\nThe trainings and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
