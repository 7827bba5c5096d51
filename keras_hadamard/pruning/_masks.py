"""The masks of a pruned model, and the constraint that keeps a variable to its mask."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_hadamard._core.checks import received
from keras_hadamard._core.introspection.kernels import Kernel
from keras_hadamard._core.typing import Tensor
from keras_hadamard.pruning._coupled_weights import CoupledWeight


class Masks(keras.layers.Layer):
    """A boolean mask for each kernel, and for each weight coupled to its filters; the step.

    Steps are counted in `count`, which is copied to the variable on saving: assigning it at every
    step would cost a small model one percent of its time. `fixed` says that the masks will not
    change any more. With `keeps_hidden`, kernels keep the values under their masks until then.
    Files identify this layer by the name of its class, so criteria add their variables to it.
    """

    def __init__(
        self, kernels: list[Kernel], coupled: list[list[CoupledWeight]], keeps_hidden: bool = False
    ) -> None:
        super().__init__(name="masks")
        self.kernels, self.coupled = kernels, coupled
        self.count = 0
        # How often variables were loaded, so that values cached from them are computed again.
        self.loads = 0
        self.step = self.state("step", "int64")
        self.fixed = self.state("fixed", "bool")
        self.masks = [
            self.state(f"mask_{i}", "bool", v.shape, initializer="ones")
            for i, v in enumerate(self.variables_covered)
        ]
        for index, (variable, mask) in enumerate(
            zip(self.variables_covered, self.masks, strict=True)
        ):
            unless = self.fixed if keeps_hidden and index < len(kernels) else None
            variable.constraint = MaskConstraint(mask, variable.constraint, unless)
        self.built = True

    @property
    def variables_covered(self) -> list[Any]:
        """The kernels' variables, and then the weights coupled to them."""
        coupled = [weight.variable for group in self.coupled for weight in group]
        return [kernel.variable for kernel in self.kernels] + coupled

    def state(
        self, name: str, dtype: str, shape: Any = (), initializer: str = "zeros", **kwargs: Any
    ) -> Any:
        """A variable that is saved with the masks and not trained."""
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            trainable=False,
            **kwargs,
        )

    def get(self) -> list[np.ndarray]:
        """The masks of the kernels."""
        return list(self.values)

    @property
    def values(self) -> "MaskValues":
        """The masks of the kernels, each read when it is asked for."""
        return MaskValues(self.masks[: len(self.kernels)])

    def set(self, new: Iterable[np.ndarray], old: Sequence[np.ndarray] | None = None) -> None:
        """Assigns the masks of the kernels, where they differ from the old ones if these are given.

        The weights follow when the masks are applied.
        """
        for index, (_, mask) in enumerate(zip(self.kernels, new, strict=True)):
            if old is None or not np.array_equal(mask, old[index]):
                self.set_one(index, mask)

    def set_one(self, index: int, mask: np.ndarray) -> None:
        """Assigns the mask of one kernel, and those of the weights coupled to its filters."""
        self.masks[index].assign(mask)
        place = len(self.kernels) + sum(map(len, self.coupled[:index]))
        for weight in self.coupled[index]:
            filters = np.asarray(self.kernels[index].to_view(mask).any(axis=(0, 1)))
            self.masks[place].assign(weight.mask(filters))
            place += 1

    def set_some(self, masks: Mapping[str, Any]) -> None:
        """Assigns masks by the paths of their kernels, and applies all."""
        new = dict(zip((kernel.path for kernel in self.kernels), self.get(), strict=True))
        for path, mask in masks.items():
            if path not in new:
                raise received(f"`masks` of the kernels {list(new)}", path=path)
            shape = new[path].shape
            if np.shape(mask) != shape:
                raise received(
                    f"a mask of shape {shape} for {path!r}, as the kernel has",
                    mask_shape=np.shape(mask),
                )
            new[path] = np.asarray(mask).astype(bool)
        self.set(list(new.values()))
        self.apply()

    def apply(self) -> None:
        """Sets pruned weights to zero, except where hidden values are kept."""
        for variable in self.variables_covered:
            constraint = variable.constraint
            variable.assign(MaskConstraint(constraint.mask, None, constraint.unless)(variable))

    def save_own_variables(self, store: Any) -> None:
        self.step.assign(self.count)
        super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self.count = int(ops.convert_to_numpy(self.step))
        self.loads += 1


class MaskValues(Sequence[np.ndarray]):
    """Masks as arrays, one at a time: all of them may be as large as a quarter of the model."""

    def __init__(self, variables: Sequence[Any]) -> None:
        self.variables = variables

    def __len__(self) -> int:
        return len(self.variables)

    def __getitem__(self, index: Any) -> Any:
        return ops.convert_to_numpy(self.variables[index])


class MaskConstraint(keras.constraints.Constraint):
    """The variable's own constraint, if it has one, and then zeros where the mask is.

    Keras's optimizers apply constraints after every update, so a pruned weight is exactly zero
    after the step, whatever momentum, weight decay or averaging did to it. `left` is the mask for
    adapters, where it has fewer ones than the constraint's.
    """

    def __init__(self, mask: Any, own: Any, unless: Any = None, left: Any = None) -> None:
        self.mask = mask
        self.own = own
        self.unless = unless
        self.left = mask if left is None else left

    def __call__(self, w: Tensor) -> Tensor:
        if self.own is not None:
            w = self.own(w)
        kept = ops.convert_to_tensor(self.mask)
        if self.unless is not None:
            kept = ops.logical_or(kept, ops.logical_not(self.unless))
        return masked(w, kept)


def mask_of(variable: Any) -> Any:
    """The mask of a variable, or None."""
    constraint = variable.constraint
    return constraint.left if isinstance(constraint, MaskConstraint) else None


def masked(w: Tensor, kept: Tensor) -> Tensor:
    """`w` where the mask keeps it, and zero elsewhere, even for NaN."""
    w = ops.convert_to_tensor(w)
    return ops.where(kept, w, ops.zeros((), dtype=w.dtype))
