"""The usual script: a face-swap over dlib, OpenCV and a PyTorch network, written down straight as tutorials
do. The other side of the ratio.

dlib searches the photo at its full size, cv2.warpAffine aligns, the same network runs as float32 in eager
mode on the whole crop, the whole frame is warped back, and cv2.seamlessClone blends. It holds the same
network and the same landmark model as ours, and makes no marks.
"""

from collections.abc import Callable

import cv2
import dlib
import numpy as np
import torch

from facehub.blending.alignment import reference_landmarks
from facehub.detection.finder import model_file
from facehub.identity.weights import AnyGenerator


class UsualScript:
    """A photo of height x width x 3 bytes, RGB -> the same with its first face swapped."""

    def __init__(self, generator: AnyGenerator):
        self.generator, self.size = generator.eval(), generator.size
        self.detector = dlib.get_frontal_face_detector()  # pyright: ignore[reportAttributeAccessIssue]
        self.predictor = dlib.shape_predictor(str(model_file("shape_predictor_68_face_landmarks.dat")))  # pyright: ignore[reportAttributeAccessIssue]
        self.reference = reference_landmarks(self.size).numpy().astype(np.float64)

    def __call__(self, photo: np.ndarray, lap: Callable[[str], object] = lambda stage: None) -> np.ndarray:
        """`lap` is told when each stage has ended."""
        box = self.detector(photo, 0)[0]
        lap("find")
        points = np.array([(p.x, p.y) for p in self.predictor(photo, box).parts()], dtype=np.float64)
        lap("landmarks")
        matrix = np.linalg.lstsq(np.c_[points, np.ones(68)], self.reference, rcond=None)[0].T
        crop = cv2.warpAffine(photo, matrix, (self.size, self.size), flags=cv2.INTER_AREA)
        lap("align")
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillConvexPoly(
            mask, cv2.convexHull((points @ matrix[:, :2].T + matrix[:, 2]).round().astype(np.int32)), (255,)
        )
        lap("mask")
        with torch.no_grad():
            output = self.generator(torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255)
        painted = (output[0].clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
        lap("network")
        size = photo.shape[1::-1]
        face = cv2.warpAffine(
            np.ascontiguousarray(painted), matrix, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        )
        where = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        lap("place")
        left, top, width, height = cv2.boundingRect(where)
        result = cv2.seamlessClone(
            face, photo, where, (left + width // 2, top + height // 2), cv2.NORMAL_CLONE
        )
        lap("clone")
        return result
