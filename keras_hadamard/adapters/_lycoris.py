"""LyCORIS's adapters, as its `save_weights` and kohya's trainers write them."""

from collections.abc import Mapping

import numpy as np

from keras_hadamard._core.checks import received
from keras_hadamard.adapters._adapter import Adapter, KernelView
from keras_hadamard.adapters._file import AdapterFile
from keras_hadamard.adapters._lycoris_names import Module, by_module, whole_names
from keras_hadamard.adapters._modules import Groups, adapter_files, checked_modules
from keras_hadamard.adapters._torch_layout import our_weight
from keras_hadamard.adapters.adapted_model import AdaptedModel
from keras_hadamard.adapters.dora import DoRA
from keras_hadamard.adapters.loha import LoHa
from keras_hadamard.adapters.lokr import LoKr, factor_of
from keras_hadamard.adapters.lora import LoRA


def read_lycoris(
    tensors: Mapping[str, np.ndarray],
    adapted: AdaptedModel,
    modules: Mapping[str, str] | None,
    name: str,
) -> list[AdapterFile]:
    """The adapters of a file, one for all similar modules."""
    found = by_module(tensors)
    kernels = {adaptable.kernel.path: adaptable for adaptable in adapted.adaptable_kernels}
    chosen = checked_modules(whole_names(modules, found), found, list(kernels), "kernels")
    groups: Groups = {}
    for path, module in chosen.items():
        adaptable, weights = kernels[path], dict(found[module].tensors)
        adapter = _adapter(path, found[module], adaptable.view, found)
        adaptable.check(adapter)
        weights.pop("alpha", None)
        groups.setdefault(adapter, {})[adaptable.kernel.place] = {
            ours: our_weight(ours, array, adaptable, adapter, weights, adaptable.kernel.variable)
            for ours, array in weights.items()
        }
    return adapter_files(adapted, name, groups)


def _adapter(path: str, module: Module, view: KernelView, found: Mapping[str, Module]) -> Adapter:
    """The adapter of one module; ranks are those of the tensors."""
    kind, tensors = module
    missing = {"LoRA": {"a", "b"}, "LoHa": {"a1", "b1", "a2", "b2"}}.get(kind, set()) - set(tensors)
    if missing or (kind == "LoKr" and not all(_has(i, tensors) for i in (1, 2))):
        raise received(f"all factors of a {kind} for {path!r}", tensors=sorted(tensors))
    flat = [name for name in tensors if name != "alpha" and tensors[name].ndim < 2]
    if flat:
        raise received(f"factors of two axes or more for {path!r}", flat=flat)
    # Without one, or with 0, LyCORIS takes the rank.
    alpha = float(np.asarray(tensors.get("alpha", 0), "float32").reshape(-1)[0]) or None
    # Kernels of one position have no core, with any value of the option.
    cores = any("t2" in other.tensors for other in found.values())
    tucker = "t2" in tensors or (cores and view.positions == 1)
    if "magnitude" in tensors:
        return _decomposed(path, module, view, alpha)
    if kind == "LoKr":
        return _kronecker(path, tensors, view, alpha, tucker, found)
    if kind == "LoHa":
        return LoHa(tensors["a1"].shape[0], alpha, tucker, initialization="lycoris")
    return LoRA(tensors["a"].shape[0], alpha)


def _decomposed(path: str, module: Module, view: KernelView, alpha: float | None) -> Adapter:
    """The DoRA of a module with a `dora_scale`."""
    kind, tensors = module
    if kind == "LoKr" or "t2" in tensors:
        raise received(
            f"{path!r} without `dora_scale`, which only LoRA, and LoHa without a core, can have: "
            "train it without `dora_wd`",
            kind=kind,
            tensors=sorted(tensors),
        )
    scale = tensors["magnitude"]
    norm = "outputs" if scale.shape[0] == scale.size == view.outputs else "inputs"
    if norm == "inputs" and view.positions > 1:
        raise received(
            f"a `dora_scale` of the outputs of {path!r}, whose windows have no norm for each input "
            "here: train it with `wd_on_output`",
            dora_scale=scale.shape,
        )
    rank = tensors["a" if kind == "LoRA" else "a1"].shape[0]
    return DoRA(rank, alpha, direction=kind.lower(), norm=norm, norm_gradient=True)


def _kronecker(
    path: str,
    tensors: Mapping[str, np.ndarray],
    view: KernelView,
    alpha: float | None,
    tucker: bool,
    found: Mapping[str, Module],
) -> Adapter:
    m = tensors["w1" if "w1" in tensors else "a1"].shape[1]
    l = tensors["w1" if "w1" in tensors else "b1"].shape[0]  # noqa: E741
    if view.inputs % m or view.outputs % l:
        raise received(
            f"a first factor of divisors of the {view.inputs} inputs and {view.outputs} outputs of "
            f"{path!r}",
            factor=(m, l),
        )
    products = [tensors[name] for name in ("a1", "a2") if name in tensors]
    if products:
        rank = products[0].shape[0]
    else:
        # Undecomposed factors have no rank and are not scaled: any rank that keeps them so.
        whole = (other.tensors.get("w2") for other in found.values())
        rank, alpha = max(max(w2.shape[:2]) for w2 in whole if w2 is not None), None
    return LoKr(
        rank,
        alpha,
        factor=factor_of(view, m, l),
        decompose_both="a1" in tensors,
        tucker=tucker,
        initialization="lycoris",
    )


def _has(i: int, tensors: Mapping[str, np.ndarray]) -> bool:
    return f"w{i}" in tensors or {f"a{i}", f"b{i}"} <= set(tensors)
