"""SFace (Zhong et al., 2021, https://arxiv.org/abs/2205.12010) in torch, read from OpenCV's ONNX file:
whose face it is, and a gradient.

Runtimes refuse the block-quantised file as it is, and give no gradient. The network is a plain chain
(MobileFaceNet: convolution, batch normalisation, PReLU), so each node of the file becomes one torch call.
Terms: Apache-2.0.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from facehub.errors import BadSetting, FaceHubError
from facehub.geometry import warp

SIDE = 112
"""Side of the square that face networks look at, px."""

TEMPLATE = torch.tensor(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where face networks want eyes, nose and corners of the mouth in that square (OpenCV's
FaceRecognizerSF::alignCrop)."""


class SFace(nn.Module):
    """Unit vectors of faces: their product is the cosine, above 0.363 for one person. Weights stay as they
    were read.

    Raises BadSetting when the file is not SFace's.
    """

    def __init__(self, file: pathlib.Path):
        super().__init__()
        self.source = file.name
        try:
            self._nodes, values = _kept(file) if file.suffix == ".safetensors" else _original(file)
            if unknown := {kind for kind, *_ in self._nodes} - _OPERATIONS.keys():
                raise ValueError(f"operations {unknown}")
        except ImportError as problem:
            raise BadSetting("SFace's file is read with the package onnx: pip install onnx.") from problem
        except Exception as problem:
            raise BadSetting(
                f"{file} cannot be read as SFace's file: get face_recognition_sface_2021dec from OpenCV's "
                "model zoo."
            ) from problem
        self._names = {name: f"w{index}" for index, name in enumerate(values)}
        for name, key in self._names.items():
            self.register_buffer(key, values[name], persistent=False)

    def forward(
        self, crop: Float[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"]
    ) -> Float[Tensor, "n 128"]:
        """RGB in [0, 1], landmarks in crop pixels."""
        return F.normalize(self._run(upright_square(crop, landmarks) * 255), dim=1)

    def keep(self, file: pathlib.Path) -> None:
        """Writes a safetensors file that can be given in place of the ONNX file, for machines without the
        package onnx."""
        tensors = {name: getattr(self, key).contiguous() for name, key in self._names.items()}
        save_file(tensors, file, metadata={"nodes": json.dumps(self._nodes), "terms": "Apache-2.0"})

    def _run(self, square: Tensor) -> Tensor:
        values = {"data": square} | {name: getattr(self, key) for name, key in self._names.items()}
        for kind, inputs, outputs, settings in self._nodes:
            x, *rest = (values[name] for name in inputs)
            values[outputs[0]] = _OPERATIONS[kind](x, *rest, **settings)
        return values["fc1"]


def _convolve(x, weight, bias=None, *, group=1, pads=(0, 0, 0, 0), strides=(1, 1), **_):
    return F.conv2d(x, weight, bias, stride=tuple(strides), padding=tuple(pads[:2]), groups=group)


def _batch_norm(x, weight, bias, mean, variance, *, epsilon=1e-5, **_):
    return F.batch_norm(x, mean, variance, weight, bias, eps=epsilon)


_OPERATIONS = {
    "Sub": lambda x, y, **_: x - y,
    "Mul": lambda x, y, **_: x * y,
    "Conv": _convolve,
    "BatchNormalization": _batch_norm,
    "PRelu": lambda x, slope, **_: F.prelu(x, slope.flatten()),
    "Dropout": lambda x, *_, **__: x,
    "Flatten": lambda x, **_: x.flatten(1),
    "Gemm": lambda x, weight, bias, transB=0, **_: F.linear(x, weight if transB else weight.T, bias),
}


def _original(file: pathlib.Path) -> tuple[list, dict[str, Tensor]]:
    import onnx  # who has no ONNX file needs no onnx

    nodes, values = _dequantised(onnx.load_from_string(file.read_bytes()).graph, onnx.numpy_helper)
    chain = [[node.op_type, list(node.input), list(node.output), _settings(node)] for node in nodes]
    return chain, {name: torch.from_numpy(np.array(value)) for name, value in values.items()}


def _kept(file: pathlib.Path) -> tuple[list, dict[str, Tensor]]:
    with safe_open(file, "pt") as opened:
        return json.loads(opened.metadata()["nodes"]), {
            name: opened.get_tensor(name)
            for name in opened.keys()  # noqa: SIM118
        }


def _settings(node) -> dict:
    return {a.name: a.f if a.type == 1 else a.i if a.type == 2 else list(a.ints) for a in node.attribute}


def _dequantised(graph, numpy_helper) -> tuple[list, dict[str, np.ndarray]]:
    """The nodes that compute something and the weights as float32. A block of a row shares one scale and
    one zero."""
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            settings = _settings(node)
            numbers, scale, zero = (values.pop(name) for name in node.input)
            each = [
                np.repeat(part, settings["block_size"], settings["axis"])
                for part in (scale, zero.astype(np.float32))
            ]
            each = [part.take(range(numbers.shape[settings["axis"]]), settings["axis"]) for part in each]
            values[node.output[0]] = ((numbers - each[1]) * each[0]).astype(np.float32)
        elif node.op_type == "Reshape":
            values[node.output[0]] = values.pop(node.input[0]).reshape(values.pop(node.input[1]))
        elif node.op_type == "Constant":
            values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        else:
            kept.append(node)
    return kept, values


def upright_square(
    crop: Num[Tensor, "n 3 height width"], landmarks: Float[Tensor, "n 68 2"]
) -> Float[Tensor, "n 3 side side"]:
    """The faces as face networks look at them: turned, scaled and shifted so that five points lie on
    TEMPLATE."""
    points = torch.stack(
        [
            landmarks[:, 36:42].mean(1),
            landmarks[:, 42:48].mean(1),
            landmarks[:, 30],
            landmarks[:, 48],
            landmarks[:, 54],
        ],
        dim=1,
    )
    crop_from_square = fit_similarity(TEMPLATE.to(points).expand_as(points), points)
    return warp(crop, torch.arange(len(crop), device=crop.device), crop_from_square, (SIDE, SIDE))


def fit_similarity(
    source: Float[Tensor, "n points 2"], target: Float[Tensor, "n points 2"]
) -> Float[Tensor, "n 2 3"]:
    """`target_from_source`: turn, scale and shift, least squares (Umeyama 1991, without mirror images)."""
    s, t = (points - points.mean(1, keepdim=True) for points in (source, target))
    along, across = (s * t).sum((1, 2)), (s[..., 0] * t[..., 1] - s[..., 1] * t[..., 0]).sum(1)
    cos, sin = along / s.square().sum((1, 2)), across / s.square().sum((1, 2))
    linear = torch.stack([cos, -sin, sin, cos], dim=1).reshape(-1, 2, 2)
    return torch.cat([linear, target.mean(1)[:, :, None] - linear @ source.mean(1)[:, :, None]], dim=2)


def main() -> int:
    """`python -m train.networks.sface ONNX SAFETENSORS`: the file for machines without the package onnx."""
    try:
        SFace(pathlib.Path(sys.argv[1])).keep(pathlib.Path(sys.argv[2]))
    except (FaceHubError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except IndexError:
        print("Give SFace's ONNX file and the safetensors file to write.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
