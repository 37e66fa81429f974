"""Whose face it is: dlib's recogniser."""

import dlib
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..types import Detections, Photos
from .finder import model_file, need_dlib
from .pixels import as_pictures


class Recogniser:
    """dlib's embedding of 128 numbers. Two faces at a Euclidean distance below 0.6 count as one person."""

    def __init__(self):
        need_dlib()
        weights = str(model_file("dlib_face_recognition_resnet_model_v1.dat"))
        self._network = dlib.face_recognition_model_v1(weights)  # pyright: ignore[reportAttributeAccessIssue]

    def __call__(self, photos: Photos, found: Detections) -> Float[Tensor, "faces 128"]:
        pixels = [np.ascontiguousarray(p) for p in as_pictures(photos)]
        rows = [
            self._embed(pixels[i], points)
            for i, points in zip(found.photo.tolist(), found.landmarks.cpu().numpy(), strict=True)
        ]
        return torch.from_numpy(np.array(rows, dtype=np.float32).reshape(-1, 128)).to(photos.device)

    def _embed(self, pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
        (left, top), (right, bottom) = (
            points.min(0).round().astype(int).tolist(),
            points.max(0).round().astype(int).tolist(),
        )
        marks = [dlib.point(*p) for p in points.round().astype(int).tolist()]  # pyright: ignore[reportAttributeAccessIssue]
        square = dlib.rectangle(left, top, right, bottom)  # pyright: ignore[reportAttributeAccessIssue]
        shape = dlib.full_object_detection(square, marks)  # pyright: ignore[reportAttributeAccessIssue]
        return np.array(self._network.compute_face_descriptor(pixels, shape))
