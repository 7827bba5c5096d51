"""Feature crosses: which products of features a target is made of, and who finds them.

A table has columns; a target often depends on products of them, which a linear model cannot have
and a multilayer perceptron has to bend into shape. A factorisation machine holds a weight for every
product of two (or, of order three, up to three) columns, of low rank; a cross network multiplies
the columns with projections of themselves. Both are polynomials, so that after the fit their
weights can be read off: the products that they name are compared with the true ones.

The columns are real: pixels of scikit-learn's handwritten digits, standardised, none of them much
like another. Two targets are made of known products of two and of three columns, with noise; a
third is real, the progression of diabetes in scikit-learn's table, and may be as linear as it
likes. All models have the same number of parameters, the linear one aside, and the same training.

    python examples/feature_crosses.py [--quick] [--out DIR]

writes feature_crosses.csv (a line for each fit) and feature_crosses.png.
"""

import argparse
import csv
import itertools
import warnings
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib
import numpy as np
from sklearn.datasets import load_diabetes, load_digits

from keras_hadamard.layers import CrossNetwork, FactorizationMachine

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Every other epoch is validated; Keras remarks on those between.
warnings.filterwarnings("ignore", "Early stopping conditioned on metric")

COLUMNS = 20
NOISE = 0.3  # Of the standard deviation of the products.


@dataclass
class Table:
    """Columns, a target, and the products that it is made of, where that is known."""

    name: str
    x: np.ndarray
    y: np.ndarray
    terms: list[tuple[int, ...]]
    ceiling: float = 1.0


def standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(0)) / x.std(0)


def pixels() -> np.ndarray:
    """The pixels that vary most, each correlated by less than 0.5 with those before."""
    x = load_digits().data
    x = x[:, x.std(0) > 0]
    chosen: list[int] = []
    for column in np.argsort(-x.var(0)):
        if all(abs(np.corrcoef(x[:, column], x[:, c])[0, 1]) < 0.5 for c in chosen):
            chosen.append(int(column))
    return standardised(x[:, chosen[:COLUMNS]])


def products(x: np.ndarray, degree: int) -> Table:
    """Six products of distinct columns with weights of either sign, and noise."""
    rng = np.random.default_rng(degree)
    sets = list(itertools.combinations(range(x.shape[1]), degree))
    terms = sorted(sets[i] for i in rng.choice(len(sets), 6, replace=False))
    weights = rng.choice([-1.0, 1.0], 6) * rng.uniform(0.7, 1.3, 6)
    signal = sum(w * x[:, t].prod(1) for w, t in zip(weights, map(list, terms), strict=True))
    noise = NOISE * signal.std() * rng.normal(size=len(x))
    name = f"products of {'two' if degree == 2 else 'three'}"
    return Table(name, x, standardised(signal + noise), terms, 1 / (1 + NOISE**2))


def tables() -> list[Table]:
    x = pixels()
    data = load_diabetes()
    real = Table("diabetes", standardised(data.data), standardised(data.target), [])
    return [products(x, 2), products(x, 3), real]


def models(width: int) -> dict[str, keras.Model]:
    """Two crosses set the number of parameters; the others are as wide as it allows."""
    dense = keras.layers.Dense
    budget = 2 * (width**2 + width) + width + 1
    # Machines start small, or the sum over all products starts large.
    small = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.05)}
    hidden = round((budget - 1) / (width + 2))
    made = {
        "linear": [dense(1)],
        "perceptron": [dense(hidden, "relu"), dense(1)],
        "cross network": [CrossNetwork(2), dense(1)],
        "machine of order 2": [FactorizationMachine(2 * (width + 1), **small)],
        "machine of order 3": [FactorizationMachine(width + 1, order=3, **small)],
    }
    return {name: keras.Sequential([keras.Input((width,)), *m]) for name, m in made.items()}


def named(model: keras.Model, width: int, degree: int) -> dict[tuple[int, ...], float]:
    """The weight of every product of that many distinct columns.

    The sum of the outputs at x_i = +-1, x_j = +-1, ..., each with the product of its signs, leaves
    of a polynomial of degree three exactly the weight of x_i x_j ...; of another function a mean
    interaction.
    """
    sets = list(itertools.combinations(range(width), degree))
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=degree)))
    x = np.zeros((len(sets), len(signs), width), "float32")
    for n, chosen in enumerate(sets):
        x[n][:, chosen] = signs
    y = np.asarray(model(x.reshape(-1, width)))
    weights = y.reshape(len(sets), -1) @ signs.prod(1) / len(signs)
    return dict(zip(sets, weights, strict=True))


