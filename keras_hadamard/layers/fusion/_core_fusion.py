"""Fusions of two projections by a core tensor, whole or in chunks."""

from typing import Any, ClassVar

from keras import ops

from keras_hadamard._checks import one_of, positive_int
from keras_hadamard._typing import Shape, Tensor
from keras_hadamard.layers.fusion._cores import Core, FullCore, LowRankCore, chunk_sizes
from keras_hadamard.layers.fusion._projected_fusion import ProjectedFusion


class CoreFusion(ProjectedFusion):
    """Base of `y = act(P drop([norm(core_1(x_1, y_1)); ...]) + b)` over chunks of projections."""

    modalities: ClassVar[int | None] = 2
    width_argument: ClassVar[str | None] = "mm_dim"

    def __init__(
        self,
        units: int,
        mm_dim: int | None,
        *,
        rank: int | None = None,
        chunks: int | None = None,
        normalize_position: str = "after_cat",
        use_core_bias: bool = False,
        shared_projections: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, mm_dim, **kwargs)
        # Without a rank the core is full, without chunks it is whole.
        self.rank = None if rank is None else positive_int("rank", rank)
        self.chunks = None if chunks is None else positive_int("chunks", chunks)
        chunk_sizes(self.width, self.chunks or 1)
        self.normalize_position = one_of(
            "normalize_position", normalize_position, ("before_cat", "after_cat")
        )
        self.use_core_bias = bool(use_core_bias)
        self.shared_projections = bool(shared_projections)

    def _core(self, name: str) -> Core:
        """The core of chunks of one size."""
        given: dict[str, Any] = {"name": name, "use_bias": self.use_core_bias}
        if self.rank is None:
            full: Core = self.sublayer(FullCore, **given)
            return full
        given |= {"rank": self.rank, "shared": self.shared_projections}
        low: Core = self.sublayer(LowRankCore, **given)
        return low

    def build_core(self, input_shape: list[Shape]) -> None:
        # Chunks of one size are computed at once.
        self.sizes = chunk_sizes(self.width, self.chunks or 1)
        self.cores = []
        positions = self.positions(input_shape)
        for i, (chunks, size) in enumerate(self.sizes):
            core = self._core(f"core_{i}")
            core.build([(*positions, chunks, size)] * 2)
            self.cores.append(core)

    def combine(self, projections: list[Tensor], training: bool | None) -> Tensor:
        start, fused = 0, []
        for core, (chunks, size) in zip(self.cores, self.sizes, strict=True):
            end = start + chunks * size
            parts = [p[..., start:end] for p in projections]
            start = end
            z = core([ops.reshape(p, (*ops.shape(p)[:-1], chunks, size)) for p in parts])
            if self.normalize_position == "before_cat":
                z = self._normalized_chunks(z)
            fused.append(ops.reshape(z, (*ops.shape(z)[:-2], chunks * size)))
        joined = fused[0] if len(fused) == 1 else ops.concatenate(fused, axis=-1)
        return self.normalized(joined) if self.normalize_position == "after_cat" else joined

    def _normalized_chunks(self, z: Tensor) -> Tensor:
        # The axis is one of the joined features, which have an axis less.
        axis, last = self.normalize_axis % (len(z.shape) - 1), len(z.shape) - 2
        return self.normalized(z, axis=-1 if axis == last else axis)

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "use_core_bias": self.use_core_bias,
            "shared_projections": self.shared_projections,
        }
        if self.rank is not None:
            config["rank"] = self.rank
        if self.chunks is not None:
            config |= {"chunks": self.chunks, "normalize_position": self.normalize_position}
        return config
