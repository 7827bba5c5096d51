"""Models that take the checkpoints of their authors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_hadamard._core.checks import received
from keras_hadamard.layers._sublayers import KEY
from keras_hadamard.models import _loading
from keras_hadamard.models._afterwards import Afterwards

# The entry of a configuration that is not an argument of the constructor.
DONE = {KEY, "trainable", "dtype"}


class CheckpointedModel(keras.Model, metaclass=Afterwards):
    """Model with names in its authors' state dict."""

    # Prefixes of the names that a model without its top does not have.
    torch_head: tuple[str, ...] = ("head.", "linear.", "norm.")
    # Prefixes of the names of weights that the authors' network has and does not use.
    torch_unused: tuple[str, ...] = ()

    def torch_mapping(self) -> dict[str, Any]:
        """The layers and weights of this model by their prefixes in the authors' state dict."""
        raise received("an architecture with published checkpoints", model=type(self).__name__)

    def torch_mappings(self) -> list[dict[str, Any]]:
        """The mappings for all published kinds of checkpoints; the one that fits is used."""
        return [self.torch_mapping()]

    def load_torch(
        self, state_dict: Mapping[str, Any] | str | Path, *, head: str = "load", ema: bool = False
    ) -> None:
        """Loads a checkpoint of the authors completely, or, if it does not fit, not at all.

        A model without its top takes the checkpoint of a whole one. Wrappers of training code are
        removed: the first existing key of `"state_dict"`, `"model"`, `"params"` and `"net"`, and
        the prefixes `module.`, `model.`, `_orig_mod.`.

        Args:
            state_dict: Mapping from the authors' names to arrays or tensors, or the path of a file
                of one: `.safetensors`, or, where torch is installed, `.pth`, `.pt`, `.bin`,
                `.ckpt` or `.tar` (as in `.pth.tar`).
            head: `"load"`, or `"fresh"` to keep the model's classifier, for other classes. Defaults
                to `"load"`.
            ema: Boolean, whether to use the averaged weights that the checkpoint has in addition to
                the others (`"state_dict_ema"`, `"model_ema"`, ...). If it has no others, they are
                used anyway. Defaults to `False`.

        Raises:
            ValueError: If the file is damaged or of another kind, a name is missing or unknown, or
                a shape differs. The error names the difference: the variant, the number of classes
                or some of the names.
        """
        _loading.load(self, state_dict, head, ema)

    @classmethod
    def from_torch(
        cls,
        state_dict: Mapping[str, Any] | str | Path,
        *,
        head: str = "load",
        ema: bool = False,
        **kwargs: Any,
    ) -> "CheckpointedModel":
        """Returns a model with the weights of one of the authors' checkpoints.

        Args:
            state_dict: Mapping from the authors' names to arrays or tensors, or the path of a file
                of one, as in `load_torch`.
            head: `"load"`, or `"fresh"` to keep the new model's own classifier, for other classes
                than the checkpoint has. Defaults to `"load"`.
            ema: Boolean, whether to take the averaged weights that the checkpoint has besides the
                others. Defaults to `False`.
            **kwargs: Arguments of the constructor, or a configuration.

        Returns:
            The model.

        Raises:
            ValueError: As `load_torch`.
        """
        model = cls.from_config(kwargs) if kwargs.keys() & DONE else cls(**kwargs)
        model.load_torch(state_dict, head=head, ema=ema)
        return model

    def constructed(self) -> None:
        """Runs after the constructor of the last subclass."""
