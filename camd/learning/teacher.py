"""What a detector that knows more of the world sees in a picture: maps that a small network can learn to see too.

Idea: MediaPipe's detector (SSD on MobileNetV2, Apache-2.0) was taught by its authors on a million pictures of Open
Images; its maps tell cats from dogs though our pictures hold few of either. It looks at each of our pictures, and our
network learns to predict its maps. So none of its pictures is needed, and none of its weights is taken over.
Rule: used in training alone; the shipped network never needs it. Of its file only the convolutions up to the deepest
map are read and run, at another input size than its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tflite
import torch
from numpy.typing import NDArray
from torch.nn import functional

from camd.errors import UnusableInputError
from camd.vision.crop import Grey

Maps = NDArray[np.float16]
Step = Callable[[dict[int, torch.Tensor]], torch.Tensor]

SIDE: Final = 160  # pixels of the input; at its own 300 the maps are no better, in four times the time
FILLED: Final = 0.84  # of the square by the picture
FILL: Final = 114  # grey level around it
GREY: Final = 127.5  # levels from its black to its middle, and on to its white
COARSE: Final = 4  # cells along a side of its deepest map
FINE: Final = 8  # the same of the map at half that depth
# What makes them, by the first of a tensor's names: 1280 channels at a stride of 32, and 576 at 16.
OUTPUTS: Final = tuple(f"FeatureExtractor/MobilenetV2/{name}/Relu6" for name in ("Conv_1", "expanded_conv_13/expand"))


class Teacher:
    """The detector, made to look at small pictures and to tell its maps. Raises UnusableInputError."""

    def __init__(self, path: Path) -> None:
        try:
            self._graph = _Graph.of(path.read_bytes())
        except OSError as error:
            raise UnusableInputError(f"{path}: cannot be read ({error.strerror}).") from error
        except Exception as error:  # whatever a damaged file makes its reader stumble over
            raise UnusableInputError(f"{path}: not MediaPipe's detector as TFLite ({error!r}).") from error

    @torch.no_grad()
    def look(self, greys: Sequence[Grey]) -> tuple[Maps, Maps]:
        """The coarse maps (N, 1280, COARSE, COARSE) and the fine ones (N, 576, FINE, FINE), of what a square shows."""
        squares = torch.from_numpy(np.stack([_square(grey) for grey in greys]).astype(np.float32) / GREY - 1)
        with torch.autocast("cpu", torch.bfloat16):
            coarse, fine = self._graph.run(squares[:, None].expand(-1, 3, -1, -1))
        return _inner(coarse, COARSE), _inner(fine, FINE)


def _square(grey: Grey) -> Grey:
    scale = SIDE * FILLED / max(grey.shape)
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    square = np.full((SIDE, SIDE), FILL, np.uint8)
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    square[top : top + size[1], left : left + size[0]] = cv2.resize(grey, size, interpolation=way)
    return square


def _inner(maps: torch.Tensor, cells: int) -> Maps:
    """What lies over the pictures of square maps (N, C, H, H), as (N, C, cells, cells)."""
    places = FILLED * ((torch.arange(cells) + 0.5) * 2 / cells - 1)
    grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), -1)
    inner = functional.grid_sample(maps.float(), grid.expand(len(maps), -1, -1, -1), align_corners=False)
    return np.asarray(inner.numpy().astype(np.float16))


@dataclass(frozen=True, slots=True)
class _Graph:
    """The steps that lead from its input to `OUTPUTS`, each by the number of the tensor that it makes."""

    source: int
    steps: dict[int, Step]
    made: tuple[int, ...]

    @classmethod
    def of(cls, file: bytes) -> "_Graph":
        """Read it; raises whatever its reader does, and KeyError when it is another network."""
        model = tflite.Model.GetRootAs(file, 0)
        graph = model.Subgraphs(0)
        names = {graph.Tensors(number).Name().decode().split(";")[0]: number for number in range(graph.TensorsLength())}
        return cls(graph.Inputs(0), dict(_steps(model)), tuple(names[name] for name in OUTPUTS))

    def run(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """What it sees in pictures (N, 3, SIDE, SIDE) from -1 to 1."""
        known = {self.source: pictures.contiguous(memory_format=torch.channels_last)}
        for number, step in self.steps.items():
            known[number] = step(known)
            if all(made in known for made in self.made):
                break
        return [known[made] for made in self.made]


def _steps(model: Any) -> Iterator[tuple[int, Step]]:
    """The convolutions and sums of a network in their order; nothing else leads to its maps."""
    graph, code = model.Subgraphs(0), tflite.BuiltinOperator
    halves = {}
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        what, inputs = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode(), operator.InputsAsNumpy().tolist()
        if what == code.DEQUANTIZE:
            halves[operator.Outputs(0)] = inputs[0]
        elif what == code.ADD:
            yield operator.Outputs(0), _sum(*inputs)
        elif what in (code.CONV_2D, code.DEPTHWISE_CONV_2D):
            weights, bias = (_constant(model, halves.get(one, one)) for one in inputs[1:])
            yield operator.Outputs(0), _convolution(inputs[0], weights, bias, operator, what == code.DEPTHWISE_CONV_2D)


def _constant(model: Any, number: int) -> torch.Tensor:
    tensor = model.Subgraphs(0).Tensors(number)
    kind = np.float16 if tensor.Type() == tflite.TensorType.FLOAT16 else np.float32
    values = model.Buffers(tensor.Buffer()).DataAsNumpy().view(kind).astype(np.float32)
    return torch.from_numpy(values.reshape(tensor.ShapeAsNumpy()))


def _sum(one: int, other: int) -> Step:
    return lambda known: known[one] + known[other]


def _convolution(source: int, weights: torch.Tensor, bias: torch.Tensor, operator: Any, is_deep: bool) -> Step:
    """A convolution whose pictures are padded as TensorFlow does: what is odd goes to the right and below."""
    options = tflite.DepthwiseConv2DOptions() if is_deep else tflite.Conv2DOptions()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    stride, is_cut = options.StrideH(), options.FusedActivationFunction() == tflite.ActivationFunctionType.RELU6
    kernels = weights.permute(3, 0, 1, 2) if is_deep else weights.permute(0, 3, 1, 2)
    kernels = kernels.contiguous(memory_format=torch.channels_last)
    groups, reach = len(kernels) if is_deep else 1, kernels.shape[-1]

    def step(known: dict[int, torch.Tensor]) -> torch.Tensor:
        seen = known[source]
        around = max(0, (-(-seen.shape[-1] // stride) - 1) * stride + reach - seen.shape[-1])
        padded = functional.pad(seen, (around // 2, around - around // 2) * 2)
        made = functional.conv2d(padded, kernels, bias, stride, 0, 1, groups)
        return made.clamp(0, 6) if is_cut else made

    return step
