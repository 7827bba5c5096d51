"""The learning and the cost of recurrences, as sequences become long.

Two tasks, at lengths of 128 to 8,192. In the selective copy four letters stand anywhere among
blanks, and at the end the network writes them in their order: it has to keep what matters over
thousands of steps and nothing else. In the real one it reads the handwritten digits that come with
scikit-learn, enlarged, pixel after pixel and row after row, and says at the end which digit it was.

The network is two blocks of a recurrence and a dense layer, of 48 channels. Only the recurrence is
exchanged: MinGRU, HGRN and RGLRU, whose gates see only the input and which run as one scan, and
Keras's GRU and LSTM, whose gates see the state, so that each step waits for the one before. A step
of training takes longer the longer the sequence, and so the long ones have fewer of them; at the
longest Keras's two have a tenth of the steps of the others, in about the same time. Times are taken
when all are trained, the recurrences in turns.

    python examples/long_sequences.py [--quick] [--out DIR]

writes long_sequences.csv, long_sequences_seconds.csv and long_sequences.png. After an interruption
it resumes.
"""

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import keras
import matplotlib
import numpy as np
from sklearn.datasets import load_digits

from keras_hadamard.layers import HGRN, RGLRU, MinGRU

matplotlib.use("Agg")
import matplotlib.pyplot as plt

WIDTH, BLOCKS, BATCH = 48, 2, 16
COPIES, LETTERS = 4, 4
# Steps of an epoch, of which that many are timed.
EPOCH, TIMED = 50, 5
# Lengths, and how many steps of training each has.
STEPS = {128: 600, 512: 600, 2048: 300, 8192: 300}
# Where all steps would take Keras's recurrences hours, they have as many as take about as long.
FEWER = {("GRU", 8192): 30, ("LSTM", 8192): 30}
RECURRENCES: dict[str, Callable[[int], keras.layers.Layer]] = {
    "MinGRU": lambda block: MinGRU(WIDTH, return_sequences=True),
    "HGRN": lambda block: HGRN(
        WIDTH, (block / BLOCKS, (block + 1) / BLOCKS), return_sequences=True
    ),
    "RGLRU": lambda block: RGLRU(return_sequences=True),
    "GRU": lambda block: keras.layers.GRU(WIDTH, return_sequences=True),
    "LSTM": lambda block: keras.layers.LSTM(WIDTH, return_sequences=True),
}
Batch = tuple[np.ndarray, np.ndarray]


class SelectiveCopy:
    """Letters among blanks, then as many marks; the letters in their order, one at each mark."""

    size, classes, answers = LETTERS + 2, LETTERS, COPIES

    def batch(self, length: int, count: int, rng: np.random.Generator, held_out: bool) -> Batch:
        del held_out  # No two sequences are ever the same.
        x = np.zeros((count, length), "int32")
        x[:, -COPIES:] = LETTERS + 1
        letters = rng.integers(0, LETTERS, (count, COPIES))
        places = np.argsort(rng.random((count, length - COPIES)), axis=1)[:, :COPIES]
        np.put_along_axis(x, np.sort(places, axis=1), letters + 1, axis=1)
        return x, letters.astype("int32")


