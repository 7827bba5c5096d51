"""Coordinates to pixels: a photograph as a function that a network learns.

A network is handed the coordinates of a pixel and answers with its colour. What it can answer
depends on where its frequencies come from. A ReLU network has none and learns the coarse shapes
first; a sine network (SIREN) has them in its activations; a multiplicative filter network has no
activation at all: it multiplies filters of the coordinates, sinusoids or Gabor wavelets, and each
product holds the sums and differences of their frequencies.

The networks have the same number of parameters, and see every other pixel of the photograph, as on
a checkerboard. The pixels between are held out: fitting what was seen is one thing, what stands
between is another.

    python examples/coordinates_to_pixels.py [--quick] [--out DIR]

writes coordinates_to_pixels.csv (both ratios over the steps) and coordinates_to_pixels.png.
"""

import argparse
import csv
import time
from pathlib import Path

import keras
import matplotlib
import numpy as np
from keras import ops
from sklearn.datasets import load_sample_image

from keras_hadamard.models import MultiplicativeFilterNetwork

matplotlib.use("Agg")
import matplotlib.pyplot as plt

OMEGA = 30.0  # The frequency of a sine network, as its authors have it.


def photograph(side: int) -> np.ndarray:
    """A square of the photograph, each pixel the mean of a block, with values within -1 and 1."""
    picture = load_sample_image("china.jpg").astype("float32")
    block = min(picture.shape[:2]) // side
    top, left = ((n - block * side) // 2 for n in picture.shape[:2])
    square = picture[top : top + block * side, left : left + block * side]
    return square.reshape(side, block, side, block, 3).mean((1, 3)) / 127.5 - 1


def grid(side: int) -> np.ndarray:
    """The coordinates of the pixels, within -1 and 1."""
    line = np.linspace(-1, 1, side, dtype="float32")
    return np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)


def relu_network(units: int, side: int) -> keras.Model:
    hidden = [keras.layers.Dense(units, "relu", kernel_initializer="he_uniform") for _ in range(4)]
    return keras.Sequential([keras.Input((2,)), *hidden, keras.layers.Dense(3)])


def sine_network(units: int, side: int) -> keras.Model:
    """SIREN: the first kernel spreads coordinates over many periods, the others keep that."""
    uniform = keras.initializers.RandomUniform
    x = inputs = keras.Input((2,))
    limit = 1 / 2
    for _ in range(4):
        x = ops.sin(OMEGA * keras.layers.Dense(units, kernel_initializer=uniform(-limit, limit))(x))
        limit = (6 / units) ** 0.5 / OMEGA
    output = keras.layers.Dense(3, kernel_initializer=uniform(-limit, limit))
    return keras.Model(inputs, output(x))


# One frequency a pixel: with fewer the filter networks fit later what they see, and invent less
# between.
def fourier_network(units: int, side: int) -> keras.Model:
    return MultiplicativeFilterNetwork("fourier", units=units, outputs=3, input_scale=side)


def gabor_network(units: int, side: int) -> keras.Model:
    return MultiplicativeFilterNetwork("gabor", units=units, outputs=3, input_scale=side)


# Each with a learning rate that suits it.
NETWORKS = {
    "ReLU network": (relu_network, 3e-3),
    "sine network": (sine_network, 1e-3),
    "Fourier filters": (fourier_network, 1e-2),
    "Gabor filters": (gabor_network, 1e-2),
}


def of_size(make, parameters: int, side: int) -> keras.Model:
    """The network whose width brings it nearest to a number of parameters."""
    # A hidden layer has about units^2 parameters, and there are three of them.
    start = int((parameters / 3) ** 0.5)
    widths = range(max(2, start - 8), start + 3)
    sizes = {units: make(units, side).count_params() for units in widths}
    return make(min(sizes, key=lambda units: abs(sizes[units] - parameters)), side)


