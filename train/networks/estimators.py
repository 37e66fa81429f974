"""Networks of other people that look at faces: who it is, where the head points, what the face does.

Each is one file in one folder, that of `--estimators`; train/evaluate.py says which were there. All look at
aligned crops, through the landmarks given to them, so that an input and its swap are cut alike and only
what was painted differs.

| file | estimates | terms |
|---|---|---|
| face_recognition_sface_2021dec*.onnx | SFace (sface.py): 128 numbers; above 0.363 one person | Apache-2.0 |
| fsanet-*.onnx | FSA-Net (Yang et al., CVPR 2019): yaw, pitch, roll in degrees; the mean of all files | MIT |
| face_landmarker.task | MediaPipe's Face Landmarker: 52 blendshapes in [0, 1] | Apache-2.0 |
"""

import io
import pathlib
import zipfile
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.errors import BadSetting
from facehub.geometry import warp

from .blendshapes import BLENDSHAPE_LANDMARKS
from .sface import SFace


@runtime_checkable
class Estimator(Protocol):
    """Looks at crops through landmarks in crop pixels."""

    source: str
    """The files it was read from."""

    def __call__(
        self, crop: UInt8[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"]
    ) -> Float[Tensor, "n k"]: ...


class Identity:
    """Unit vectors: their product is the cosine of two faces."""

    def __init__(self, file: pathlib.Path):
        self.source = file.name
        self._network = SFace(file)

    @torch.inference_mode()
    def __call__(
        self, crop: UInt8[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"]
    ) -> Float[Tensor, "n 128"]:
        rows = zip(crop.split(16), landmarks.split(16), strict=True)
        return torch.cat([self._network(some.float() / 255, points) for some, points in rows])


class Pose:
    """Yaw, pitch and roll in degrees."""

    def __init__(self, files: list[pathlib.Path]):
        self.source = ", ".join(file.name for file in files)
        self._networks = [cv2.dnn.readNetFromONNX(str(file)) for file in files]

    def __call__(
        self, crop: UInt8[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"]
    ) -> Float[Tensor, "n 3"]:
        faces = around(crop, landmarks, 1.4, 64).flip(1) * 255
        return torch.stack([self._angles(((face - 127.5) / 128)[None].numpy()) for face in faces])

    def _angles(self, face: np.ndarray) -> Float[Tensor, " 3"]:
        angles = []
        for network in self._networks:
            network.setInput(face)
            angles.append(torch.from_numpy(network.forward().copy()).flatten())
        return torch.stack(angles).mean(0)


class Expression:
    """52 blendshapes."""

    def __init__(self, file: pathlib.Path):
        from ai_edge_litert.interpreter import (
            Interpreter,  # beside the GPU there is none: only who measures expressions needs it
        )

        self.source = file.name
        whole = file.read_bytes()
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            models = [
                archive.read(f"{name}.tflite") for name in ("face_landmarks_detector", "face_blendshapes")
            ]
        self._landmarks, self._blendshapes = (
            Interpreter(model_content=model, num_threads=1) for model in models
        )
        self._landmarks.allocate_tensors()
        self._blendshapes.allocate_tensors()

    def __call__(
        self, crop: UInt8[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"]
    ) -> Float[Tensor, "n 52"]:
        faces = around(crop, landmarks, 1.5, 256).permute(0, 2, 3, 1).contiguous().numpy()
        return torch.stack([self._shapes(face[None]) for face in faces])

    def mesh(
        self, photo: UInt8[Tensor, "n 3 height width"], landmarks: Float[Tensor, "n 68 2"]
    ) -> Float[Tensor, "n 478 3"]:
        """x, y in photo pixels, and depth in the same unit, smaller nearer to the camera."""
        middle, side = square(landmarks, 1.5)
        corner = middle - side[:, None] / 2
        faces = around(photo, landmarks, 1.5, 256).permute(0, 2, 3, 1).contiguous().numpy()
        points = (
            torch.stack(
                [torch.from_numpy(_run(self._landmarks, face[None])).reshape(478, 3) for face in faces]
            )
            * (side / 256)[:, None, None]
        )
        return points + F.pad(corner, (0, 1))[:, None]

    def _shapes(self, face: np.ndarray) -> Float[Tensor, " 52"]:
        points = _run(self._landmarks, face).reshape(478, 3)[list(BLENDSHAPE_LANDMARKS), :2]
        return torch.from_numpy(_run(self._blendshapes, points[None])).flatten()


def _run(model, data: np.ndarray) -> np.ndarray:
    model.set_tensor(model.get_input_details()[0]["index"], data.astype(np.float32))
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"]).copy()


def read(folder: pathlib.Path | None) -> dict[str, Estimator]:
    """Those of "identity", "pose" and "expression" whose files lie in `folder`; none without a folder.
    Raises BadSetting when there is nothing."""
    found: dict[str, Estimator] = {}
    if folder is None:
        return found
    if files := sorted(folder.glob("face_recognition_sface_2021dec*.onnx")):
        found["identity"] = Identity(files[0])
    if files := sorted(folder.glob("fsanet-*.onnx")):
        found["pose"] = Pose(files)
    if (file := folder / "face_landmarker.task").exists():
        found["expression"] = Expression(file)
    if not found:
        raise BadSetting(
            f"{folder} holds no estimator: put SFace, FSA-Net or Face Landmarker there (file names in "
            "train/networks/estimators.py)."
        )
    return found


def square(
    landmarks: Float[Tensor, "n 68 2"], scale: float
) -> tuple[Float[Tensor, "n 2"], Float[Tensor, " n"]]:
    """Middle and side of squares around the landmarks' box, `scale` times its longer side."""
    low, high = landmarks.amin(1), landmarks.amax(1)
    return (low + high) / 2, (high - low).amax(1) * scale


def around(
    crop: UInt8[Tensor, "n 3 size size"], landmarks: Float[Tensor, "n 68 2"], scale: float, size: int
) -> Float[Tensor, "n 3 side side"]:
    """Upright squares in [0, 1] around the landmarks' box, `scale` times its longer side, resized to `size`
    px."""
    middle, side = square(landmarks, scale)
    zoom = (side / size)[:, None, None] * torch.eye(2)
    corner = middle - side[:, None] / 2 + side[:, None] / size / 2 - 0.5
    return warp(
        crop, torch.arange(len(crop)), torch.cat([zoom, corner[:, :, None]], dim=2), (size, size)
    ).clamp(0, 1)
