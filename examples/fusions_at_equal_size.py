"""All fusions at equal size: which way of joining a picture and a question answers best.

One frame, `models.VisualQuestionAnswering`: a small convolutional network sees the picture, an
embedding and a MinGRU read the question, and a fusion joins the two vectors. Nothing changes but
the one word that names the fusion. Each is as wide as the same number of parameters allows, with
its published defaults otherwise; a few have no width to choose and stay below. Concatenation with a
hidden layer, what most people would write first, is the baseline.

As in the papers, whose pictures come through a detector, the eyes are trained first, to tell what
is where, and then held: every fusion gets the same vectors of the same pictures, and only what it
makes of them is compared.

Two data sets that are made on the spot: `digits_vqa`, questions in words about three handwritten
digits of scikit-learn, and `sort_of_clevr`, about six coloured shapes. Its pictures are drawn at
half the benchmark's size, which keeps a run to minutes. A question that concerns one object is
easier than a relational one, which compares several, so they are counted apart.

    python examples/fusions_at_equal_size.py [--quick] [--out DIR] [--data NAME]

writes fusions_at_equal_size.csv (a line for each training; those in it are not run again, so an
interrupted run resumes) and fusions_at_equal_size.png.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib
import numpy as np
import tensorflow_datasets as tfds

from keras_hadamard import datasets
from keras_hadamard.models import VisualQuestionAnswering

matplotlib.use("Agg")
import matplotlib.pyplot as plt

BASELINE = "concat"
# All but `tensor`, which at these widths is four times as large as the budget.
FUSIONS = (
    BASELINE,
    "sum",
    "hadamard",
    "mlb",
    "mfb",
    "mfh",
    "tucker",
    "mutan",
    "block",
    "block_tucker",
    "mcb",
    "mrn",
    "gmu",
    "lmf",
    "cross_modal_gate",
    "bilinear_attention",
    "multiplicative",
    "cope",
)
UNITS, BUDGET, BATCH = 64, 60_000, 128
# How often the eyes see each picture, of sort_of_clevr in each of its mirror images.
LOOKING = {"digits_vqa": 20, "sort_of_clevr": 10}
EPOCHS = {"digits_vqa": 15, "sort_of_clevr": 40}
# Pixels of the benchmark's picture along a side, in which its places are counted.
SIDE = 75
FIELDS = ("data", "fusion", "seed", "parameters", "all", "non_relational", "relational")


@dataclass
class Questions:
    """Pictures and what is in them; questions as word numbers, about which picture, answers, and
    which questions are relational."""

    image: np.ndarray
    scene: np.ndarray
    picture: np.ndarray
    question: np.ndarray
    answer: np.ndarray
    relational: np.ndarray


def words(example: dict) -> np.ndarray:
    if "question_tokens" in example:
        return example["question_tokens"]
    # Three of the eleven bits are set: the colour, the kind and the subtype are three words.
    return np.flatnonzero(example["question"]) + 1


def relational(example: dict) -> bool:
    if "relational" in example:
        return bool(example["relational"])
    # Digits are compared, counted or added, the parity of a sum included.
    several = example["kind"] in ("value", "order", "count", "sum")
    return several or b"sum" in example["question"]


def scene(example: dict) -> np.ndarray:
    """What is where: the digits one after the other, or the place and shape of each colour."""
    if "digits" in example:
        return np.eye(10, dtype="float32")[example["digits"]].ravel()
    return example["objects"].astype("float32").ravel()


def halved(images: np.ndarray) -> np.ndarray:
    count, height, width, channels = images.shape
    even = images[:, : height // 2 * 2, : width // 2 * 2]
    quarters = even.reshape(count, height // 2, 2, width // 2, 2, channels)
    return quarters.mean((2, 4), dtype="float32").round().astype("uint8")


def load(name: str, quick: bool) -> tuple[dict[str, Questions], int, int]:
    """The three splits, the number of words and the number of answers."""
    builder = datasets.builder(f"{name}/tiny" if quick else name)
    builder.download_and_prepare()
    features, splits = builder.info.features, {}
    for split in ("train", "validation", "test"):
        rows = list(tfds.as_numpy(builder.as_dataset(split=split)))
        if "question_type" in features:
            kinds = features["question_type"].names
            rows = [{**row, "kind": kinds[row["question_type"]]} for row in rows]
        # Several questions may be about one picture, which need not be looked at again.
        numbers = [int(row.get("picture", n)) for n, row in enumerate(rows)]
        _, first, picture = np.unique(numbers, return_index=True, return_inverse=True)
        images = np.stack([rows[n]["image"] for n in first])
        splits[split] = Questions(
            halved(images) if name == "sort_of_clevr" else images,
            np.stack([scene(rows[n]) for n in first]),
            picture,
            np.stack([words(row) for row in rows]).astype("int32"),
            np.array([row["answer"] for row in rows], "int32"),
            np.array([relational(row) for row in rows]),
        )
    vocabulary = 1 + max(int(s.question.max()) for s in splits.values())
    return splits, vocabulary, features["answer"].num_classes


def mirrored(images: np.ndarray, scenes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eight mirror images of each picture of shapes, and what is where in them."""
    x, y, shape = scenes.reshape(len(scenes), -1, 3).transpose(2, 0, 1)
    made = [(images, x, y), (images.swapaxes(1, 2), y, x)]
    made += [(i[:, ::-1], x, SIDE - 1 - y) for i, x, y in made]
    made += [(i[:, :, ::-1], SIDE - 1 - x, y) for i, x, y in made]
    turned = [np.stack([x, y, shape], -1).reshape(scenes.shape) for _, x, y in made]
    return np.concatenate([i for i, _, _ in made]), np.concatenate(turned)


