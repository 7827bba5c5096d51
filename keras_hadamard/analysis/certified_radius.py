"""The radius within which an input keeps its class, proved."""

from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import one_of, received
from keras_hadamard.analysis._inputs import arrays_of, class_functionals, labels_of, scores_shape
from keras_hadamard.analysis._planes import lower_bounds
from keras_hadamard.analysis._program import program_of
from keras_hadamard.analysis.bounds import METHODS
from keras_hadamard.analysis.degree import check_polynomial, logits_degree
from keras_hadamard.analysis.verify import boxes_around

_MOST_ROWS = 2048


def certified_radius(
    model: keras.Model,
    x: Any,
    y: Any,
    largest: float = 1.0,
    limits: tuple[float, float] | None = None,
    method: str = "affine",
    steps: int = 12,
) -> np.ndarray:
    """Returns for each example a radius within which no input gets another label.

    Found by bisection on the bounds of the margins over boxes. Whatever is returned was itself
    proved; the true radius may be larger, up to what an attack finds.

    Args:
        model: `keras.Model` that is built, a classifier with one output `(batch, classes)`, or of
            one score; a polynomial of the inputs before its softmax or sigmoid.
        x: Array, or list or dictionary of arrays, with a batch of inputs.
        y: Integer labels, or one-hot rows.
        largest: Float, the largest radius to look at, in the units of the inputs. Defaults to
            `1.0`.
        limits: Pair of floats that inputs cannot leave, such as `(0, 1)`. Defaults to `None`.
        method: `"best"`, `"affine"` or `"interval"`, as in `bounds`. Defaults to `"affine"`.
        steps: Integer, the halvings: radii are multiples of `largest / 2**steps`. Defaults to
            `12`.

    Returns:
        Array `(batch,)` of radii in the maximum norm, in the units of the inputs; 0 where the label
        is not the model's, or nothing was proved.

    Raises:
        ValueError: If the scores are no polynomial, or an argument does not fit.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    >>> model.set_weights([np.eye(2)])
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> keras_hadamard.analysis.certified_radius(model, x, [0, 0]).round(3).tolist()
    [0.5, 0.0]

    Reference:
        - [Efficient Neural Network Robustness Certification with General Activation Functions
          (Zhang et al., 2018)](https://arxiv.org/abs/1811.00866)
    """
    one_of("method", method, METHODS)
    program = program_of(model)
    classes = scores_shape(program)
    check_polynomial(logits_degree(program))
    arrays = arrays_of(program, x, "x")
    labels = labels_of(y, len(arrays[0]), classes)
    if not 0 < largest < np.inf:
        raise received("`largest` to be a positive number", largest=largest)
    functionals = class_functionals(labels, classes)
    boxes_around(arrays, 0.0, limits)

    def proved(radii: np.ndarray) -> np.ndarray:
        chunk = max(1, _MOST_ROWS // functionals.shape[1])
        found = []
        for start in range(0, len(labels), chunk):
            part = slice(start, start + chunk)
            boxes = []
            for array in arrays:
                radius = radii[part].reshape(-1, *[1] * (array.ndim - 1))
                low, high = array[part] - radius, array[part] + radius
                if limits is not None:
                    low, high = np.maximum(low, limits[0]), np.minimum(high, limits[1])
                boxes.append((low, high))
            rows = functionals[part].reshape(-1, classes)
            bounds = lower_bounds(program, boxes, rows, method).bounds
            found.append(bounds.reshape(-1, functionals.shape[1]).min(axis=1) > 0)
        return np.concatenate(found)

    sure = np.where(proved(np.full(len(labels), largest)), float(largest), 0.0)
    step = largest / 2
    for _ in range(steps):
        trial = np.minimum(sure + step, largest)
        sure = np.where(proved(trial), trial, sure)
        step /= 2
    # A radius of 0 is also that of a wrong label.
    return np.asarray(sure)
