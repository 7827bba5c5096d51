"""A language model that writes a character at a time, with its memory among inputs and outputs.

The network reads the source code of the installed Keras and foretells the next character. It is
trained on windows, all characters of which pass a recurrence at once. What is exported for serving
is another model of the same layers: it takes one character and the states of the recurrences, and
gives scores of the next character and the new states. Whoever calls it keeps the states, so a
server has no sessions, and a character costs the same however much stands before it. Without
states, all that stands before would be read again for every character.

    python examples/generating_characters.py [--quick] [--out DIR]

writes generating_characters.csv (milliseconds of a character, by how much stands before it) and
.png, what each model wrote (.txt), and the SavedModels for TF Serving.
"""

import argparse
import csv
import math
import time
from collections.abc import Callable
from pathlib import Path

import keras
import matplotlib
import numpy as np
import tensorflow as tf

from keras_hadamard import serving
from keras_hadamard.layers import RGLRU, MinGRU

matplotlib.use("Agg")
import matplotlib.pyplot as plt

WIDTH, WINDOW, BATCH, CHARACTERS = 96, 192, 32, 128
BOTH = {"return_sequences": True, "return_state": True}
RECURRENCES: dict[str, Callable[[], keras.layers.Layer]] = {
    "MinGRU": lambda: MinGRU(WIDTH, **BOTH),
    "RGLRU": lambda: RGLRU(**BOTH),
    "GRU": lambda: keras.layers.GRU(WIDTH, **BOTH),
}
BEFORE = (64, 256, 1024, 4096)
PROMPT = "class Attention(Layer):\n    def "


def code() -> tuple[np.ndarray, np.ndarray]:
    """The source code of Keras's layers as numbers: what is learned from, and what is held out."""
    root = Path(keras.__file__).parent / "src" / "layers"
    files = [f for f in sorted(root.rglob("*.py")) if "_test" not in f.name]
    lot = np.random.default_rng(0).permutation(len(files)) % 8 == 0
    texts = []
    for held_out in (False, True):
        chosen = [f for f, out in zip(files, lot, strict=True) if out == held_out]
        text = "\n".join(f.read_text(encoding="utf-8") for f in chosen)
        texts.append(np.frombuffer(text.encode("ascii", "replace"), "uint8").astype("int32"))
    return texts[0], texts[1]


def windows(text: np.ndarray, count: int, rng: np.random.Generator) -> tuple:
    """Windows from anywhere, and the same one character later."""
    starts = rng.integers(0, len(text) - WINDOW, count)
    both = text[starts[:, None] + np.arange(WINDOW + 1)]
    return both[:, :-1], both[:, 1:]


def networks(recurrence: str, blocks: int) -> tuple[keras.Model, keras.Model]:
    """The model of a window, and that of one character with states, of the same layers."""
    layers = keras.layers
    embedding, last, head = (
        layers.Embedding(CHARACTERS, WIDTH),
        layers.LayerNormalization(),
        layers.Dense(CHARACTERS),
    )
    parts = [
        (layers.LayerNormalization(), RECURRENCES[recurrence](), layers.Dense(WIDTH))
        for _ in range(blocks)
    ]

    def network(x: keras.KerasTensor, states: list) -> tuple[keras.KerasTensor, list]:
        x, after = embedding(x), []
        for (norm, mixer, out), state in zip(parts, states, strict=True):
            mixed, new = mixer(norm(x), initial_state=state)
            x, after = x + out(mixed), [*after, new]
        return head(last(x)), after

    window = keras.Input((None,), dtype="int32", name="characters")
    reader = keras.Model(window, network(window, [None] * blocks)[0])
    character = keras.Input((1,), dtype="int32", name="character")
    states = [keras.Input((WIDTH,), name=f"state_{n}") for n in range(blocks)]
    scores, after = network(character, states)
    outputs = {"next": layers.Reshape((CHARACTERS,))(scores)}
    outputs |= {state.name: new for state, new in zip(states, after, strict=True)}
    return reader, keras.Model([character, *states], outputs)


