"""Gates in the feed-forward network of a language model, at equal size.

A small network reads the documentation of the installed SciPy a character at a time and foretells
the next one. Its blocks mix what came before with a recurrence (MinGRU), and transform each
position with a feed-forward network, as a transformer's do. Only this network is exchanged: two
dense layers with a ReLU or a GELU between them, or a gated one, in which an activated projection
multiplies another: bilinear (no activation), GLU (sigmoid), ReGLU, GEGLU and SwiGLU. A gated
network has three kernels instead of two, and so two thirds of the hidden width at the same size.

What is written in one file of SciPy is all in training or all held out. The score is the number of
bits that a held-out character costs, on average, to one who knows what the network foretells.

    python examples/gated_mlps.py [--quick] [--out DIR]

writes gated_mlps.csv (the bits at six moments of each training) and gated_mlps.png.
"""

import argparse
import ast
import csv
import math
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib
import numpy as np
import scipy

from keras_hadamard.layers import GatedMLP, MinGRU

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# The activation of two dense layers, or of the gate.
PLAIN = {"ReLU": "relu", "GELU": "gelu"}
GATED = {"bilinear": None, "GLU": "sigmoid", "ReGLU": "relu", "GEGLU": "gelu", "SwiGLU": "silu"}
NETWORKS = (*PLAIN, *GATED)
WIDTH = 64
LENGTH, BATCH, MOMENTS = 128, 32, 6


def documentation(part: str = "") -> list[str]:
    """The documentation in each file of SciPy, or of a part of it."""
    root = Path(scipy.__file__).parent / part
    texts = []
    for path in sorted(root.rglob("*.py")):
        if "tests" in path.parts:
            continue
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        found = [ast.get_docstring(node) for node in nodes if isinstance(node, documented)]
        texts.append("\n\n".join(text for text in found if text))
    return texts


@dataclass
class Text:
    """Characters as numbers, and how many different ones there are."""

    seen: np.ndarray
    held_out: np.ndarray
    size: int

    def windows(self, held_out: bool, count: int, rng: np.random.Generator) -> tuple:
        """Windows from anywhere, and the same one character later."""
        characters = self.held_out if held_out else self.seen
        starts = rng.integers(0, len(characters) - LENGTH, count)
        both = characters[starts[:, None] + np.arange(LENGTH + 1)]
        return both[:, :-1], both[:, 1:]


def encoded(texts: list[str]) -> Text:
    """One file in ten is held out; what is no common character of the others is all one."""
    lot = np.random.default_rng(0).permutation(len(texts)) % 10 == 0
    parts = [
        "".join(t for t, out in zip(texts, lot, strict=True) if out == held) for held in (0, 1)
    ]
    letters, counts = np.unique(list(parts[0]), return_counts=True)
    known = {letter: n for n, letter in enumerate(letters[counts >= 20], start=1)}
    seen, held_out = (np.array([known.get(c, 0) for c in part], "int32") for part in parts)
    return Text(seen, held_out, len(known) + 1)


def feed_forward(network: str) -> keras.layers.Layer:
    """Four times the width between two kernels, or two thirds of it between three."""
    if network in GATED:
        return GatedMLP(activation=GATED[network])
    hidden = keras.layers.Dense(4 * WIDTH, PLAIN[network], use_bias=False)
    return keras.Sequential([hidden, keras.layers.Dense(WIDTH, use_bias=False)])


def language_model(network: str, size: int, blocks: int) -> keras.Model:
    layers = keras.layers
    characters = keras.Input((LENGTH,), dtype="int32", name="characters")
    x = layers.Embedding(size, WIDTH)(characters)
    for _ in range(blocks):
        mixed = MinGRU(WIDTH, return_sequences=True)(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(WIDTH)(mixed)])
        x = layers.Add()([x, feed_forward(network)(layers.LayerNormalization()(x))])
    next_one = layers.Dense(size, name="next")(layers.LayerNormalization()(x))
    return keras.Model(characters, next_one)


