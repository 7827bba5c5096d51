"""A model whose kernels carry masks."""

from typing import Any

import keras
import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard._core.serialization import serializable
from keras_hadamard._core.typing import Tensor
from keras_hadamard._core.wrapper_model import WrapperModel
from keras_hadamard.pruning._coupled_weights import coupled_weights
from keras_hadamard.pruning._criteria import criterion_of, given_options, owners
from keras_hadamard.pruning._graph import Graph
from keras_hadamard.pruning._kernels import check_base, prunable
from keras_hadamard.pruning._replaced import call_with
from keras_hadamard.pruning._stripped import stripped
from keras_hadamard.pruning._structures import parse_structure
from keras_hadamard.pruning.pruning_callback import with_pruning


@serializable
class PrunedModel(WrapperModel):
    """The model that `prune` returns: another model, `model`, and masks on its kernels.

    It trains, predicts and saves as any Keras model. Its layers are those of `pruned.model`, which
    it changes: give it a model that nothing else uses, or let `prune` make the copy. `fit` adds a
    `PruningCallback` unless one is given; a custom training loop calls it. Only `call` of the
    wrapped model is used, not a custom `train_step`.

    Args:
        model: `keras.Model` that is built.
        schedule: `PolynomialDecay`, `ConstantSparsity`, or a number in [0, 1); None with the
            criterion `"str"`. Defaults to `None`.
        scope: String, `"layer"`, `"global"` or `"erk"`. Defaults to `"layer"`.
        criterion: String, `"magnitude"`, `"random"`, `"movement"`, `"rigl"`, `"set"`, `"str"`, or
            `"wanda"` or `"sparsegpt"`, which need data through `calibrate`. Defaults to
            `"magnitude"`.
        structure: None, `"N:M"`, `"filter"`, `"channel"` or the pair of a block's rows and columns.
            Defaults to `None`.
        target: String, regular expression for the paths of the kernels that are pruned, list of
            their positions, or None for all. Defaults to `None`.
        exclude: String, regular expression for the paths of kernels to leave out. Defaults to
            `None`.
        seed: Integer, for the criteria `"random"`, `"rigl"` and `"set"`. Defaults to `0`.
        name: String, or None for `pruned_` before the model's own. Defaults to `None`.
        drop_fraction: Number in [0, 1), for the criteria `"rigl"` and `"set"`, or None for 0.3 with
            them. Defaults to `None`.
        initial_threshold: Number, for the criterion `"str"`, or None for -5. Defaults to `None`.
        threshold_decay: Number, for the criterion `"str"`, or None for 0. Defaults to `None`.

    Raises:
        ValueError: If an argument is invalid, or the model is not built or has no such kernels.

    Example:

    >>> from keras_hadamard import pruning
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="dense")])
    >>> pruned = pruning.prune(model, 0.75)
    >>> isinstance(pruned, pruning.PrunedModel), pruned.step
    (True, 0)
    >>> int(pruned.get_masks()["dense/kernel"].sum())
    8
    """

    def __init__(
        self,
        model: keras.Model,
        schedule: Any = None,
        scope: str = "layer",
        criterion: str = "magnitude",
        structure: Any = None,
        target: str | list[int] | None = None,
        exclude: str | None = None,
        seed: int = 0,
        name: str | None = None,
        drop_fraction: float | None = None,
        initial_threshold: float | None = None,
        threshold_decay: float | None = None,
    ) -> None:
        check_base(model)
        # The wrapped model casts its inputs itself.
        super().__init__(
            name=name or f"pruned_{model.name}", dtype=model.dtype_policy, autocast=False
        )
        self.model = model
        self.structure = list(structure) if isinstance(structure, tuple) else structure
        parsed = parse_structure(structure)
        options = {"drop_fraction": drop_fraction, "threshold_decay": threshold_decay}
        options = {**options, "initial_threshold": initial_threshold}
        self._criterion = criterion_of(criterion, schedule, scope, parsed, seed, options)
        self.criterion, self.schedule = criterion, self._criterion.schedule
        self.scope, self.seed = scope, seed
        self.drop_fraction = self._criterion.options.get("drop_fraction")
        graph = Graph(model)
        self._kernels = prunable(model, graph, parsed, target, exclude)
        filters = parsed.kind == "filter"
        coupled = [coupled_weights(graph, kernel) if filters else [] for kernel in self._kernels]
        self._criterion.cover(model, self._kernels, coupled)
        self.masks = self._criterion.masks
        self.built = True

    @property
    def step(self) -> int:
        """How many training steps the masks have been through."""
        return int(self.masks.count)

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        arguments = {"training": training} | ({} if mask is None else {"mask": mask})
        replaced = self._criterion.replaced(training)
        if not replaced:
            return self.model(inputs, **arguments)
        outputs, losses = call_with(self.model, replaced, inputs, arguments)
        self.add_loss(losses)
        return outputs

    def update_masks(self, step: int | None = None) -> None:
        """Computes the masks of the schedule at a step and sets the pruned weights to zero.

        Args:
            step: Integer, or None for the model's own. Defaults to `None`.
        """
        optimizer = getattr(self, "optimizer", None)
        self._criterion.update(self.step if step is None else step, optimizer)

    def calibrate(
        self,
        calibration: Any,
        batch_size: int | None = None,
        block_size: int | None = None,
        damping: float | None = None,
        verbose: Any = None,
    ) -> None:
        """Calibrates the criteria `"wanda"` and `"sparsegpt"` on data, as `prune` does.

        The masks follow when the schedule is due; `"sparsegpt"` prunes at once. A later call with
        other data measures the inputs again.

        Args:
            calibration: Inputs of the model, as for `prune`.
            batch_size: Positive integer, or None for 32. Defaults to `None`.
            block_size: Positive integer, or None for 128. Defaults to `None`.
            damping: Number that is not negative, or None for 0.01. Defaults to `None`.
            verbose: Integer, 0 for no progress bar; or None for 1. Defaults to `None`.

        Raises:
            ValueError: If the criterion is another, or the model cannot be called on the data.
        """
        if "calibration" not in self._criterion.takes:
            who = owners("calibration")
            raise received(f"a model pruned by criterion {who}", criterion=self.criterion)
        options = {"batch_size": batch_size, "block_size": block_size, "damping": damping}
        given = given_options(self.criterion, {**options, "verbose": verbose})
        self._criterion.calibrate(self.model, calibration, **given)

    def apply_masks(self) -> None:
        """Sets pruned weights to zero, except where masks are still learned."""
        self.masks.apply()

    def get_masks(self) -> dict[str, np.ndarray]:
        """Returns the boolean mask of each kernel by its path, True where a weight is kept."""
        paths = (kernel.path for kernel in self._kernels)
        return dict(zip(paths, self._criterion.left(), strict=True))

    def set_masks(self, masks: dict[str, np.ndarray]) -> None:
        """Sets masks by the paths of their kernels, and pruned weights to zero.

        Args:
            masks: Dict of boolean arrays of the kernels' shapes.

        Raises:
            ValueError: If a path is not that of a pruned kernel, or a mask has another shape.
        """
        self.masks.set_some(masks)

    def fit(self, *args: Any, callbacks: Any = None, **kwargs: Any) -> Any:
        """As `keras.Model.fit`; the masks follow the schedule."""
        return super().fit(*args, callbacks=with_pruning(callbacks), **kwargs)

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.export`, of the model without its masks."""
        return stripped(self.model, self._criterion).export(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.model),
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "scope": self.scope,
            "criterion": self.criterion,
            "structure": self.structure,
            # Positions: the names that Keras gives may differ in the next process.
            "target": [kernel.place for kernel in self._kernels],
            "exclude": None,
            "seed": self.seed,
            **self._criterion.options,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "PrunedModel":
        model = keras.saving.deserialize_keras_object(
            config["model"], custom_objects=custom_objects
        )
        model.built = True  # Its layers are built; Keras does not mark subclassed models.
        return cls(**{**config, "model": model})
