"""The network that is trained, and how it is written down for OpenCV.

Idea: few and wide 3x3 convolutions at 16 and 8 cells a side, where OpenCV gets most out of a core. Beside the embedding
that is asked for at home it predicts the teacher's maps; what does that is thrown away in the end. Weights are written
as bytes and one scale for each channel, a quarter of the file; OpenCV makes floats of them when it reads them, so that
it is as fast as ever.
Rule: torch is an extra. What is scored, calibrated and shipped is what was written down, never the network in memory.
"""

import io
import warnings
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from camd.model import LABELS
from camd.vision.crop import SIDE

WIDTHS: Final = (24, 64, 128)  # channels at 32, 16 and 8 cells along a side
EMBEDDING: Final = 160
COARSE: Final = 128  # numbers that are learned of each cell of the teacher's deep maps
FINE: Final = 48  # the same of its neck
OPSET: Final = 12
LARGEST: Final = 127  # of a weight as a byte


class Near(nn.Module):
    """Adds to what it sees what a convolution makes of it; `is_thin`: each channel by itself first."""

    def __init__(self, channels: int, is_thin: bool = False) -> None:
        super().__init__()
        groups = channels if is_thin else 1
        layers = [nn.Conv2d(channels, channels, 3, 1, 1, groups=groups, bias=False), nn.BatchNorm2d(channels)]
        if is_thin:
            layers += [nn.ReLU(), nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)]
        self.f = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, H) to the same."""
        return functional.relu(x + self.f(x))


def _smaller(channels: int, more: int) -> nn.Sequential:
    """Half the cells along a side."""
    return nn.Sequential(nn.Conv2d(channels, more, 3, 2, 1, bias=False), nn.BatchNorm2d(more), nn.ReLU())


class Net(nn.Module):
    """The network, its head, and what predicts the teacher's maps."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.stem = nn.Sequential(
            _smaller(1, first),
            _smaller(first, second),
            *(Near(second) for _ in range(3)),
            _smaller(second, third),
            Near(third),
        )
        self.top = nn.Sequential(
            Near(third),
            _smaller(third, EMBEDDING),
            Near(EMBEDDING, is_thin=True),
            Near(EMBEDDING, is_thin=True),
        )
        self.head = nn.Sequential(nn.Dropout(0.15), nn.Linear(EMBEDDING, len(LABELS)))
        self.coarse, self.fine = nn.Conv2d(EMBEDDING, COARSE, 1), nn.Conv2d(third, FINE, 1)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures (B, 1, SIDE, SIDE) to embeddings (B, EMBEDDING)."""
        return self.top(self.stem(x)).mean((2, 3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores (B, 4), and the teacher's maps as they are predicted."""
        near = self.stem(x)
        far = self.top(near)
        return self.head(far.mean((2, 3))), self.coarse(far), self.fine(near)


class _Asked(nn.Module):
    """The network as it is asked at home."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures to embeddings."""
        return self.net.embed(x)


def written(net: Net) -> bytes:
    """The network as an ONNX file, from a picture (1, 1, SIDE, SIDE) to its embedding (1, EMBEDDING)."""
    buffer = io.BytesIO()
    names: dict[str, Any] = {"input_names": ["picture"], "output_names": ["embedding"]}
    example = (torch.zeros(1, 1, SIDE, SIDE),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter that needs no other package
        torch.onnx.export(_Asked(net), example, buffer, dynamo=False, opset_version=OPSET, **names)
    return _in_bytes(buffer.getvalue())


def _in_bytes(single: bytes) -> bytes:
    """The same file with the weights of its convolutions as bytes, which a Cast and a Mul turn into what they were."""
    model = onnx.load_from_string(single)
    made = []
    for weights in list(model.graph.initializer):
        if weights.data_type == TensorProto.FLOAT and len(weights.dims) > 1:
            made += _unpacking(model.graph, weights)
    for number, node in enumerate(made):
        model.graph.node.insert(number, node)
    written: bytes = model.SerializeToString()
    return written


def _unpacking(graph: Any, weights: Any) -> list[Any]:
    """Make the bytes and the scales of `weights` (C, ...) in its graph; return what makes weights of them."""
    name, values = weights.name, numpy_helper.to_array(weights)
    scales = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True) / LARGEST + np.float32(1e-12)
    weights.CopyFrom(numpy_helper.from_array(np.rint(values / scales).astype(np.int8), f"{name}.bytes"))
    graph.initializer.append(numpy_helper.from_array(scales.astype(np.float32), f"{name}.scales"))
    cast = helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.whole"], to=TensorProto.FLOAT)
    return [cast, helper.make_node("Mul", [f"{name}.whole", f"{name}.scales"], [name])]