def fit(model: keras.Model, table: Table, seed: int, epochs: int) -> float:
    """R^2 on a fifth of the rows that was not seen; another fifth says when to stop."""
    order = np.random.default_rng(seed).permutation(len(table.x))
    test, valid, train = np.split(order, [len(order) // 5, 2 * len(order) // 5])
    data = [(table.x[rows].astype("float32"), table.y[rows]) for rows in (train, valid, test)]
    # All steps of an epoch in one call: the models are small, and the calls would be most of it.
    steps = -(-len(train) // 256)
    model.compile(keras.optimizers.Adam(0.01), "mse", steps_per_execution=steps)
    best = keras.callbacks.EarlyStopping(patience=epochs // 10, restore_best_weights=True)
    model.fit(
        *data[0],
        batch_size=256,
        epochs=epochs,
        validation_data=data[1],
        callbacks=[best],
        verbose=0,
        validation_batch_size=len(valid),
        validation_freq=2,
    )
    residual = data[2][1] - np.asarray(model(data[2][0]))[:, 0]
    return float(1 - residual.var() / data[2][1].var())


def run(seeds: int, epochs: int) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    """A line for each fit, and the weights of pairs that the first fits on pairs name."""
    lines, maps = [], {}
    for table in tables():
        width = table.x.shape[1]
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            for name, model in models(width).items():
                r2 = fit(model, table, seed, epochs)
                found: object = ""
                if table.terms:
                    weights = named(model, width, len(table.terms[0]))
                    top = sorted(weights, key=lambda t: -abs(weights[t]))[: len(table.terms)]
                    found = len(set(top) & set(table.terms))
                    if len(table.terms[0]) == 2 and not seed:
                        maps[name] = np.zeros((width, width))
                        for pair, weight in weights.items():
                            maps[name][pair] = weight
                lines.append(
                    {
                        "target": table.name,
                        "model": name,
                        "parameters": model.count_params(),
                        "seed": seed,
                        "r2": round(r2, 4),
                        "terms_found": found,
                        "terms": len(table.terms) or "",
                        "ceiling": round(table.ceiling, 4),
                    }
                )
            keras.utils.clear_session()
    return lines, maps


def summary(lines: list[dict[str, object]]) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Mean and spread of R^2, and the mean share of the true products among the first named."""
    result = {}
    for key in dict.fromkeys((str(line["target"]), str(line["model"])) for line in lines):
        mine = [line for line in lines if (line["target"], line["model"]) == key]
        r2 = np.array([line["r2"] for line in mine], float)
        known = [line for line in mine if line["terms"]]
        share = np.mean([line["terms_found"] / line["terms"] for line in known]) if known else None
        result[key] = (r2.mean(), r2.std(), share)
    return result


def table_of(lines: list[dict[str, object]]) -> str:
    parameters = {(line["target"], line["model"]): line["parameters"] for line in lines}
    ceilings = {line["target"]: line["ceiling"] for line in lines}
    text, last = [], None
    for (target, model), (mean, spread, share) in summary(lines).items():
        if target != last:
            made = f" (at most {ceilings[target]:.2f})" if ceilings[target] < 1 else ""
            text.append(f"\n{target}: R^2 on unseen rows{made}")
            last = target
        named = "" if share is None else f"   names {share:4.0%} of the true products"
        count = parameters[target, model]
        text.append(f"  {model:<20}{count:>5} parameters  {mean:6.3f} +- {spread:.3f}{named}")
    return "\n".join(text)


def print_conclusions(figures: dict[tuple[str, str], tuple[float, float, float]]) -> None:
    """What the figures say, as far as they do."""
    two, three = (
        {m: v for (t, m), v in figures.items() if t.endswith(n)} for n in ("two", "three")
    )
    # A machine finds products of two as well as a perceptron, and products of three far better,
    # provided that its order reaches them; so does a cross network, and both can name them.
    assert two["machine of order 2"][0] > two["perceptron"][0] > two["linear"][0]
    for polynomial in ("cross network", "machine of order 3"):
        assert three[polynomial][0] > three["perceptron"][0] > three["machine of order 2"][0]
        assert three[polynomial][2] > 0.5 > three["perceptron"][2]
    best = max(three, key=lambda m: three[m][0])
    print(
        f"\nProducts of three: the {best} explains {three[best][0]:.2f} of the variance, the "
        f"perceptron of its size {three['perceptron'][0]:.2f}."
    )


def draw(lines: list[dict[str, object]], maps: dict[str, np.ndarray], path: Path) -> None:
    figures, targets = summary(lines), list(dict.fromkeys(line["target"] for line in lines))
    names = list(dict.fromkeys(line["model"] for line in lines))
    shown = [n for n in names if n != "linear"]
    figure, axes = plt.subplots(2, 4, figsize=(15, 7.5), layout="constrained")
    for axis, target in zip(axes[0], targets, strict=False):
        bars = [figures[target, n] for n in names]
        heights = [max(b[0], 0) for b in bars]
        colors = [f"C{n}" for n in range(len(names))]
        axis.bar(range(len(names)), heights, yerr=[b[1] for b in bars], color=colors)
        ceiling = next(line["ceiling"] for line in lines if line["target"] == target)
        if ceiling < 1:
            axis.axhline(ceiling, color="black", lw=0.8, ls=":")
        axis.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axis.set(title=str(target), ylabel="$R^2$ on unseen rows", ylim=(0, 1))
    axes[0, 3].axis("off")
    axes[0, 3].text(
        0,
        0.5,
        "Below: the weights of all pairs that the\nfitted models name, for products of two;\n"
        "circles are the true pairs.\n\nDotted: what the noise leaves.",
        va="center",
    )
    truth = tables()[0].terms
    for axis, name in zip(axes[1], shown, strict=True):
        limit = np.abs(maps[name]).max()
        axis.imshow(maps[name].T, cmap="RdBu", vmin=-limit, vmax=limit)
        axis.plot(*np.array(truth).T, "o", mfc="none", mec="black", ms=9)
        axis.set(title=name, xlabel="column", ylabel="column")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description="Products of features, found and named.")
    parser.add_argument("--quick", action="store_true", help="one short fit each, to see it run")
    parser.add_argument("--out", type=Path, default=Path("runs/feature_crosses"))
    options = parser.parse_args()
    lines, maps = run(1, 6) if options.quick else run(3, 160)
    print(table_of(lines))
    if not options.quick:
        print_conclusions(summary(lines))
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "feature_crosses.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=lines[0])
        writer.writeheader()
        writer.writerows(lines)
    draw(lines, maps, options.out / "feature_crosses.png")
    print(f"\nThe fits and the picture are in {options.out}.")


if __name__ == "__main__":
    main()
