"""Base class of layers of one convolution."""

from typing import Any, Unpack

from keras_hadamard._core.checks import one_of, positive_int, received
from keras_hadamard._core.typing import ProjectionArguments, Shape
from keras_hadamard.layers._base import BaseLayer
from keras_hadamard.layers._channels import channels_axis, image_format, to_last_shape


class BaseConv(BaseLayer):
    """Base of layers of one convolution over `rank` axes: its arguments and the output's shape."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...],
        padding: str,
        dilation_rate: int | tuple[int, ...],
        data_format: str | None,
        paddings: tuple[str, ...] = ("same", "valid"),
        **kwargs: Unpack[ProjectionArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.filters = positive_int("filters", filters)
        self.kernel_size = _of_axes(rank, "kernel_size", kernel_size)
        self.strides = _of_axes(rank, "strides", strides)
        self.dilation_rate = _of_axes(rank, "dilation_rate", dilation_rate)
        self.padding = one_of("padding", padding, paddings)
        self.data_format = image_format(data_format)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise received(
                "`strides` or `dilation_rate` to be 1", strides=strides, dilation_rate=dilation_rate
            )

    @property
    def pads(self) -> list[tuple[int, int]]:
        """The padding on both sides that keeps the length of the axes."""
        reaches = [d * (n - 1) for n, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        return [(reach // 2, reach - reach // 2) for reach in reaches]

    def channels_last_shape(self, input_shape: Shape) -> Shape:
        """The input's shape, its channels last and known."""
        axis = channels_axis(self.data_format)
        if len(input_shape) != self.rank + 2 or input_shape[axis] is None:
            what = "an image" if self.rank == 2 else "a sequence"
            raise received(f"{what} with known channels", shape=tuple(input_shape))
        return to_last_shape(input_shape, self.data_format)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, *sides, _ = self.channels_last_shape(input_shape)
        found = []
        for side, pads, stride in zip(sides, self.pads, self.strides, strict=True):
            # A reflection does not repeat the outermost pixel.
            least = {
                "valid": sum(pads) + 1,
                "symmetric": pads[1],
                "reflect": pads[1] + 1,
            }.get(self.padding, 0)
            if side is not None and side < least:
                raise received(
                    f"sides of at least {least} pixels for these windows", shape=tuple(input_shape)
                )
            inner = sum(pads) if self.padding == "valid" else 0
            found.append(None if side is None else -(-(side - inner) // stride))
        return to_last_shape((batch, *found, self.filters), self.data_format, back=True)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "data_format": self.data_format,
        }


def _of_axes(rank: int, name: str, value: Any) -> tuple[int, ...]:
    """A value for each axis."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,) * rank
    if len(values) != rank:
        raise received(f"`{name}` to be an integer, or one for each axis", **{name: value})
    return tuple(positive_int(name, v) for v in values)
