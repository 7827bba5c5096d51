"""The masks of a pruned model, and what keeps a variable to its mask."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_hadamard._typing import Tensor


class Masks(keras.layers.Layer):
    """A boolean mask for each of the given variables, the step, and scores if they are learnt.

    Steps are counted in `count`, which the variable takes over when it is saved: to assign it at
    every step would cost a small model one hundredth of its time. `fixed` says that the masks will
    not change any more. While masks are learnt the variables keep what the masks hide, until then.
    Where data is looked at, `calibrated` says that it was, and `norms` are those of the inputs.
    Where weights grow, `moved` is the step at which they last did. `gradients` are those of the
    last step that was `due`, if one was `seen`.
    """

    def __init__(
        self,
        variables: list[Any],
        scored: int,
        norms: Sequence[tuple[int, ...]] | None = None,
        dynamic: bool = False,
        watched: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.count = 0
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self.fixed = self.add_weight(
            name="fixed", shape=(), dtype="bool", initializer="zeros", trainable=False
        )
        self.masks = [
            self.add_weight(
                name=f"mask_{i}", shape=v.shape, dtype="bool", initializer="ones", trainable=False
            )
            for i, v in enumerate(variables)
        ]
        self.scores = [
            self.add_weight(name=f"scores_{i}", shape=v.shape, initializer="zeros", dtype="float32")
            for i, v in enumerate(variables[:scored])
        ]
        self.norms = [
            self.add_weight(name=f"norms_{i}", shape=s, initializer="zeros", trainable=False)
            for i, s in enumerate(norms or ())
        ]
        if norms is not None:
            self.calibrated = self.add_weight(
                name="calibrated", shape=(), dtype="bool", initializer="zeros", trainable=False
            )
        if dynamic:
            self.moved = self._state("moved", dtype="int64")
        self.gradients = [
            self.add_weight(
                name=f"gradients_{i}", shape=v.shape, dtype="float32", initializer="zeros",
                trainable=False, aggregation="mean",
            )
            for i, v in enumerate(variables[:watched])
        ]  # fmt: skip
        if watched:
            self.due = self._state("due", dtype="bool")
            self.seen = self._state("seen", dtype="bool", aggregation="only_first_replica")
        self._watching: bool | None = None
        self.built = True

    def _state(self, name: str, **kwargs: Any) -> Any:
        return self.add_weight(name=name, shape=(), initializer="zeros", trainable=False, **kwargs)

    def watch(self, due: bool) -> None:
        """Says whether gradients are kept, to the variable only if that is new: it takes time."""
        if self.gradients and due is not self._watching:
            self.due.assign(due)
            self._watching = due

    def save_own_variables(self, store: Any) -> None:
        self.step.assign(self.count)
        super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self.count = int(ops.convert_to_numpy(self.step))
        self._watching = None


class MaskConstraint(keras.constraints.Constraint):
    """The variable's own constraint, if it has one, and then zeros where the mask is.

    Keras's optimizers apply constraints after every update, so that whatever momentum, weight decay
    or an average did to a pruned weight, it is exactly zero when the step is over.
    """

    def __init__(self, mask: Any, own: Any, unless: Any = None) -> None:
        self.mask = mask
        self.own = own
        self.unless = unless

    def __call__(self, w: Tensor) -> Tensor:
        if self.own is not None:
            w = self.own(w)
        kept = ops.convert_to_tensor(self.mask)
        if self.unless is not None:
            kept = ops.logical_or(kept, ops.logical_not(self.unless))
        return masked(w, kept)


def mask_of(variable: Any) -> Any:
    """The mask that a variable is kept to, or None."""
    constraint = variable.constraint
    return constraint.mask if isinstance(constraint, MaskConstraint) else None


def masked(w: Tensor, kept: Tensor) -> Tensor:
    """`w` where it is kept, and zero elsewhere, even where it is not a number."""
    w = ops.convert_to_tensor(w)
    return ops.where(kept, w, ops.zeros((), dtype=w.dtype))
