"""A picture of three handwritten digits, as the data set has them."""

import numpy as np


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
