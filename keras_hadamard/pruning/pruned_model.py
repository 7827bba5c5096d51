"""A model whose kernels carry masks."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._checks import one_of, received
from keras_hadamard._export import serializable
from keras_hadamard._introspection.kernels import Kernel, chosen_kernels, is_depthwise
from keras_hadamard._introspection.private import all_layers
from keras_hadamard._typing import Tensor
from keras_hadamard.pruning._calibrated import CALIBRATED, calibrate, check_calibrated
from keras_hadamard.pruning._choice import next_masks
from keras_hadamard.pruning._criteria import CRITERIA
from keras_hadamard.pruning._delegating import Delegating
from keras_hadamard.pruning._dynamic import DYNAMIC, check_dynamic, watched
from keras_hadamard.pruning._followers import followers_of
from keras_hadamard.pruning._graph import Graph
from keras_hadamard.pruning._masks import MaskConstraint, Masks, masked
from keras_hadamard.pruning._readings import readings_of
from keras_hadamard.pruning._schedule import as_schedule
from keras_hadamard.pruning._structures import parse_structure


@serializable
class PrunedModel(Delegating):
    """The model that `prune` returns: another model, `model`, and masks on its kernels.

    It trains, predicts and saves as any Keras model. Its layers are those of `pruned.model`, which
    it changes: give it a model of its own, or let `prune` make the copy. `fit` adds a
    `PruningCallback` unless one is given; a training loop of one's own calls it. Of the wrapped
    model only `call` is used, not a `train_step` of its own.

    Args:
        model: `keras.Model` that is built.
        schedule: `PolynomialDecay`, `ConstantSparsity`, or a number in [0, 1).
        scope: String, `"layer"` or `"global"`. Defaults to `"layer"`.
        criterion: String, `"magnitude"`, `"random"`, `"movement"`, `"rigl"`, `"set"`, or
            `"wanda"` or `"sparsegpt"`, for which `calibrate` has to look at data.
            Defaults to `"magnitude"`.
        structure: None, `"N:M"`, `"filter"`, `"channel"` or the pair of a block's rows and columns.
            Defaults to `None`.
        target: String, regular expression for the paths of the kernels that are pruned, list of
            their places, or None for all. Defaults to `None`.
        exclude: String, regular expression for the paths of those that are not.
            Defaults to `None`.
        seed: Integer, for the criteria `"random"`, `"rigl"` and `"set"`. Defaults to `0`.
        name: String, or None for `pruned_` before the model's own. Defaults to `None`.
        drop_fraction: Number in [0, 1), for the criteria `"rigl"` and `"set"`, or None for 0.3 with
            them. Defaults to `None`.

    Raises:
        ValueError: If an argument is none of these, the model is not built or has no such kernels.

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
        schedule: Any,
        scope: str = "layer",
        criterion: str = "magnitude",
        structure: Any = None,
        target: str | list[int] | None = None,
        exclude: str | None = None,
        seed: int = 0,
        name: str | None = None,
        drop_fraction: float | None = None,
    ) -> None:
        if not isinstance(model, keras.Model) or not model.built:
            raise received("`model` to be a keras.Model that is built", model=model)
        if any(isinstance(layer, Delegating) for layer in all_layers(model)):
            raise received(
                "a model without adapters and masks: masks would hide the base's weights and not "
                "what adapters add. Prune what `adapters.merge` returns, or prune the base and "
                "adapt the `PrunedModel`",
                model=model,
            )
        # The wrapped model casts its inputs itself.
        super().__init__(
            name=name or f"pruned_{model.name}", dtype=model.dtype_policy, autocast=False
        )
        self.model = model
        self.schedule = as_schedule(schedule)
        self.scope = one_of("scope", scope, ("layer", "global"))
        self.criterion = one_of("criterion", criterion, CRITERIA)
        self.structure = list(structure) if isinstance(structure, tuple) else structure
        self.seed = seed
        self._structure = parse_structure(structure)
        self._structure.check(self.schedule.final_sparsity, scope)
        self.drop_fraction = check_dynamic(
            criterion, self._structure, scope, self.schedule, drop_fraction
        )
        check_calibrated(criterion, self._structure, scope, self.schedule)
        graph = Graph(model)
        self._kernels = self._find_kernels(graph, target, exclude)
        self._followers = [
            followers_of(graph, kernel) if self._structure.kind == "filter" else []
            for kernel in self._kernels
        ]
        variables = [kernel.variable for kernel in self._kernels]
        followers = [follower.variable for group in self._followers for follower in group]
        learnt = criterion == "movement"
        seen = criterion in CALIBRATED
        self._readings = readings_of(model, self._kernels, criterion) if seen else []
        norms = [r.sizes[:2] for r in self._readings if criterion == "wanda"]
        self.masks = Masks(
            [*variables, *followers],
            scored=len(variables) if learnt else 0,
            norms=norms if seen else None,
            dynamic=criterion in DYNAMIC,
            watched=len(variables) if criterion == "rigl" else 0,
            name="masks",
        )
        for index, (variable, mask) in enumerate(
            zip([*variables, *followers], self.masks.masks, strict=True)
        ):
            unless = self.masks.fixed if learnt and index < len(variables) else None
            variable.constraint = MaskConstraint(mask, variable.constraint, unless)
        self.built = True

    @property
    def step(self) -> int:
        """How many training steps the masks have been through."""
        return int(self.masks.count)

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        arguments = {"training": training} | ({} if mask is None else {"mask": mask})
        if not self.masks.scores and (training is False or not self.masks.gradients):
            return self.model(inputs, **arguments)
        values = [(k.variable, self._effective(i)) for i, k in enumerate(self._kernels)]
        with keras.StatelessScope(values, collect_losses=True) as scope:
            outputs = self.model(inputs, **arguments)
        replaced = {id(variable) for variable, _ in values}
        for variable in self.model.non_trainable_variables:
            new = scope.get_current_value(variable)
            if new is not None and id(variable) not in replaced:
                variable.assign(new)
        self.add_loss(scope.losses)
        return outputs

    def _effective(self, index: int) -> Tensor:
        """`W * M`, of which the gradient of the scores is that of `M`, straight through; or `W`."""
        w = ops.convert_to_tensor(self._kernels[index].variable)
        if self.masks.gradients:
            return watched(self.masks, index, w)
        scores = ops.convert_to_tensor(self.masks.scores[index])
        nothing = ops.cast(scores - ops.stop_gradient(scores), w.dtype)
        return masked(w, self.masks.masks[index]) + ops.stop_gradient(w) * nothing

    def update_masks(self, step: int | None = None) -> None:
        """Computes the masks that the schedule wants at a step and sets the pruned weights to zero.

        Args:
            step: Integer, or None for the model's own. Defaults to `None`.
        """
        step = self.step if step is None else step
        old = list(self.get_masks().values())
        self._assign_masks(next_masks(self, old, step), old)
        self.masks.fixed.assign(self.schedule.finished(step))
        self.apply_masks()

    def calibrate(
        self,
        calibration: Any,
        batch_size: int | None = None,
        block_size: int | None = None,
        damping: float | None = None,
        verbose: Any = None,
    ) -> None:
        """Looks at data for the criteria `"wanda"` and `"sparsegpt"`, as `prune` does.

        The masks follow when the schedule says so; `"sparsegpt"` prunes at once. To look at other
        data later is to measure the inputs anew.

        Args:
            calibration: Inputs of the model, as for `prune`.
            batch_size: Positive integer, or None for 32. Defaults to `None`.
            block_size: Positive integer, or None for 128. Defaults to `None`.
            damping: Number that is not negative, or None for 0.01. Defaults to `None`.
            verbose: Integer, 0 for no progress bar; or None for 1. Defaults to `None`.

        Raises:
            ValueError: If the criterion is another, or the model cannot be called on the data.
        """
        calibrate(self, calibration, batch_size, block_size, damping, verbose)

    def apply_masks(self) -> None:
        """Sets to zero whatever the masks hide, but for weights whose masks are still learnt."""
        for variable, constraint in self._constraints():
            variable.assign(MaskConstraint(constraint.mask, None, constraint.unless)(variable))

    def get_masks(self) -> dict[str, np.ndarray]:
        """Returns the boolean mask of each kernel, True where a weight is left, by its path."""
        return {
            kernel.path: ops.convert_to_numpy(mask)
            for kernel, mask in zip(self._kernels, self.masks.masks, strict=False)
        }

    def set_masks(self, masks: dict[str, np.ndarray]) -> None:
        """Sets masks by the paths of their kernels, and the weights that they hide to zero.

        Args:
            masks: Dict of boolean arrays of the kernels' shapes.

        Raises:
            ValueError: If a path is none of a pruned kernel, or a mask has another shape.
        """
        new = list(self.get_masks().values())
        places = {kernel.path: i for i, kernel in enumerate(self._kernels)}
        for path, mask in masks.items():
            if path not in places:
                raise received(f"`masks` of the kernels {list(places)}", path=path)
            shape = tuple(self._kernels[places[path]].variable.shape)
            if np.shape(mask) != shape:
                raise received(
                    f"a mask of shape {shape} for {path!r}, as the kernel has",
                    mask_shape=np.shape(mask),
                )
            new[places[path]] = np.asarray(mask).astype(bool)
        self._assign_masks(new)
        self.apply_masks()

    def _constraints(self) -> list[tuple[Any, MaskConstraint]]:
        followers = [follower.variable for group in self._followers for follower in group]
        variables = [kernel.variable for kernel in self._kernels] + followers
        return [(v, v.constraint) for v in variables]

    def _assign_masks(self, new: list[np.ndarray], old: list[np.ndarray] | None = None) -> None:
        place = len(self._kernels)
        for index, (kernel, mask) in enumerate(zip(self._kernels, new, strict=True)):
            if old is None or not np.array_equal(mask, old[index]):
                self.masks.masks[index].assign(mask)
            for follower in self._followers[index]:
                filters = np.asarray(kernel.to_view(mask).any(axis=(0, 1)))
                self.masks.masks[place].assign(follower.mask(filters))
                place += 1

    def _find_kernels(
        self, graph: Graph, target: str | list[int] | None, exclude: str | None
    ) -> list[Kernel]:
        kernels = chosen_kernels(self.model, target, exclude)
        codes = [k.path for k in kernels if getattr(k.layer, "quantization_mode", None)]
        if codes:
            raise received(
                "kernels that are not quantised, whose values are codes: prune before `quantize`, "
                "or leave them out by `exclude`",
                quantised=codes[:5],
            )
        if self._structure.kind in ("filter", "channel"):
            # Depthwise kernels follow the layer that makes their channels.
            kernels = [k for k in kernels if not is_depthwise(k.variable, k.layer)]
        if self._structure.kind == "filter" and target is None:
            last = graph.last()
            kernels = [k for k in kernels if id(k.layer) not in last]
        if not kernels:
            raise received("kernels of which `structure` can be pruned", structure=self.structure)
        return kernels

    def fit(self, *args: Any, callbacks: Any = None, **kwargs: Any) -> Any:
        """As `keras.Model.fit`; the masks follow the schedule."""
        from keras_hadamard.pruning.pruning_callback import with_pruning

        return super().fit(*args, callbacks=with_pruning(callbacks), **kwargs)

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.export`, of the model without its masks."""
        from keras_hadamard.pruning.strip import strip

        return strip(self).export(filepath, *args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.model),
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "scope": self.scope,
            "criterion": self.criterion,
            "structure": self.structure,
            # Places: names that Keras gave may be others in the next process.
            "target": [kernel.place for kernel in self._kernels],
            "exclude": None,
            "seed": self.seed,
            **({} if self.drop_fraction is None else {"drop_fraction": self.drop_fraction}),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "PrunedModel":
        model = keras.saving.deserialize_keras_object(
            config["model"], custom_objects=custom_objects
        )
        model.built = True  # Keras has built its layers, and says so of all but subclassed models.
        return cls(**{**config, "model": model})