def decayed(rate: float, rows: int, epochs: int) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(rate, epochs * (rows // BATCH + 1))
    )


def look(name: str, splits: dict[str, Questions], seed: int, epochs: int) -> dict[str, np.ndarray]:
    """A vector of each question's picture, by eyes that were taught what is where."""
    keras.utils.set_random_seed(seed)
    seen, scenes = splits["train"].image, splits["train"].scene
    if name == "sort_of_clevr":
        seen, scenes = mirrored(seen, scenes)
    frame = VisualQuestionAnswering(seen.shape[1:], 2, None, units=UNITS, filters=(24, 32, 48))
    image, vector = frame.get_layer("image").output, frame.get_layer("picture").output
    mean, spread = scenes.mean(0), scenes.std(0) + 1e-6
    told = keras.layers.Dense(len(mean))(keras.layers.ReLU()(vector))
    model = keras.Model(image, told)
    model.compile(decayed(3e-3, len(scenes), epochs), "mse")
    model.fit(seen, (scenes - mean) / spread, BATCH, epochs, verbose=0)
    eyes = keras.Model(image, vector)
    return {
        name: eyes.predict(split.image, 500, verbose=0)[split.picture]
        for name, split in splits.items()
    }


def train(
    fusion: str,
    vectors: dict[str, np.ndarray],
    splits: dict[str, Questions],
    vocabulary: int,
    classes: int,
    seed: int,
    epochs: int,
) -> tuple[int, dict[str, float]]:
    """The fusion's parameters, and the accuracies on the test split at the best epoch."""
    keras.utils.set_random_seed(seed)
    frame = VisualQuestionAnswering(
        splits["train"].image.shape[1:],
        vocabulary,
        classes,
        fusion=fusion,
        max_fusion_parameters=BUDGET,
        units=UNITS,
        filters=(24, 32, 48),
    )
    # The part of the frame behind the eyes.
    behind = [frame.get_layer("picture").output, frame.get_layer("question").output]
    model = keras.Model(behind, frame.outputs[0])
    rows = len(splits["train"].answer)
    model.compile(
        decayed(3e-3, rows, epochs),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # Small layers and a recurrence: compiled, a step takes half the time; to compile takes ten
        # seconds, which a few steps do not make up for.
        jit_compile=epochs > 1,
    )
    best = keras.callbacks.EarlyStopping(
        "val_accuracy", patience=epochs, restore_best_weights=True, mode="max"
    )
    x = {name: [vectors[name], split.question] for name, split in splits.items()}
    model.fit(
        x["train"],
        splits["train"].answer,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=(x["validation"], splits["validation"].answer),
        validation_batch_size=2000,
        callbacks=[best],
        verbose=0,
    )
    test = splits["test"]
    right = model.predict(x["test"], batch_size=2000, verbose=0).argmax(-1) == test.answer
    return sum(int(np.prod(w.shape)) for w in frame.get_layer("fusion").trainable_weights), {
        "all": float(right.mean()),
        "non_relational": float(right[~test.relational].mean()),
        "relational": float(right[test.relational].mean()),
    }


def finished(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(path: Path, names: list[str], seeds: int, quick: bool) -> None:
    """Adds a line to the table for each training that it lacks."""
    done = {(line["data"], line["fusion"], line["seed"]) for line in finished(path)}
    if not done:
        path.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    for name in names:
        splits, vocabulary, classes = load(name, quick)
        for seed in range(seeds):
            wanted = FUSIONS[::6] if quick else FUSIONS
            left = [fusion for fusion in wanted if (name, fusion, str(seed)) not in done]
            looking = 1 if quick else LOOKING[name]
            vectors = look(name, splits, seed, looking) if left else {}
            for fusion in left:
                keras.utils.clear_session()
                epochs = 1 if quick else EPOCHS[name]
                count, scores = train(fusion, vectors, splits, vocabulary, classes, seed, epochs)
                shown = [f"{scores[kind]:.4f}" for kind in FIELDS[4:]]
                with open(path, "a", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerow([name, fusion, seed, count, *shown])


def summary(lines: list[dict[str, str]], name: str) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean and spread of the accuracies of each fusion, the best first."""
    result = {}
    for fusion in FUSIONS:
        mine = [ln for ln in lines if (ln["data"], ln["fusion"]) == (name, fusion)]
        if mine:
            scores = {kind: np.array([ln[kind] for ln in mine], float) for kind in FIELDS[4:]}
            result[fusion] = {kind: (s.mean(), s.std()) for kind, s in scores.items()}
    return dict(sorted(result.items(), key=lambda item: -item[1]["all"][0]))


def table_of(lines: list[dict[str, str]], name: str) -> str:
    counts = {ln["fusion"]: int(ln["parameters"]) for ln in lines if ln["data"] == name}
    text = [f"\n{name}: accuracy on test in percent"]
    text.append(
        f"  {'fusion':<20}{'parameters':>10}{'all':>15}{'one object':>15}{'relational':>15}"
    )
    for fusion, scores in summary(lines, name).items():
        cells = "".join(f"{100 * m:>8.1f} +- {100 * s:3.1f}" for m, s in scores.values())
        text.append(f"  {fusion:<20}{counts[fusion]:>10,}{cells}")
    return "\n".join(text)


def draw(lines: list[dict[str, str]], names: list[str], path: Path) -> None:
    figure, axes = plt.subplots(1, len(names), figsize=(7 * len(names), 6.5), layout="constrained")
    for axis, name in zip(np.atleast_1d(axes), names, strict=True):
        figures = summary(lines, name)
        order = list(figures)[::-1]
        rows = np.arange(len(order))
        for kind, marker, label in (
            ("non_relational", "o", "one object"),
            ("relational", "s", "relational"),
        ):
            means, spreads = (100 * np.array([figures[f][kind][i] for f in order]) for i in (0, 1))
            axis.errorbar(means, rows, xerr=spreads, fmt=marker, ms=5, capsize=2, label=label)
            base = 100 * figures[BASELINE][kind][0]
            axis.axvline(base, color=axis.lines[-1].get_color(), lw=0.8, ls=":")
        axis.set_yticks(rows, [f"{f} (baseline)" if f == BASELINE else f for f in order])
        axis.set(title=name, xlabel="accuracy on test (%)")
        axis.grid(axis="y", lw=0.3)
    handles = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)
    figure.suptitle(f"Fusions of at most {BUDGET:,} parameters; dotted: concatenation")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Every fusion in the same model, equally large.")
    parser.add_argument("--quick", action="store_true", help="one short training of every sixth")
    parser.add_argument("--out", type=Path, default=Path("runs/fusions_at_equal_size"))
    parser.add_argument("--data", choices=("digits_vqa", "sort_of_clevr"), help="only this one")
    options = parser.parse_args()
    names = [options.data] if options.data else ["digits_vqa", "sort_of_clevr"]
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "fusions_at_equal_size.csv"
    run(path, names, 1 if options.quick else 3, options.quick)
    lines = finished(path)
    for name in names:
        print(table_of(lines, name))
    draw(lines, names, options.out / "fusions_at_equal_size.png")
    print(f"\nThe trainings and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