def psnr(got: np.ndarray, wanted: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels; the peak of values within -1 and 1 is 2."""
    return float(10 * np.log10(4 / np.mean((np.clip(got, -1, 1) - wanted) ** 2)))


def train(model, rate: float, coordinates, colours, seen, steps: int, every: int):
    """Trains on the pixels that are seen; returns (step, PSNR of seen, PSNR of held out) rows."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    x, y = ops.convert_to_tensor(coordinates[seen]), ops.convert_to_tensor(colours[seen])
    rows = []
    for step in range(steps + 1):
        if step % every == 0 or step == steps:
            answer = model.predict(coordinates, batch_size=len(coordinates), verbose=0)
            ratios = (psnr(answer[which], colours[which]) for which in (seen, ~seen))
            rows.append((step, *ratios))
        if step < steps:
            model.train_on_batch(x, y)
    return rows, answer


def draw(picture, answers, curves, path: Path) -> None:
    figure, axes = plt.subplots(2, 4, figsize=(14, 7.2))
    side = len(picture)
    shown = {"photograph": picture.reshape(-1, 3), **answers}
    for axis, (name, image) in zip(axes.flat, shown.items(), strict=False):
        axis.imshow((np.clip(image, -1, 1).reshape(side, side, 3) + 1) / 2)
        last = curves[name][-1] if name in curves else None
        ratios = f"\nseen {last[1]:.1f} dB, held out {last[2]:.1f} dB" if last else "\n"
        axis.set_title(name + ratios, fontsize=10)
        axis.axis("off")
    axes[1, 1].axis("off")
    for axis, column, title in ((axes[1, 2], 1, "seen pixels"), (axes[1, 3], 2, "held-out pixels")):
        for name, rows in curves.items():
            axis.plot([r[0] for r in rows], [r[column] for r in rows], label=name)
        axis.set(title=title, xlabel="step", ylabel="PSNR (dB)")
        axis.grid(alpha=0.3)
    handles, labels = axes[1, 3].get_legend_handles_labels()
    axes[1, 1].legend(handles, labels, loc="center", frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small picture and few steps")
    parser.add_argument("--out", type=Path, default=Path("runs/coordinates_to_pixels"))
    options = parser.parse_args()
    side, parameters, steps = (32, 4_000, 60) if options.quick else (128, 50_000, 1_000)
    options.out.mkdir(parents=True, exist_ok=True)

    picture, coordinates = photograph(side), grid(side)
    colours = picture.reshape(-1, 3)
    seen = np.indices((side, side)).sum(0).ravel() % 2 == 0
    curves, answers = {}, {}
    print(f"{side} x {side} pixels, {seen.sum()} of them seen, {steps} steps")
    print(f"{'network':<16} {'parameters':>10} {'seen':>9} {'held out':>9} {'seconds':>8}")
    for name, (make, rate) in NETWORKS.items():
        keras.utils.set_random_seed(0)
        model = of_size(make, parameters, side)
        start = time.perf_counter()
        curves[name], answers[name] = train(
            model, rate, coordinates, colours, seen, steps, steps // 20
        )
        seconds = time.perf_counter() - start
        _, fit, held_out = curves[name][-1]
        size = model.count_params()
        print(f"{name:<16} {size:>10,} {fit:>6.1f} dB {held_out:>6.1f} dB {seconds:>8.0f}")

    last = {name: rows[-1] for name, rows in curves.items()}
    for column, what in ((1, "seen"), (2, "held-out")):
        ranked = sorted(last, key=lambda name: -last[name][column])
        told = ", ".join(f"{name} {last[name][column]:.1f} dB" for name in ranked)
        print(f"On the {what} pixels, best first: {told}.")
    peaks = {name: max(rows, key=lambda row: row[2]) for name, rows in curves.items()}
    told = ", ".join(f"{name} {row[2]:.1f} dB at step {row[0]}" for name, row in peaks.items())
    print(f"Between the seen pixels each was best here: {told}.")
    with open(options.out / "coordinates_to_pixels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "step", "psnr_seen", "psnr_held_out"])
        for name, rows in curves.items():
            writer.writerows((name, step, f"{a:.3f}", f"{b:.3f}") for step, a, b in rows)
    draw(picture, answers, curves, options.out / "coordinates_to_pixels.png")
    if not options.quick:
        for name in ("Fourier filters", "Gabor filters"):
            assert last[name][1] > last["ReLU network"][1] + 3, f"{name} fit no better than ReLU"


if __name__ == "__main__":
    main()