def train(network: str, text: Text, seed: int, blocks: int, steps: int, test: tuple) -> tuple:
    """The size of the feed-forward networks, and the bits of a held-out character as they fall."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = language_model(network, text.size, blocks)
    # A step compiled by XLA is no faster here, and the compilation takes as long as many steps.
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = text.windows(False, steps * BATCH, np.random.default_rng(seed))
    bits, each = [], len(x) // MOMENTS
    for moment in range(MOMENTS):
        part = slice(moment * each, (moment + 1) * each)
        model.fit(x[part], y[part], batch_size=BATCH, shuffle=False, verbose=0)
        loss = model.evaluate(*test, batch_size=4 * BATCH, verbose=0)
        bits.append(loss / math.log(2))
    kinds = (GatedMLP, keras.Sequential)
    size = sum(layer.count_params() for layer in model.layers if isinstance(layer, kinds))
    return size, bits


def finished(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(path: Path, text: Text, seeds: int, blocks: int, steps: int, tests: int) -> None:
    """Trains what the table lacks."""
    if not path.exists():
        path.write_text("network,seed,parameters,characters,bits\n", encoding="utf-8")
    done = {(line["network"], line["seed"]) for line in finished(path)}
    test = text.windows(True, tests, np.random.default_rng(0))
    for seed in range(seeds):
        for network in NETWORKS:
            if (network, str(seed)) in done:
                continue
            size, bits = train(network, text, seed, blocks, steps, test)
            with open(path, "a", newline="", encoding="utf-8") as file:
                for moment, value in enumerate(bits, start=1):
                    characters = moment * steps * BATCH * LENGTH // MOMENTS
                    csv.writer(file).writerow([network, seed, size, characters, f"{value:.4f}"])


def curves(lines: list[dict[str, str]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each network how many characters it had seen, and the bits of each seed by then."""
    result = {}
    for network in NETWORKS:
        mine = [line for line in lines if line["network"] == network]
        bits = np.array([float(line["bits"]) for line in mine]).reshape(-1, MOMENTS)
        result[network] = np.array([int(ln["characters"]) for ln in mine[:MOMENTS]]), bits
    return result


def table_of(lines: list[dict[str, str]]) -> str:
    sizes = {line["network"]: int(line["parameters"]) for line in lines}
    text = [f"  {'network':<10}{'parameters':>11}{'bits a character':>20}"]
    for network, (_, bits) in curves(lines).items():
        last = bits[:, -1]
        text.append(f"  {network:<10}{sizes[network]:>11,}{last.mean():>12.3f} +- {last.std():.3f}")
    return "\n".join(text)


def draw(lines: list[dict[str, str]], path: Path) -> None:
    figure, (fall, end) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    for n, (network, (characters, bits)) in enumerate(curves(lines).items()):
        style = "--" if network in PLAIN else "-"
        fall.plot(characters / 1e6, bits.mean(0), style, color=f"C{n}", label=network)
        end.errorbar(bits[:, -1].mean(), n, xerr=bits[:, -1].std(), fmt="o", color=f"C{n}")
        end.plot(bits[:, -1], [n] * len(bits), ".", color=f"C{n}", alpha=0.5)
    fall.set(xlabel="characters seen (millions)", ylabel="bits a held-out character")
    fall.legend()
    end.set_yticks(range(len(NETWORKS)), NETWORKS)
    end.invert_yaxis()
    end.set(xlabel="bits at the end: each seed, mean and standard deviation")
    for axis in (fall, end):
        axis.grid(lw=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Gates in a language model, at equal size.")
    parser.add_argument("--quick", action="store_true", help="one short training each")
    parser.add_argument("--out", type=Path, default=Path("runs/gated_mlps"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "gated_mlps.csv"
    text = encoded(documentation("linalg" if options.quick else ""))
    print(
        f"{len(text.seen):,} characters to learn from, {len(text.held_out):,} held out, "
        f"{text.size} different ones"
    )
    seeds, blocks, steps, tests = (1, 1, MOMENTS, 32) if options.quick else (3, 2, 600, 512)
    run(path, text, seeds, blocks, steps, tests)
    lines = finished(path)
    print("feed-forward networks of equal size; bits that a held-out character costs")
    print(table_of(lines))
    draw(lines, options.out / "gated_mlps.png")
    print(f"\nThe trainings and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
