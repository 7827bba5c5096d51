"""The copy of a model with masks on its kernels."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_hadamard._checks import received
from keras_hadamard._introspection.copies import copy_of
from keras_hadamard._introspection.kernels import kernels_of
from keras_hadamard.pruning.pruned_model import PrunedModel


def prune(
    model: keras.Model,
    schedule: Any,
    scope: str = "layer",
    *,
    criterion: str = "magnitude",
    structure: Any = None,
    target: str | list[int] | None = None,
    exclude: str | None = None,
    masks: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> PrunedModel:
    """Returns a copy of a model that computes with `W_eff = W * M`, `M` a mask of 0 and 1 a kernel.

    Kernels are the weights of at least two axes whose name ends with `kernel`: those of dense,
    convolution, einsum and recurrent layers, of what attention is made of, and of the layers of
    this package, whether they are trained or frozen. Embeddings, biases and the weights of
    normalisations are not. The model that is given stays as it is.

    Pruned weights are exactly zero after every step of any optimizer. What is zero stays zero, but
    for the criterion `"movement"`. A sparsity is never exceeded: of `n` weights `floor(s n)` go, of
    equally important ones the last first, and of every kernel one stays.

    Structures see a kernel as `(positions, inputs, outputs)`; positions are those of a window that
    is convolved, and a depthwise kernel has one input. `"N:M"` leaves at most `N` of each `M`
    consecutive inputs, as sparse matrix units want it. `"filter"` prunes outputs, with their
    biases and what a following batch normalisation or depthwise convolution does to them, so that
    the whole channel is zero; layers that make the model's own outputs are left out unless `target`
    names them. `"channel"` prunes inputs. `(rows, columns)` prunes blocks of the matrix of
    positions times inputs by outputs.

    Args:
        model: `keras.Model` of any kind that is built and can be made from its configuration; or a
            `PrunedModel`, to be pruned further, its masks included.
        schedule: `PolynomialDecay` or `ConstantSparsity`, which says when how much is zero; or a
            number in [0, 1), for that sparsity at once.
        scope: String, `"layer"` for the sparsity in each kernel, or `"global"` for all together.
            Defaults to `"layer"`.
        criterion: String, what stays. `"magnitude"` are the greatest weights, groups of them by
            their root mean square. `"random"` is for comparison. `"movement"` learns a score for
            each weight together with the weights, `dL/dS = dL/dW_eff * W`, straight through the
            choice of the greatest; what it hides keeps its value until the schedule ends, and with
            frozen kernels it finds a subnetwork without training the weights. While all scores are
            zero it goes by magnitude. Defaults to `"magnitude"`.
        structure: None for single weights, `"N:M"` such as `"2:4"`, `"filter"`, `"channel"`, or the
            pair of integers of a block. Defaults to `None`.
        target: String, regular expression that is searched for in the paths of kernels, such as
            `"encoder/dense_1/kernel"`: the names of layers from the outside in, and the variable's.
            Or a list of integers, the places of kernels in `sparsity_report`. None for all.
            Defaults to `None`.
        exclude: String, regular expression for the paths of those that are left out.
            Defaults to `None`.
        masks: Dict of arrays by path of the kernel, zero where a weight is pruned from the start,
            such as `PrunedModel.get_masks` gives. Defaults to `None`.
        seed: Integer, for the criterion `"random"`. Defaults to `0`.

    Returns:
        A `PrunedModel`, which is not compiled.

    Raises:
        ValueError: If the model is not built, cannot be copied, has adapters, quantised kernels or
            no kernels, a mask has another shape than its kernel, or an argument is none of the
            above.

    Example:

    >>> from keras_hadamard import pruning
    >>> model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(4)])
    >>> schedule = pruning.PolynomialDecay(0.5, end_step=4, frequency=1)
    >>> pruned = pruning.prune(model, schedule)
    >>> pruned.compile("adam", "mse")
    >>> x = keras.random.normal((64, 16))
    >>> _ = pruned.fit(x, x[:, :4], batch_size=16, verbose=0)
    >>> pruning.sparsity_report(pruned).sparsity
    0.5
    >>> plain = pruning.strip(pruned)
    >>> type(plain).__name__
    'Sequential'

    Reference:
        - [To prune, or not to prune: exploring the efficacy of pruning for model compression
          (Zhu and Gupta, 2017)](https://arxiv.org/abs/1710.01878)
        - [Movement Pruning: Adaptive Sparsity by Fine-Tuning (Sanh et al., 2020)](
          https://arxiv.org/abs/2005.07683)
        - [Accelerating Sparse Deep Neural Networks (Mishra et al., 2021)](
          https://arxiv.org/abs/2104.08378)
        - [Pruning Filters for Efficient ConvNets (Li et al., 2017)](
          https://arxiv.org/abs/1608.08710)
    """
    start: dict[str, Any] = {}
    if isinstance(model, PrunedModel):
        start = model.get_masks()
        model = model.model
    copy = copy_of(model)
    paths = dict(
        zip((k.path for k in kernels_of(model)), (k.path for k in kernels_of(copy)), strict=True)
    )
    pruned = PrunedModel(copy, schedule, scope, criterion, structure, target, exclude, seed)
    places = pruned.get_masks()
    start = {path: mask for path, mask in start.items() if paths[path] in places}
    if masks is not None:
        if not isinstance(masks, Mapping):
            raise received("`masks` to be a dict of arrays by path", masks=masks)
        unknown = [path for path in masks if path not in paths]
        if unknown:
            raise received(f"`masks` of the kernels {list(paths)}", paths=unknown)
        start.update(masks)
    if start:
        pruned.set_masks({paths[path]: mask for path, mask in start.items()})
    if pruned.schedule.due(-1, 0):
        pruned.update_masks(0)
    return pruned
