"""Lottery tickets: the masks of a trained model on its initial weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.pruning.pruned_model import PrunedModel


def rewind_to(model: PrunedModel, weights: Sequence[Any]) -> None:
    """Resets the unpruned weights of a model, `W = W_0 * M`, and its optimizer.

    All weights go back, the statistics of batch normalisations too; masks, scores, thresholds and
    the step of the schedule stay. To rewind a model of the criterion `"str"`, turn its zeros into
    masks first, by `prune(pruned, 0.0)`. The optimizer's slots and its count of steps become those
    of a new one; a learning rate that was changed stays.

    With it, iterative magnitude pruning is a loop, as in the example: train, prune some of the
    remaining weights, rewind, repeat. Pass the `weights` of an early epoch to rewind to that epoch,
    which larger networks need.

    Args:
        model: `PrunedModel`.
        weights: List of arrays, as `get_weights()` of the model that was pruned gave it before or
            during the training, or `get_weights()` of `pruned.model`.

    Raises:
        ValueError: If the model is not pruned, or the weights are not those of such a model.

    Example:

    >>> from keras_hadamard import pruning
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    >>> start = model.get_weights()
    >>> x = keras.random.normal((32, 8))
    >>> pruned = pruning.prune(model, 0.0)
    >>> for sparsity in (0.5, 0.75):
    ...     pruned.compile("adam", "mse")
    ...     _ = pruned.fit(x, x[:, :4], verbose=0)
    ...     pruned = pruning.prune(pruned, sparsity)
    ...     pruning.rewind_to(pruned, start)
    >>> pruning.sparsity_report(pruned).sparsity
    0.75

    Reference:
        - [The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks (Frankle and
          Carbin, 2019)](https://arxiv.org/abs/1803.03635)
        - [Linear Mode Connectivity and the Lottery Ticket Hypothesis (Frankle et al., 2020)](
          https://arxiv.org/abs/1912.05671)
    """
    if not isinstance(model, PrunedModel):
        raise received("a model that `prune` returned", model=model)
    shapes = [tuple(v.shape) for v in model.model.weights]
    given = [np.shape(w) for w in weights]
    if given != shapes:
        raise received("`weights` of the model that was pruned", shapes=given)
    model.model.set_weights(list(weights))
    model.apply_masks()
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        fresh = type(optimizer).from_config(optimizer.get_config())
        fresh.build(model.trainable_variables)
        for variable, value in zip(optimizer.variables, fresh.variables, strict=True):
            variable.assign(value)
