"""The cost of token mixers, as sequences become long.

Attention compares every token with every other one: four times the work and four times the memory
for twice the length. The other mixers combine tokens by products with something that all tokens, or
all earlier ones, have in common, and by long convolutions. Here each is run forward and backward
over one sequence of 64 features, from 256 to 16,384 tokens, and a straight line is fitted to the
logarithms: its slope is the power of the length that the cost grows with.

    python examples/cost_over_length.py [--quick] [--out DIR] [--limit GIB]

writes cost_over_length.csv and .png. A mixer stops where its memory would exceed the limit, by
default 2 GiB. After an interruption the program resumes.
"""

import argparse
import csv
import sys
from collections.abc import Callable
from pathlib import Path

# The measurements stand beside the package, and choose TensorFlow's allocator before it starts.
sys.path.append(str(Path(__file__).parents[1]))
from benchmarks.speed.measure import median_time, peak_bytes, slope  # isort: skip

import keras
import matplotlib
import numpy as np
import tensorflow as tf

from keras_hadamard import layers

matplotlib.use("Agg")
import matplotlib.pyplot as plt

WIDTH, HEADS = 64, 4
LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384)
# The slopes are of what is long: short sequences have costs of their own.
LONG = 1024


class Attention(keras.layers.Layer):
    """`keras.layers.MultiHeadAttention` of the sequence to itself."""

    def __init__(self, flash: bool) -> None:
        super().__init__()
        self.attention = keras.layers.MultiHeadAttention(
            HEADS, WIDTH // HEADS, flash_attention=flash
        )

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return self.attention(x, x)


Make = Callable[[int], keras.layers.Layer]
MIXERS: dict[str, Make] = {
    "attention": lambda length: Attention(flash=False),
    "attention, flash": lambda length: Attention(flash=True),
    "gMLP": lambda length: layers.GMLPBlock(2 * WIDTH),
    "AFT, full": lambda length: layers.AFT(),
    "AFT, simple": lambda length: layers.AFT(position_bias="simple"),
    "Poly-SA": lambda length: layers.PolySelfAttention(HEADS),
    "Poly-NL": lambda length: layers.PolyNonLocal(),
    "focal": lambda length: layers.FocalModulation1D(),
    "linear attention": lambda length: layers.LinearAttention(HEADS),
    "Hydra": lambda length: layers.HydraAttention(),
    "gated linear attention": lambda length: layers.GatedLinearAttention(HEADS),
    "retention": lambda length: layers.Retention(HEADS),
    "Hyena": lambda length: layers.HyenaOperator(length),
    "H3": lambda length: layers.H3(),
    "Monarch Mixer": lambda length: layers.MonarchMixer(length),
    "MinGRU": lambda length: layers.MinGRU(WIDTH, return_sequences=True),
}


def backend_has_flash_attention() -> bool:
    try:
        Attention(flash=True)(np.zeros((1, 8, WIDTH), "float32"))
    except (ValueError, RuntimeError, ImportError, NotImplementedError):  # as the backend has it
        return False
    return True


def training_pass(make: Make, length: int) -> Callable[[], object]:
    """Forward and gradient of all weights and of the input."""
    x = tf.constant(np.random.default_rng(0).normal(size=(1, length, WIDTH)), "float32")
    layer = make(length)
    layer(x)
    weights = [weight.value for weight in layer.trainable_weights]

    @tf.function(autograph=False)
    def run() -> object:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, [x, *weights])

    return run


def finished(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def forecast(peaks: list[float]) -> float:
    """The memory at twice the length, if it goes on growing as it did."""
    if len(peaks) < 2:
        return 0.0
    return peaks[-1] * max(2.0, peaks[-1] / peaks[-2])


def run(path: Path, lengths: tuple[int, ...], repeats: int, limit: float) -> None:
    """Measures what the table lacks."""
    if not path.exists():
        path.write_text("mixer,length,milliseconds,mebibytes\n", encoding="utf-8")
    has_flash = backend_has_flash_attention()
    for name, make in MIXERS.items():
        if "flash" in name and not has_flash:
            continue
        for length in lengths:
            mine = [line for line in finished(path) if line["mixer"] == name]
            if any(line["length"] == str(length) for line in mine):
                continue
            if forecast([float(line["mebibytes"]) for line in mine]) > 1024 * limit:
                break
            keras.utils.clear_session()
            keras.utils.set_random_seed(0)
            step = training_pass(make, length)
            line = [name, length, f"{median_time(step, repeats):.3f}"]
            line.append(f"{peak_bytes(step) / 2**20:.3f}")
            with open(path, "a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(line)


def curve(lines: list[dict[str, str]], name: str, what: str) -> tuple[list[int], list[float]]:
    mine = [line for line in lines if line["mixer"] == name]
    return [int(line["length"]) for line in mine], [float(line[what]) for line in mine]


def fitted(lengths: list[int], costs: list[float]) -> str:
    """The slope in the logarithms over the long sequences, if there are two of them."""
    long = [(n, cost) for n, cost in zip(lengths, costs, strict=True) if n >= LONG] or list(
        zip(lengths, costs, strict=True)
    )
    if len(long) < 2:
        return "-"
    return f"{slope([n for n, _ in long], [cost for _, cost in long]):.2f}"


def table_of(lines: list[dict[str, str]]) -> str:
    lengths = sorted({int(line["length"]) for line in lines})
    head = "".join(f"{length:>10,}" for length in lengths)
    text = []
    for what, unit in (("milliseconds", "ms"), ("mebibytes", "MiB")):
        text.append(f"  {unit:<24}{head}{'slope':>8}")
        for name in dict.fromkeys(line["mixer"] for line in lines):
            measured, costs = curve(lines, name, what)
            at = dict(zip(measured, costs, strict=True))
            cells = "".join(f"{at[n]:>10.1f}" if n in at else f"{'-':>10}" for n in lengths)
            text.append(f"  {name:<24}{cells}{fitted(measured, costs):>8}")
    return "\n".join(text)


def draw(lines: list[dict[str, str]], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(15, 6), layout="constrained")
    names = list(dict.fromkeys(line["mixer"] for line in lines))
    colours = plt.get_cmap("tab20").colors
    for axis, what in zip(axes, ("milliseconds", "mebibytes"), strict=True):
        for n, name in enumerate(names):
            lengths, costs = curve(lines, name, what)
            label = f"{name} ({fitted(lengths, costs)})"
            style = "--" if name.startswith("attention") else "-"
            axis.plot(lengths, costs, style, marker=".", color=colours[n % 20], label=label)
        axis.set(xscale="log", yscale="log", xlabel="tokens", title=f"{what} (slope)")
        axis.grid(lw=0.3)
        axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of token mixers over the length.")
    parser.add_argument("--quick", action="store_true", help="two short lengths")
    parser.add_argument("--out", type=Path, default=Path("runs/cost_over_length"))
    parser.add_argument("--limit", type=float, default=2.0, help="the most memory, in GiB")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "cost_over_length.csv"
    run(path, *(((32, 64), 1) if options.quick else (LENGTHS, 5)), options.limit)
    lines = finished(path)
    print(f"one sequence of {WIDTH} features, forward and gradient; slope: the power of the length")
    print(table_of(lines))
    if not any("flash" in line["mixer"] for line in lines):
        print(f"  The {keras.backend.backend()} backend has no flash attention here.")
    draw(lines, options.out / "cost_over_length.png")
    print(f"\nThe table and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
