"""Helpers of both clients: the question, the picture that it is about, and what can go wrong."""

import argparse
from collections.abc import Iterable

import numpy as np


class ServerError(Exception):
    """What went wrong, in one line."""


def asked(by: str, server: str) -> argparse.Namespace:
    """The arguments of a client."""
    parser = argparse.ArgumentParser(description=f"Asks a question about three digits, {by}.")
    parser.add_argument("question")
    parser.add_argument("--digits", nargs=3, type=int, choices=range(10), default=[3, 1, 4])
    parser.add_argument("--server", default=server)
    parser.add_argument("--model", default="answers")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS")
    return parser.parse_args()


def picture(digits: list[int], seed: int = 0) -> np.ndarray:
    """Pixels `(12, 32, 1)`: scans of scikit-learn's digits, side by side."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    rng = np.random.default_rng(seed)
    image = np.zeros((12, 32, 1), "uint8")
    for place, digit in enumerate(digits):
        scan = scans.images[rng.choice(np.flatnonzero(scans.target == digit))]
        left = 2 + 10 * place
        image[2:10, left : left + 8, 0] = (scan * (255 / 16)).astype("uint8")
    return image


def show(labels: Iterable[str], scores: Iterable[float]) -> None:
    for label, score in zip(labels, scores, strict=True):
        print(f"{score:6.1%}  {label}")
