"""Image classifiers that differ in one line: what mixes the pixels.

An image becomes a grid of 8 x 8 tokens of 48 features. Two blocks follow, each a token mixer and a
feed-forward network of every token for itself, then the mean and a classifier. Only the mixer is
exchanged, attention and none at all among them, and the feed-forward networks are made as wide as
the parameters allow that all may have.

Two tasks with real images: which of ten handwritten digits it is, which scikit-learn brings, and of
which of eight photographs, which scikit-image brings, a grey crop of 16 x 16 pixels is. The crops
to learn from are of the left two thirds, those to test on of the right third, and all have the same
mean and contrast.

    python examples/mixing_pixels.py [--quick] [--out DIR] [--seeds N]

writes mixing_pixels.csv (a row for each task, mixer and seed) and .png. After an interruption it
resumes.
"""

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import keras
import matplotlib
import numpy as np
from skimage import data
from sklearn.datasets import load_digits

from keras_hadamard import layers

matplotlib.use("Agg")
import matplotlib.pyplot as plt

GRID, UNITS, BLOCKS, BATCH = 8, 48, 2, 64
PARAMETERS = 60_000
PHOTOGRAPHS = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "camera",
    "brick",
    "grass",
    "gravel",
)
Mix = Callable[[keras.KerasTensor], keras.KerasTensor]


def over_tokens(make: Callable[[], keras.layers.Layer]) -> Mix:
    """A mixer of sequences on the grid, row after row."""

    def mix(x: keras.KerasTensor) -> keras.KerasTensor:
        sequence = keras.layers.Reshape((GRID * GRID, UNITS))(x)
        return keras.layers.Reshape((GRID, GRID, UNITS))(make()(sequence))

    return mix


