"""YuNet (Wu, Peng and Yu, Machine Intelligence Research 2023), OpenCV's small face detector: where faces are.

It is faster than dlib's and finds faces that are small or turned away. The weights are those of the hub's
repository opencv/face_detection_yunet (MIT licence). No other file is opened than the one with this SHA-256.
"""

import hashlib
import pathlib
import threading

import cv2
import numpy as np

from ..errors import BadSetting

WEIGHTS = pathlib.Path(__file__).with_name("face_detection_yunet_2023mar.onnx")

SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

MIN_SCORE = 0.9
"""YuNet's score, from 0 to 1. The faces of 25 photos scored 0.92 or more upright, and 0.91 at most when
turned, where YuNet's points are wrong."""

CENTRE_DOWN, SIDE_PER_HEIGHT, SIDE_PER_WIDTH = 0.55, 1.55, 0.75
"""dlib's square around a face, by YuNet's points: how far its centre lies from between the eyes towards the
mouth, and its side as a sum of the way to the mouth and the eyes' own distance. Fitted to 119 faces that
both found; dlib's landmarks from the two differ by 1.5 % of the distance between the eyes, as they do when
dlib's square is shifted by 3 % of its side."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


class YuNet:
    """RGB bytes of (height, width, 3) -> squares around faces, like those of dlib's detector."""

    def __init__(self):
        data = WEIGHTS.read_bytes() if WEIGHTS.is_file() else b""
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise BadSetting(
                f"{WEIGHTS} is not the file that came with facehub: restore it, "
                "or find faces with dlib (FACEHUB_FINDER=dlib)."
            )
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(
            cv2.utils.logging.LOG_LEVEL_ERROR
        )  # it would warn of a setting that this file does not make
        self._network = cv2.FaceDetectorYN.create(
            "onnx", np.frombuffer(data, np.uint8), np.empty(0, np.uint8), (320, 320), MIN_SCORE
        )
        cv2.utils.logging.setLogLevel(level)
        self._one_at_a_time = threading.Lock()

    def __call__(self, pixels: np.ndarray) -> list[Box]:
        with self._one_at_a_time:
            self._network.setInputSize((pixels.shape[1], pixels.shape[0]))
            found = self._network.detect(np.ascontiguousarray(pixels[..., ::-1]))[1]
        points = [] if found is None else [row[4:14].reshape(5, 2) for row in found]
        return [dlib_square(face) for face in points if is_upright(face)]


def is_upright(points: np.ndarray) -> bool:
    """Whether the mouth is below the eyes, within 45 degrees. dlib's landmarks need upright faces; Finder
    turns the photo for others."""
    right, down = points[3:].mean(0) - points[:2].mean(0)
    return bool(down > abs(right))


def dlib_square(points: np.ndarray) -> Box:
    """dlib's square from YuNet's points: two eyes, the nose, two corners of the mouth."""
    between_eyes, down = points[:2].mean(0), points[3:].mean(0) - points[:2].mean(0)
    side = SIDE_PER_HEIGHT * np.hypot(*down) + SIDE_PER_WIDTH * np.hypot(*(points[1] - points[0]))
    left, top = between_eyes + CENTRE_DOWN * down - side / 2
    return float(left), float(top), float(left + side), float(top + side)
