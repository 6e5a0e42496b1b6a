"""What a detector that knows more of the world sees in a picture: maps that a small network can learn to see too.

Idea: FastestDet (BSD-3) was taught by its authors on a hundred thousand pictures; its maps tell cats from dogs though
our pictures hold few of either. It looks at each of our pictures, and our network learns to predict its maps. So
none of its pictures is needed, and none of its weights is taken over.
Rule: used in training alone; the shipped network never needs it.
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from camd.errors import UnusableInputError
from camd.vision.crop import Grey

Maps = NDArray[np.float16]

SIDE: Final = 160  # pixels of the input; at half of its own 352 the maps are as good, in a fifth of the time
ITS_SIDE: Final = 352
FILLED: Final = 0.84  # of the square by the picture
FILL: Final = 114  # grey level around it
COARSE: Final = 4  # cells along a side of the map of its two deepest stages
FINE: Final = 8  # the same of the map of its neck
# Node, channels and stride: the two shuffled halves of the deepest stage, and the neck.
OUTPUTS: Final = (("Concat_209", 192, 32), ("Concat_224", 192, 32), ("Relu_232", 96, 16))


class Teacher:
    """FastestDet, made to look at small pictures and to tell its maps. Raises UnusableInputError."""

    def __init__(self, path: Path) -> None:
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(_small(path), np.uint8))
        except (OSError, ValueError, cv2.error) as error:
            raise UnusableInputError(f"{path}: not FastestDet.onnx ({' '.join(str(error).split())[:100]}).") from error

    def look(self, grey: Grey) -> tuple[Maps, Maps]:
        """The coarse map (384, COARSE, COARSE) and the fine one (96, FINE, FINE) of a picture, laid into a square."""
        scale = SIDE * FILLED / max(grey.shape)
        size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
        square = np.full((SIDE, SIDE), FILL, np.uint8)
        left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
        way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        square[top : top + size[1], left : left + size[0]] = cv2.resize(grey, size, interpolation=way)
        self._net.setInput(cv2.dnn.blobFromImage(cv2.merge([square] * 3), 1 / 255))
        found = self._net.forward(self._net.getUnconnectedOutLayersNames())
        maps = [np.asarray(one, np.float32) for one in found]
        maps = [one.reshape(one.shape[-3:]) for one in maps]
        return _inner(np.concatenate(maps[:2]), COARSE), _inner(maps[2], FINE)


def _inner(maps: NDArray[np.float32], cells: int) -> Maps:
    """What lies over the picture of square maps (C, H, H), as (C, cells, cells)."""
    side = maps.shape[-1]
    step = FILLED * side / cells
    offset = -((1 - FILLED) / 2 * side - 0.5 + step / 2) / step
    move = np.array([[1 / step, 0, offset], [0, 1 / step, offset]], np.float32)
    inner = [cv2.warpAffine(one, move, (cells, cells), borderMode=cv2.BORDER_REPLICATE) for one in maps]
    return np.stack(inner).astype(np.float16)


def _small(path: Path) -> bytes:
    """The model with an input of SIDE, whose outputs are the maps."""
    model = onnx.load(str(path))
    small = {ITS_SIDE // stride: SIDE // stride for stride in (8, 16, 32)}
    small |= {side**2: less**2 for side, less in small.items()}
    for dimension in model.graph.input[0].type.tensor_type.shape.dim:
        dimension.dim_value = SIDE if dimension.dim_value == ITS_SIDE else dimension.dim_value
    for constant in model.graph.initializer:
        if "Reshape" in constant.name:
            shape = [small.get(int(value), int(value)) for value in numpy_helper.to_array(constant)]
            constant.CopyFrom(numpy_helper.from_array(np.array(shape, np.int64), constant.name))
    names = {node.name: node.output[0] for node in model.graph.node}
    del model.graph.output[:], model.graph.value_info[:]
    for name, channels, stride in OUTPUTS:
        size = 1, channels, SIDE // stride, SIDE // stride
        model.graph.output.append(onnx.helper.make_tensor_value_info(names[name], onnx.TensorProto.FLOAT, size))
    made: bytes = model.SerializeToString()
    return made
