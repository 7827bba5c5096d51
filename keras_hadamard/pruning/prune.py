"""The copy of a model with masks on its kernels."""

from collections.abc import Mapping
from typing import Any

import keras

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.copies import copy_of
from keras_hadamard._core.introspection.kernels import kernels_of
from keras_hadamard.pruning._criteria import given_options
from keras_hadamard.pruning._stripped import copy_with
from keras_hadamard.pruning.pruned_model import PrunedModel


def prune(
    model: keras.Model,
    schedule: Any = None,
    scope: str = "layer",
    *,
    criterion: str = "magnitude",
    structure: Any = None,
    target: str | list[int] | None = None,
    exclude: str | None = None,
    masks: Mapping[str, Any] | None = None,
    seed: int = 0,
    calibration: Any = None,
    batch_size: int | None = None,
    block_size: int | None = None,
    damping: float | None = None,
    verbose: Any = None,
    drop_fraction: float | None = None,
    initial_threshold: float | None = None,
    threshold_decay: float | None = None,
) -> PrunedModel:
    """Returns a copy of a model with `W_eff = W * M`, a mask `M` of 0 and 1 for each kernel.

    Kernels are the weights of at least two axes whose name ends with `kernel`: those of dense,
    convolution, einsum and recurrent layers, of the parts of attention layers, and of the layers of
    this package, whether they are trained or frozen. Embeddings, biases and the weights of
    normalisations are not. The given model does not change.

    Pruned weights are exactly zero after every step of any optimizer. Zeros stay zero, except with
    the criteria `"movement"`, `"rigl"`, `"set"` and `"str"`. A sparsity is never exceeded: of `n`
    weights `floor(s n)` are pruned, the last ones first among equally important weights, and every
    kernel keeps at least one. `"wanda"` counts in each output, `"sparsegpt"` in each block of
    inputs. With `"str"`, no sparsity is guaranteed.

    Structures see a kernel as `(positions, inputs, outputs)`; positions are those of a window that
    is convolved, and a depthwise kernel has one input. `"N:M"` leaves at most `N` of each `M`
    consecutive inputs, as sparse matrix units need it. `"filter"` prunes outputs, with their biases
    and the weights of a following batch normalisation or depthwise convolution, so that the whole
    channel is zero; layers that make the outputs of the model are left out unless `target` names
    them. `"channel"` prunes inputs. `(rows, columns)` prunes blocks of the matrix of positions
    times inputs by outputs.

    Args:
        model: `keras.Model` of any kind that is built and can be made from its configuration; or a
            `PrunedModel`, to be pruned further, including its masks.
        schedule: `PolynomialDecay` or `ConstantSparsity`, which says which share is zero at which
            step; or a number in [0, 1), for that sparsity from the start. None only with the
            criterion `"str"`. Defaults to `None`.
        scope: String, `"layer"` for the sparsity in each kernel, `"global"` for all together, or
            `"erk"` for the Erdos-Renyi-Kernel distribution of that of all together: a kernel keeps
            weights in proportion to the sum of its inputs, outputs and window sizes, and is dense
            where that exceeds its size. Defaults to `"layer"`.
        criterion: String, which weights stay. `"magnitude"` keeps the greatest weights, or the
            groups with the greatest root mean square. `"random"` is for comparison. `"movement"`
            learns a score for each weight together with the weights, `dL/dS = dL/dW_eff * W`,
            straight through the choice of the greatest; hidden weights keep their values until the
            schedule ends, and with frozen kernels it finds a subnetwork without training the
            weights. While all scores are zero, the magnitude decides. `"wanda"` and `"sparsegpt"`
            use the data in `calibration`, for each output separately. `"wanda"` keeps the greatest
            `|W_ij| ||x_i||` of each output, with the norms of the inputs before the model is
            pruned. `"sparsegpt"` prunes kernel by kernel in the order of their calls, on the inputs
            that the pruned kernels before it produce, and adjusts the weights that stay so that
            outputs change least. `"rigl"` and `"set"` train sparsely, starting from a random mask:
            when the schedule is due, the smallest weights are pruned, and as many grow from zero,
            `"rigl"` where the gradient of that step is greatest, `"set"` at random; the optimizer's
            slots for them are reset. That step trains like any other. `"str"` computes with
            `W_eff = sign(W) relu(|W| - sigmoid(s))`, with one learned `s` per kernel: the
            optimizer's weight decay or `threshold_decay` raises it, and the loss limits it. A
            kernel whose threshold exceeds all its weights stays zero. Defaults to `"magnitude"`.
        structure: None for single weights, `"N:M"` such as `"2:4"`, `"filter"`, `"channel"`, or the
            pair of integers of a block. Defaults to `None`.
        target: String, regular expression that is searched for in the paths of kernels, such as
            `"encoder/dense_1/kernel"`: the names of layers from the outside in, and the variable's.
            Or a list of integers, the positions of kernels in `sparsity_report`. None for all.
            Defaults to `None`.
        exclude: String, regular expression for the paths of kernels to leave out. Defaults to
            `None`.
        masks: Dict of arrays by path of the kernel, zero where a weight is pruned from the start,
            such as `PrunedModel.get_masks` gives. Defaults to `None`.
        seed: Integer, for the criteria `"random"`, `"rigl"` and `"set"`. Defaults to `0`.
        calibration: Inputs of the model for the criteria `"wanda"` and `"sparsegpt"`: an array, a
            dict or list of arrays, a `tf.data.Dataset` or another iterable of batches, where a
            tuple means inputs, then targets. Targets are not used. Defaults to `None`.
        batch_size: Positive integer, how many examples of arrays go through the model at a time;
            None for 32. Defaults to `None`.
        block_size: Positive integer, for the criterion `"sparsegpt"`, the number of inputs among
            which a share of the weights is chosen at a time; None for 128. Defaults to `None`.
        damping: Number that is not negative, for the criterion `"sparsegpt"`, the term added to the
            diagonal of the Hessian, as a share of its mean; None for 0.01. Defaults to `None`.
        verbose: Integer, 0 for no progress bar of the calibration, or None for 1.
            Defaults to `None`.
        drop_fraction: Number in [0, 1), for the criteria `"rigl"` and `"set"`, the share of the
            weights that are replaced at first, which falls to 0 like half a cosine at the end of
            the schedule, a `ConstantSparsity`; None for 0.3. Defaults to `None`.
        initial_threshold: Number, for the criterion `"str"`, `s` at the beginning; None for -5, a
            threshold of 0.007. The authors have -3200 for much weight decay and many steps.
            Defaults to `None`.
        threshold_decay: Number that is not negative, for the criterion `"str"`, which adds half of
            it times `s**2` to the loss for each kernel, as weight decay does in the authors' SGD;
            None for 0. Defaults to `None`.

    Returns:
        A `PrunedModel`, which is not compiled.

    Raises:
        ValueError: If the model is not built, cannot be copied, has adapters, quantised kernels or
            no kernels, a mask has another shape than its kernel, an argument is invalid or belongs
            to another criterion, or `calibration` is missing or has no inputs of the model.

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
    >>> seen = pruning.prune(model, 0.5, criterion="wanda", calibration=x, verbose=0)
    >>> int(keras.ops.sum(seen.model.layers[0].kernel == 0))
    32

    Reference:
        - [To prune, or not to prune: exploring the efficacy of pruning for model compression
          (Zhu and Gupta, 2017)](https://arxiv.org/abs/1710.01878)
        - [Movement Pruning: Adaptive Sparsity by Fine-Tuning (Sanh et al., 2020)](
          https://arxiv.org/abs/2005.07683)
        - [Accelerating Sparse Deep Neural Networks (Mishra et al., 2021)](
          https://arxiv.org/abs/2104.08378)
        - [A Simple and Effective Pruning Approach for Large Language Models (Sun et al., 2024)](
          https://arxiv.org/abs/2306.11695)
        - [SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot (Frantar and
          Alistarh, 2023)](https://arxiv.org/abs/2301.00774)
        - [Rigging the Lottery: Making All Tickets Winners (Evci et al., 2020)](
          https://arxiv.org/abs/1911.11134)
        - [Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity
          inspired by Network Science (Mocanu et al., 2018)](https://arxiv.org/abs/1707.04780)
        - [Soft Threshold Weight Reparameterization for Learnable Sparsity (Kusupati et al., 2020)](
          https://arxiv.org/abs/2002.03231)
        - [Pruning Filters for Efficient ConvNets (Li et al., 2017)](
          https://arxiv.org/abs/1608.08710)
    """
    options = {"calibration": calibration, "batch_size": batch_size, "verbose": verbose}
    options = given_options(criterion, {**options, "block_size": block_size, "damping": damping})
    start: dict[str, Any] = {}
    if isinstance(model, PrunedModel):
        start, learnt = model.get_masks(), model._criterion
        model = model.model
        copy = copy_with(model, learnt.kernels, learnt.kernel_values())
    else:
        copy = copy_of(model)
    paths = dict(
        zip((k.path for k in kernels_of(model)), (k.path for k in kernels_of(copy)), strict=True)
    )
    pruned = PrunedModel(
        copy,
        schedule,
        scope,
        criterion,
        structure,
        target,
        exclude,
        seed,
        drop_fraction=drop_fraction,
        initial_threshold=initial_threshold,
        threshold_decay=threshold_decay,
    )
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
    if "calibration" in pruned._criterion.takes:
        pruned.calibrate(**{"calibration": None, **options})
    if pruned.schedule.due(-1, 0):
        pruned.update_masks(0)
    return pruned