class SequentialDigits:
    """Digits of 8 x 8 pixels, each pixel a patch of as many as the length needs."""

    size, classes, answers = None, 10, 1

    def __init__(self) -> None:
        digits = load_digits()
        lot = np.random.default_rng(0).permutation(len(digits.target)) % 3 == 0
        self.digits = {
            held_out: (digits.images[lot == held_out] / 8 - 1, digits.target[lot == held_out])
            for held_out in (False, True)
        }

    def batch(self, length: int, count: int, rng: np.random.Generator, held_out: bool) -> Batch:
        images, labels = self.digits[held_out]
        chosen = rng.integers(0, len(images), count)
        high = 2 ** ((length // 64).bit_length() // 2)
        images = images[chosen].repeat(high, axis=1).repeat(length // 64 // high, axis=2)
        x = images.reshape(count, length, 1).astype("float32")
        return x, labels[chosen, None].astype("int32")


Task = SelectiveCopy | SequentialDigits


def network(task: Task, recurrence: str) -> keras.Model:
    layers = keras.layers
    if task.size is None:
        inputs = keras.Input((None, 1))
        x = layers.Dense(WIDTH)(inputs)
    else:
        inputs = keras.Input((None,), dtype="int32")
        x = layers.Embedding(task.size, WIDTH)(inputs)
    for block in range(BLOCKS):
        mixed = RECURRENCES[recurrence](block)(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(WIDTH)(mixed)])
        hidden = layers.Dense(2 * WIDTH, "gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(WIDTH)(hidden)])
    answers = layers.LayerNormalization()(x)[:, -task.answers :]
    return keras.Model(inputs, layers.Dense(task.classes)(answers))


def compiled(task: Task, recurrence: str, steps: int) -> keras.Model:
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    model = network(task, recurrence)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(5e-3, steps), clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def train(task: Task, recurrence: str, length: int, steps: int, tests: int) -> float:
    """The share of right answers."""
    model = compiled(task, recurrence, steps)
    rng = np.random.default_rng(1)
    for _ in range(steps):
        model.train_on_batch(*task.batch(length, BATCH, rng, held_out=False))
    x, y = task.batch(length, tests, np.random.default_rng(2), held_out=True)
    return float(model.evaluate(x, y, batch_size=BATCH, verbose=0)[1])


def epochs(task: Task, length: int, recurrences: tuple[str, ...]) -> dict[str, float]:
    """The seconds of an epoch with each recurrence."""
    models = {recurrence: compiled(task, recurrence, EPOCH) for recurrence in recurrences}
    batch = task.batch(length, BATCH, np.random.default_rng(1), held_out=False)
    seconds: dict[str, list[float]] = {recurrence: [] for recurrence in models}
    # The first turn traces.
    for turn in range(TIMED + 1):
        for recurrence, model in models.items():
            start = time.perf_counter()
            model.train_on_batch(*batch)
            seconds[recurrence] += [time.perf_counter() - start] if turn else []
    return {recurrence: EPOCH * float(np.median(s)) for recurrence, s in seconds.items()}


def finished(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def add(path: Path, *lines: list[object]) -> None:
    with open(path, "a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def run(
    path: Path, times: Path, recurrences: tuple[str, ...], steps: dict[int, int], tests: int
) -> None:
    """Trains and times what the tables lack, the short sequences first."""
    tasks: dict[str, Task] = {"selective copy": SelectiveCopy(), "digits": SequentialDigits()}
    for file, what in ((path, "accuracy"), (times, "seconds")):
        if not file.exists():
            add(file, ["task", "recurrence", "length", what])
    done = {(line["task"], line["recurrence"], line["length"]) for line in finished(path)}
    for length in steps:
        for name, task in tasks.items():
            for recurrence in recurrences:
                if (name, recurrence, str(length)) not in done:
                    count = FEWER.get((recurrence, length), steps[length])
                    accuracy = train(task, recurrence, length, count, tests)
                    add(path, [name, recurrence, length, f"{accuracy:.4f}"])
    timed = {(line["task"], line["length"]) for line in finished(times)}
    for length in steps:
        for name, task in tasks.items():
            if (name, str(length)) not in timed:
                found = epochs(task, length, recurrences)
                add(times, *([name, r, length, f"{seconds:.2f}"] for r, seconds in found.items()))


def curve(
    lines: list[dict[str, str]], task: str, recurrence: str, what: str
) -> tuple[list[int], list[float]]:
    mine = [ln for ln in lines if (ln["task"], ln["recurrence"]) == (task, recurrence)]
    return [int(ln["length"]) for ln in mine], [float(ln[what]) for ln in mine]


def table_of(lines: list[dict[str, str]]) -> str:
    lengths = sorted({int(line["length"]) for line in lines})
    text = []
    for task in dict.fromkeys(line["task"] for line in lines):
        text.append(f"  {task:<16}" + "".join(f"{length:>18,}" for length in lengths))
        for recurrence in dict.fromkeys(line["recurrence"] for line in lines):
            row = zip(
                curve(lines, task, recurrence, "accuracy")[1],
                curve(lines, task, recurrence, "seconds")[1],
                strict=True,
            )
            cells = "".join(f"{100 * right:>8.1f} %{seconds:>6.1f} s" for right, seconds in row)
            text.append(f"    {recurrence:<14}{cells}")
    return "\n".join(text)


def draw(lines: list[dict[str, str]], path: Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    tasks = ("selective copy", "digits")
    for n, recurrence in enumerate(dict.fromkeys(line["recurrence"] for line in lines)):
        style = {"color": f"C{n}", "marker": "o", "label": recurrence}
        for axis, task in zip(axes, tasks, strict=False):
            axis.plot(*curve(lines, task, recurrence, "accuracy"), **style)
        axes[2].plot(*curve(lines, tasks[0], recurrence, "seconds"), **style)
    for axis, title in zip(axes, (*tasks, f"seconds of {EPOCH} steps"), strict=True):
        axis.set(xscale="log", xlabel="length", title=title)
        axis.grid(lw=0.3)
    axes[0].set(ylabel="share of right answers", ylim=(0, 1.02))
    axes[1].set(ylim=(0, 1.02))
    axes[2].set(yscale="log")
    axes[0].legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Recurrences over long sequences.")
    parser.add_argument("--quick", action="store_true", help="a few steps on short sequences")
    parser.add_argument("--out", type=Path, default=Path("runs/long_sequences"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "long_sequences.csv"
    times = options.out / "long_sequences_seconds.csv"
    small = ("MinGRU", "GRU"), {64: 2}, 16
    run(path, times, *(small if options.quick else (tuple(RECURRENCES), STEPS, 512)))
    seconds = {
        (ln["task"], ln["recurrence"], ln["length"]): ln["seconds"] for ln in finished(times)
    }
    lines = [
        {**ln, "seconds": seconds[ln["task"], ln["recurrence"], ln["length"]]}
        for ln in finished(path)
    ]
    print(f"share of right answers, and seconds of {EPOCH} steps of {BATCH} sequences, by length")
    print(table_of(lines))
    draw(lines, options.out / "long_sequences.png")
    print(f"\nThe table and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