class Writer:
    """A client of the SavedModel, which keeps the states between two calls."""

    def __init__(self, folder: Path, blocks: int) -> None:
        self._loaded = tf.saved_model.load(folder)
        self._serve = self._loaded.signatures["serving_default"]
        self._states = {f"state_{n}": tf.zeros((1, WIDTH)) for n in range(blocks)}

    def read(self, character: int) -> np.ndarray:
        """The scores of what comes after the character."""
        outputs = self._serve(character=tf.constant([[character]]), **self._states)
        self._states = {name: outputs[name] for name in self._states}
        return outputs["next"].numpy()[0]

    def write(self, prompt: str, count: int, temperature: float = 0.5) -> str:
        rng = np.random.default_rng(0)
        written = list(prompt.encode("ascii"))
        for character in written[:-1]:
            self.read(character)
        for _ in range(count):
            scores = self.read(written[-1]) / temperature
            # The greatest of scores with Gumbel noise is a draw by their softmax.
            written.append(int(np.argmax(scores + rng.gumbel(size=CHARACTERS))))
        return bytes(written).decode("ascii", "replace")


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return 1e3 * float(np.median(seconds[1:]))


def table_rows(
    recurrence: str, out: Path, blocks: int, steps: int, count: int, before: tuple[int, ...]
) -> list[list[str]]:
    """Trains, exports, writes `count` characters, and measures: the lines of the table."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    seen, held_out = code()
    reader, step = networks(recurrence, blocks)
    reader.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = windows(seen, steps * BATCH, np.random.default_rng(1))
    reader.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
    test = windows(held_out, 8 * BATCH, np.random.default_rng(2))
    bits = reader.evaluate(*test, batch_size=BATCH, verbose=0) / math.log(2)
    folder = serving.export(step, out / recurrence.lower())
    writer = Writer(folder, blocks)
    text = writer.write(PROMPT, count)
    (out / f"{recurrence.lower()}.txt").write_text(text + "\n", encoding="utf-8")
    # What was served step by step is what the whole model says of the same text.
    characters = np.frombuffer(text.encode("ascii", "replace"), "uint8").astype("int32")[None]
    scores = writer.read(int(characters[0, -1]))
    error = float(np.abs(scores - np.asarray(reader(characters))[0, -1]).max())
    whole = tf.function(reader, autograph=False, reduce_retracing=True)
    lines = []
    for length in before:
        window = tf.constant(held_out[:length][None])
        cost = milliseconds(lambda window=window: whole(window).numpy(), 5)
        served = milliseconds(lambda: writer.read(32), 50)
        row = [recurrence, length, f"{bits:.3f}", f"{served:.3f}", f"{cost:.3f}", f"{error:.1e}"]
        lines.append([str(cell) for cell in row])
    return lines


HEADER = ["recurrence", "before", "bits", "served_ms", "read_again_ms", "largest_difference"]


def table_of(lines: list[list[str]]) -> str:
    text = [f"  {'recurrence':<12}{'before':>8}{'with states':>14}{'all again':>14}"]
    for recurrence, before, _, served, again, _ in lines:
        text.append(f"  {recurrence:<12}{before:>8}{served:>11} ms{again:>11} ms")
    for recurrence in dict.fromkeys(line[0] for line in lines):
        bits, error = next((line[2], line[5]) for line in lines if line[0] == recurrence)
        text.append(
            f"  {recurrence}: {bits} bits a held-out character; scores served step by step and of "
            f"the whole text differ by {error} at most"
        )
    return "\n".join(text)


def draw(lines: list[list[str]], path: Path) -> None:
    figure, axis = plt.subplots(figsize=(8.5, 4.2), layout="constrained")
    for n, recurrence in enumerate(dict.fromkeys(line[0] for line in lines)):
        mine = np.array([line[1:5] for line in lines if line[0] == recurrence], "float64")
        axis.plot(mine[:, 0], mine[:, 2], "-o", color=f"C{n}", label=f"{recurrence}, with states")
        axis.plot(mine[:, 0], mine[:, 3], "--o", color=f"C{n}", label=f"{recurrence}, all again")
    axis.set(xscale="log", yscale="log")
    axis.set(xlabel="characters that stand before", ylabel="milliseconds of a character")
    axis.grid(lw=0.3)
    figure.legend(loc="outside right upper")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="A character model served with its states.")
    parser.add_argument("--quick", action="store_true", help="a few steps of training")
    parser.add_argument("--out", type=Path, default=Path("runs/generating_characters"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = (1, 3, 20, BEFORE[:2]) if options.quick else (3, 1500, 800, BEFORE)
    path = options.out / "generating_characters.csv"
    lines = [line for name in RECURRENCES for line in table_rows(name, options.out, *settings)]
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *lines])
    print("milliseconds of one more character, by how many stand before it")
    print(table_of(lines))
    draw(lines, options.out / "generating_characters.png")
    print(f"\nWhat the models wrote, the table, the picture and the SavedModels: {options.out}.")


if __name__ == "__main__":
    main()