def attention(x: keras.KerasTensor) -> keras.KerasTensor:
    sequence = keras.layers.Reshape((GRID * GRID, UNITS))(x)
    mixed = keras.layers.MultiHeadAttention(4, UNITS // 4)(sequence, sequence)
    return keras.layers.Reshape((GRID, GRID, UNITS))(mixed)


MIXERS: dict[str, Mix] = {
    "none": lambda x: keras.layers.Dense(UNITS)(x),
    "attention": attention,
    "gMLP": over_tokens(lambda: layers.GMLPBlock(2 * UNITS)),
    "AFT, simple": over_tokens(lambda: layers.AFT(position_bias="simple")),
    "AFT, full": over_tokens(layers.AFT),
    "linear attention": over_tokens(lambda: layers.LinearAttention(4, causal=False)),
    "Hydra": over_tokens(layers.HydraAttention),
    "Poly-SA": over_tokens(lambda: layers.PolySelfAttention(4)),
    "Poly-NL": lambda x: layers.PolyNonLocal()(x),
    "focal": lambda x: layers.FocalModulation2D()(x),
    "gnConv": lambda x: layers.GnConv2D(order=3)(x),
    "Conv2Former": lambda x: layers.ConvolutionalModulation2D(7)(x),
    "EfficientMod": lambda x: layers.EfficientModulation2D(1)(x),
    "large kernel": lambda x: layers.LargeKernelAttention2D()(x),
}
Batch = tuple[np.ndarray, np.ndarray]


class Digits:
    """Digits of 8 x 8 pixels, a token each; every third is held out."""

    shape, patch, classes = (8, 8, 1), 1, 10

    def __init__(self) -> None:
        digits = load_digits()
        held_out = np.random.default_rng(0).permutation(len(digits.target)) % 3 == 0
        images = (digits.images[..., None] / 8 - 1).astype("float32")
        self.seen = images[~held_out], digits.target[~held_out]
        self.held_out = images[held_out], digits.target[held_out]

    def batch(self, rng: np.random.Generator) -> Batch:
        chosen = rng.integers(0, len(self.seen[0]), BATCH)
        return self.seen[0][chosen], self.seen[1][chosen]


class Crops:
    """Grey crops of photographs, a token for each 2 x 2 pixels."""

    shape, patch, classes = (16, 16, 1), 2, len(PHOTOGRAPHS)

    def __init__(self) -> None:
        self.pictures = []
        for name in PHOTOGRAPHS:
            picture = getattr(data, name)().astype("float32")
            self.pictures.append(picture[..., :3].mean(-1) if picture.ndim == 3 else picture)
        self.held_out = self._crops(np.random.default_rng(1), 1024, held_out=True)

    def _crops(self, rng: np.random.Generator, count: int, held_out: bool) -> Batch:
        labels, crops = rng.integers(0, self.classes, count), []
        for label in labels:
            picture, side = self.pictures[label], self.shape[0]
            height, width = picture.shape
            edge = 2 * width // 3
            low, high = (edge, width) if held_out else (0, edge)
            top, left = rng.integers(0, height - side), rng.integers(low, high - side)
            crop = picture[top : top + side, left : left + side]
            crops.append((crop - crop.mean()) / (crop.std() + 4))
        return np.stack(crops)[..., None], labels

    def batch(self, rng: np.random.Generator) -> Batch:
        return self._crops(rng, BATCH, held_out=False)


Task = Digits | Crops


class Places(keras.layers.Layer):
    """Adds a learned vector of each place, for mixers to which all orders are the same."""

    def build(self, input_shape: tuple) -> None:
        self.table = self.add_weight(name="table", shape=input_shape[1:], initializer="zeros")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x + self.table


def network(task: Task, mixer: str, hidden: int) -> keras.Model:
    dense, norm = keras.layers.Dense, keras.layers.LayerNormalization
    image = keras.Input(task.shape)
    x = keras.layers.Conv2D(UNITS, task.patch, task.patch)(image)
    x = Places()(x)
    for _ in range(BLOCKS):
        x = keras.layers.Add()([x, MIXERS[mixer](norm()(x))])
        x = keras.layers.Add()([x, dense(UNITS)(dense(hidden, "gelu")(norm()(x)))])
    pooled = keras.layers.GlobalAveragePooling2D()(norm()(x))
    return keras.Model(image, dense(task.classes)(pooled))


def sized(task: Task, mixer: str) -> keras.Model:
    """The network whose feed-forward layers use what the mixer leaves of the parameters."""
    one, two = (network(task, mixer, hidden).count_params() for hidden in (1, 2))
    return network(task, mixer, max(1, 1 + (PARAMETERS - one) // (two - one)))


def compiled(task: Task, mixer: str, steps: int) -> keras.Model:
    keras.utils.clear_session()
    model = sized(task, mixer)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=3e-3, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def train(model: keras.Model, task: Task, mixer: str, seed: int, steps: int) -> tuple[float, float]:
    """The share of right answers, and the milliseconds of a step."""
    # Begins again; what is compiled stays, which takes as long as the training.
    keras.utils.set_random_seed(seed)
    model.set_weights(sized(task, mixer).get_weights())
    for variable in model.optimizer.variables:
        variable.assign(np.zeros(variable.shape))
    rng, seconds = np.random.default_rng(seed), []
    for _ in range(steps):
        batch = task.batch(rng)
        start = time.perf_counter()
        model.train_on_batch(*batch)
        seconds.append(time.perf_counter() - start)
    accuracy = model.evaluate(*task.held_out, batch_size=256, verbose=0)[1]
    return accuracy, 1e3 * float(np.median(seconds))


def finished(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(path: Path, mixers: tuple[str, ...], seeds: int, steps: int) -> None:
    """Trains what the table lacks."""
    if not path.exists():
        path.write_text("task,mixer,seed,parameters,accuracy,step_ms\n", encoding="utf-8")
    done = {(line["task"], line["mixer"], line["seed"]) for line in finished(path)}
    tasks: dict[str, Task] = {"digits": Digits(), "photographs": Crops()}
    for name, task in tasks.items():
        for mixer in mixers:
            missing = [n for n in range(seeds) if (name, mixer, str(n)) not in done]
            model = compiled(task, mixer, steps) if missing else None
            for seed in missing:
                accuracy, milliseconds = train(model, task, mixer, seed, steps)
                line = [name, mixer, seed, model.count_params()]
                line += [f"{accuracy:.4f}", f"{milliseconds:.2f}"]
                with open(path, "a", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerow(line)


def results(lines: list[dict[str, str]], task: str, mixer: str, what: str) -> np.ndarray:
    mine = [line for line in lines if (line["task"], line["mixer"]) == (task, mixer)]
    return np.array([float(line[what]) for line in mine])


def table_of(lines: list[dict[str, str]]) -> str:
    tasks, mixers = (list(dict.fromkeys(line[key] for line in lines)) for key in ("task", "mixer"))
    text = [f"  {'mixer':<18}{'parameters':>11}" + "".join(f"{task:>26}" for task in tasks)]
    for mixer in mixers:
        count = int(results(lines, tasks[0], mixer, "parameters")[0])
        row = f"  {mixer:<18}{count:>11,}"
        for task in tasks:
            accuracy = 100 * results(lines, task, mixer, "accuracy")
            spread = np.std(accuracy, ddof=1) if len(accuracy) > 1 else 0.0
            cost = float(np.median(results(lines, task, mixer, "step_ms")))
            row += f"{np.mean(accuracy):>9.1f} ± {spread:<4.1f}%{cost:>7.1f} ms"
        text.append(row)
    return "\n".join(text)


def draw(lines: list[dict[str, str]], path: Path) -> None:
    tasks, mixers = (list(dict.fromkeys(line[key] for line in lines)) for key in ("task", "mixer"))
    figure, axes = plt.subplots(1, len(tasks), figsize=(12, 5), layout="constrained", sharey=True)
    for axis, task in zip(axes, tasks, strict=True):
        for n, mixer in enumerate(mixers):
            accuracy = 100 * results(lines, task, mixer, "accuracy")
            axis.plot(accuracy, [n] * len(accuracy), "o", color="#0072B2", alpha=0.5)
            axis.plot([np.mean(accuracy)], [n], "|", color="black", ms=16, mew=2)
        axis.set(title=task, xlabel="right answers on what was held out, %")
        axis.grid(lw=0.3)
    axes[0].set_yticks(range(len(mixers)), mixers)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Token mixers at equal parameters on images.")
    parser.add_argument("--quick", action="store_true", help="two steps of two mixers")
    parser.add_argument("--out", type=Path, default=Path("runs/mixing_pixels"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "mixing_pixels.csv"
    some = ("none", "focal")
    run(path, *((some, 1, 2) if options.quick else (tuple(MIXERS), options.seeds, 300)))
    lines = finished(path)
    print("share of right answers, mean and standard deviation of the seeds, and a step's time")
    print(table_of(lines))
    draw(lines, options.out / "mixing_pixels.png")
    print(f"\nThe table and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
