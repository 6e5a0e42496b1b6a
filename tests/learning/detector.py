"""A detector in TFLite of the teacher's shape but for its depth: one convolution for each map, weights by chance."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import tflite

from camd.learning.teacher import OUTPUTS

CHANNELS = (160, 64)  # of the coarse map and the fine one
STRIDES = (32, 16)
SIDE = 300  # of its input


def write(path: Path) -> None:
    """Write it; the weights are in half precision with a DEQUANTIZE each, as the teacher's are."""
    b = flatbuffers.Builder(1 << 20)
    chance = np.random.default_rng(3)
    tensors, buffers = [_tensor(b, "picture", (1, SIDE, SIDE, 3), 0, tflite.TensorType.FLOAT32)], [_buffer(b, b"")]
    operators: list[int] = []
    for name, channels, stride in zip(OUTPUTS, CHANNELS, STRIDES, strict=True):
        first, shape = len(tensors), (channels, 3, 3, 3)
        buffers += [_buffer(b, chance.normal(0, 0.3, shape).astype(np.float16).tobytes())]
        buffers += [_buffer(b, np.zeros(channels, np.float32).tobytes())]
        cells = -(-SIDE // stride)
        tensors += [
            _tensor(b, f"{name}/half", shape, len(buffers) - 2, tflite.TensorType.FLOAT16),
            _tensor(b, f"{name}/weights", shape, 0, tflite.TensorType.FLOAT32),
            _tensor(b, f"{name}/bias", (channels,), len(buffers) - 1, tflite.TensorType.FLOAT32),
            _tensor(b, f"{name};Conv2D", (1, cells, cells, channels), 0, tflite.TensorType.FLOAT32),
        ]
        operators += [
            _operator(b, 0, (first,), first + 1, None),
            _operator(b, 1, (0, first + 1, first + 2), first + 3, stride),
        ]
    b.Finish(_model(b, tensors, buffers, operators, (4, 8)), b"TFL3")
    path.write_bytes(bytes(b.Output()))


def _ints(b: Any, start: Callable[[Any, int], Any], values: tuple[int, ...]) -> Any:
    start(b, len(values))
    for value in reversed(values):
        b.PrependInt32(value)
    return b.EndVector()


def _offsets(b: Any, start: Callable[[Any, int], Any], offsets: list[int]) -> Any:
    start(b, len(offsets))
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _buffer(b: Any, data: bytes) -> Any:
    held = b.CreateByteVector(data)
    tflite.BufferStart(b)
    tflite.BufferAddData(b, held)
    return tflite.BufferEnd(b)


def _tensor(b: Any, name: str, shape: tuple[int, ...], buffer: int, kind: int) -> Any:
    called, sides = b.CreateString(name), _ints(b, tflite.TensorStartShapeVector, shape)
    tflite.TensorStart(b)
    tflite.TensorAddName(b, called)
    tflite.TensorAddShape(b, sides)
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddType(b, kind)
    return tflite.TensorEnd(b)


def _operator(b: Any, code: int, inputs: tuple[int, ...], output: int, stride: int | None) -> Any:
    options = None
    if stride is not None:
        tflite.Conv2DOptionsStart(b)
        tflite.Conv2DOptionsAddStrideH(b, stride)
        tflite.Conv2DOptionsAddStrideW(b, stride)
        tflite.Conv2DOptionsAddFusedActivationFunction(b, tflite.ActivationFunctionType.RELU6)
        options = tflite.Conv2DOptionsEnd(b)
    taken = _ints(b, tflite.OperatorStartInputsVector, inputs)
    made = _ints(b, tflite.OperatorStartOutputsVector, (output,))
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, taken)
    tflite.OperatorAddOutputs(b, made)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(b, tflite.BuiltinOptions.Conv2DOptions)
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def _model(b: Any, tensors: list[int], buffers: list[int], operators: list[int], outputs: tuple[int, ...]) -> Any:
    kinds = []
    for kind in (tflite.BuiltinOperator.DEQUANTIZE, tflite.BuiltinOperator.CONV_2D):
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, kind)
        kinds.append(tflite.OperatorCodeEnd(b))
    parts = [
        _offsets(b, tflite.SubGraphStartTensorsVector, tensors),
        _ints(b, tflite.SubGraphStartInputsVector, (0,)),
        _ints(b, tflite.SubGraphStartOutputsVector, outputs),
        _offsets(b, tflite.SubGraphStartOperatorsVector, operators),
    ]
    tflite.SubGraphStart(b)
    for add, part in zip(
        (tflite.SubGraphAddTensors, tflite.SubGraphAddInputs, tflite.SubGraphAddOutputs, tflite.SubGraphAddOperators),
        parts,
        strict=True,
    ):
        add(b, part)
    graph = tflite.SubGraphEnd(b)
    held = [
        _offsets(b, tflite.ModelStartOperatorCodesVector, kinds),
        _offsets(b, tflite.ModelStartSubgraphsVector, [graph]),
        _offsets(b, tflite.ModelStartBuffersVector, buffers),
    ]
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    for add, one in zip(
        (tflite.ModelAddOperatorCodes, tflite.ModelAddSubgraphs, tflite.ModelAddBuffers), held, strict=True
    ):
        add(b, one)
    return tflite.ModelEnd(b)
