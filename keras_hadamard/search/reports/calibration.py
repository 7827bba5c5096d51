"""Whether probabilities mean what they say."""

from collections.abc import Sequence

import numpy as np

from keras_hadamard.search.reports.drawing import COLOURS, GREY, Drawn, axis, figure, lines
from keras_hadamard.search.run import Run

BINS = 10


def calibration_curve(run: Run, targets: np.ndarray, seeds: Sequence[np.ndarray]) -> Drawn:
    """How often predictions are right, by how sure they are, over all seeds."""
    pairs = [sureness(run.facts.task, targets, p) for p in seeds]
    sure = np.concatenate([a for a, _ in pairs])
    right = np.concatenate([b for _, b in pairs])
    x, y, counts = binned(sure, right)
    error = expected_calibration_error(sure, right)
    drawn = figure(
        height=420,
        legend=True,
        xaxis=axis(_probability(run), range=[-0.03, 1.03], nticks=6),
        yaxis=axis("how often it was so", range=[-0.03, 1.03], nticks=6),
    )
    drawn.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": GREY, "dash": "dash"},
        name="as it should be",
        hoverinfo="skip",
    )
    drawn.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": COLOURS[0], "width": 2},
        # The area is the share of the predictions.
        marker={"size": 6 + 26 * np.sqrt(counts / counts.sum()), "opacity": 0.8},
        name="the best",
        hovertext=[
            lines(f"said {a:.3f}, was {b:.3f}", f"{n / len(seeds):,.0f} predictions")
            for a, b, n in zip(x, y, counts, strict=True)
        ],
        hoverinfo="text",
    )
    text = (
        f"Expected calibration error {error:.4f}, over {BINS} bins of test predictions and all "
        "seeds. Below the line the model is too sure; a larger point stands for more predictions."
    )
    temperature = (run.records.best or {}).get("temperature")
    if temperature is not None:
        text += f" The served model divides its logits by {temperature:.3g}, which is not in here."
    return Drawn("Calibration of the best on test", text, drawn)


def _probability(run: Run) -> str:
    return {
        "binary": f"probability of {run.facts.classes[-1]}",
        "multilabel": "probability of a label",
    }.get(run.facts.task, "probability of the predicted class")


def sureness(
    task: str, targets: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and whether it was so: of the second of two classes, a label, or the guess."""
    if task == "multilabel":
        return probabilities.ravel(), targets.ravel() == 1
    if task == "binary":
        return probabilities[:, 1], targets == 1
    return probabilities.max(-1), probabilities.argmax(-1) == targets


def _bins(sure: np.ndarray) -> np.ndarray:
    return np.minimum((sure * BINS).astype(int), BINS - 1)


def binned(sure: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean probability, the share that was so, and the number, of each bin with any."""
    bins = _bins(sure)
    counts = np.bincount(bins, minlength=BINS)
    kept = counts > 0
    means = np.bincount(bins, sure, BINS)[kept] / counts[kept]
    shares = np.bincount(bins, right, BINS)[kept] / counts[kept]
    return means, shares, counts[kept]


def expected_calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """The mean distance of probability and share, each bin by the number of its predictions."""
    means, shares, counts = binned(sure, right)
    return float(np.average(np.abs(means - shares), weights=counts))
