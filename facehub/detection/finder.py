# pyright: reportAttributeAccessIssue=false, reportMissingModuleSource=false
"""Find faces and their 68 landmarks.

Detector: YuNet (yunet.py) or dlib's frontal HOG detector. Landmarks: dlib's 68-point predictor (Kazemi and
Sullivan, CVPR 2014), trained on iBUG 300-W, whose terms exclude commercial use; by dlib, or for photos on a
GPU by the same trees as tables (shape_predictor.py). The model files come with the package
`face_recognition_models`.
"""

import functools
import importlib.util
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..choices import FINDERS
from ..errors import BadSetting, FaceHubError
from ..types import Crops, Detections, Landmarks, Photos
from . import shape_predictor
from .pixels import as_pictures, interleaved, resized
from .yunet import YuNet, dlib_square

if TYPE_CHECKING:
    import dlib
else:
    try:
        import dlib
    except ImportError:  # a machine that only trains, from crops that were cut elsewhere
        dlib = None

Detector = Callable[[np.ndarray], list[tuple[float, float, float, float]]]
"""Bytes of (height, width, 3), RGB -> a square around each upright face: left, top, right, bottom."""


YUNET_RETRY_PX = 1280
"""Side of the larger copy for YuNet. On the smaller one it finds as many faces in groups as dlib does; at 640
px more than at 320 or 480."""

FIVE = (range(36, 42), range(42, 48), (30,), (48,), (54,))
"""Landmarks whose means are YuNet's five points: two eyes, the nose, two corners of the mouth."""

SHIFTS = ((0.0, 0.0), (0.03, 0.03), (-0.03, 0.03), (0.03, -0.03), (-0.03, -0.03))
"""Right and down, in units of a box's side: as far as boxes of one face differ (yunet.py)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Finder:
    """Photos -> faces, largest first within each photo. Another setting is another finder:
    `dataclasses.replace`.

    A photo is searched on a copy whose longer side is `search_px`. If that shows nothing, it is searched on a
    copy of `retry_px` (at most twice the photo's own size), and then turned by 90, 180 and 270 degrees.
    Landmarks are found at full detail. Raises FaceHubError when dlib or its model files are missing.
    """

    search_px: int = 640
    retry_px: int = 1600
    turn: bool = True
    """Whether to search turned copies too."""
    min_score: float = 0.12
    """dlib's score from which a box is a face. Over the test photos no false face scored above 0.08 and no
    true one below 0.18. Gray copies take three quarters of the time, but true faces score 0.09 less in
    them."""
    detector: Detector | None = None
    """Replaces dlib's detector; returns the same boxes."""
    fallback: "Finder | None" = None
    """The finder to try when this one finds nothing."""
    batched: bool | None = None
    """True: predict the landmarks of all faces at once, on the photos' device (ShapePredictor). False: by
    dlib, one after the other on the CPU. None: batched if the photos are on a GPU."""

    def __post_init__(self):
        _predictor()

    @functools.cached_property
    def _hog(self) -> "dlib.fhog_object_detector":
        """One per finder: it holds the picture that it works on."""
        return dlib.get_frontal_face_detector()

    def __call__(self, photos: Photos) -> Detections:
        """A photo without a face has no entry; whether that is an error is for the caller to decide."""
        return self.landmarks(photos, self.detect(photos))

    def detect(self, photos: Photos) -> "list[Detection]":
        """Find the boxes of faces, photo by photo, on the CPU."""
        return [
            Detection(index, turns, box)
            for index, pixels in enumerate(as_pictures(photos))
            for turns, box in self._search_turned(pixels)
        ]

    def landmarks(self, photos: Photos, faces: "list[Detection]") -> Detections:
        """Predict the landmarks of detected faces."""
        photo = torch.tensor([face.photo for face in faces], dtype=torch.long, device=photos.device)
        if not faces:
            return Detections(landmarks=torch.empty(0, 68, 2, device=photos.device), photo=photo)
        together = photos.is_cuda if self.batched is None else self.batched
        return Detections(
            landmarks=_landmarks_by_trees(photos, faces)
            if together
            else self._landmarks_by_dlib(photos, faces),
            photo=photo,
        )

    def landmarks_near(self, crops: Crops, landmarks: Landmarks) -> Landmarks:
        """Predict the landmarks of upright crops, (faces, 68, 2) in their pixels, from where they were in
        another picture of the same face: what a network painted, from its input.

        The mean over `SHIFTS` of the box: one box's landmarks tremble with the noise of a film's frames.
        """
        five = torch.stack([landmarks[:, list(part)].mean(1) for part in FIVE], 1).cpu().numpy()
        faces = []
        for i, points in enumerate(five):
            left, top, right, bottom = dlib_square(points)
            for x, y in (right - left) * np.array(SHIFTS):
                faces.append(Detection(i, 0, dlib.drectangle(left + x, top + y, right + x, bottom + y)))
        found = self.landmarks((crops.clamp(0, 1) * 255).round().to(torch.uint8), faces).landmarks
        return found.view(len(crops), len(SHIFTS), 68, 2).mean(1)

    def _landmarks_by_dlib(self, photos: Photos, faces: "list[Detection]") -> Landmarks:
        pictures = as_pictures(photos)
        points = np.stack(
            [self.predict(np.rot90(pictures[face.photo], face.turns), face.box) for face in faces]
        )
        turns = torch.tensor([face.turns for face in faces])
        return (
            shape_predictor.turn_back(torch.from_numpy(points), turns, photos.shape[-2:])
            .float()
            .to(photos.device)
        )

    def landmarks_in_box(self, window: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
        """The (68, 2) landmarks of the face in a box (left, top, right, bottom) of an upright window,
        (height, width, 3) bytes."""
        return np.array(
            [(p.x, p.y) for p in _predictor()(window, dlib.rectangle(*box)).parts()], dtype=np.float64
        )

    def hog_score(self, window: np.ndarray, *, min_score: float = -1.0) -> float:
        """dlib's score of the best face of 80 px or more in a window of (height, width, 3) bytes; `min_score`
        where none has more."""
        _, scores, _ = self._hog.run(window, 0, min_score)
        return max(scores, default=min_score)

    def _search_turned(self, pixels: np.ndarray) -> "list[tuple[int, dlib.drectangle]]":
        """Boxes, each with the quarter turns of the photo in which it was found."""
        copies: dict[float, np.ndarray] = {}
        for turns in range(4) if self.turn else (0,):
            if boxes := self.boxes(pixels, turns, copies):
                return [(turns, box) for box in boxes]
        return self.fallback._search_turned(pixels) if self.fallback else []

    def boxes(
        self, pixels: np.ndarray, turns: int = 0, copies: "dict[float, np.ndarray] | None" = None
    ) -> "list[dlib.drectangle]":
        """Boxes, the largest first, in the coordinates of the pixels after `turns` quarter turns. `copies`:
        cache of smaller copies for the next turn."""
        copies = {} if copies is None else copies
        detector, longer = self.detector or self._detect_by_hog, max(pixels.shape[:2])
        scales = [min(1.0, self.search_px / longer)]
        again = min(2.0, self.retry_px / longer)
        for scale in scales + [again] * (again > scales[0]):
            if scale not in copies:
                copies[scale] = resized(pixels, scale)
            if boxes := detector(np.ascontiguousarray(np.rot90(copies[scale], turns))):
                return sorted(
                    (dlib.drectangle(*(edge / scale for edge in box)) for box in boxes),
                    key=lambda b: -b.area(),
                )
        return []

    def _detect_by_hog(self, pixels: np.ndarray) -> list[tuple[float, float, float, float]]:
        return [
            (float(b.left()), float(b.top()), float(b.right()), float(b.bottom()))
            for b in self._hog.run(pixels, 0, self.min_score)[0]
        ]

    def predict(self, pixels: np.ndarray, box: "dlib.drectangle") -> np.ndarray:
        """The (68, 2) landmarks. dlib copies its input, so it only gets the face's surroundings."""
        (left, top, right, bottom), (x, y, end, floor) = _surroundings(box, pixels.shape[:2])
        shape = _predictor()(
            interleaved(pixels[y : floor + 1, x : end + 1]),
            dlib.rectangle(left - x, top - y, right - x, bottom - y),
        )
        return np.array([(p.x + x, p.y + y) for p in shape.parts()], dtype=np.float64)


class Detection(NamedTuple):
    """A face without landmarks: the photo, the quarter turns that make it upright, and the box in the turned
    photo."""

    photo: int
    turns: int
    box: "dlib.drectangle"


def _surroundings(
    box: "dlib.drectangle", size: tuple[int, int]
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """The box and its surroundings in a photo of this (height, width), in whole pixels, the last included."""
    margin = box.width() / 2
    x, y = max(0, int(box.left() - margin)), max(0, int(box.top() - margin))
    end, floor = min(size[1], int(box.right() + margin)) - 1, min(size[0], int(box.bottom() + margin)) - 1
    whole = (
        round(box.left() - x) + x,
        round(box.top() - y) + y,
        round(box.right() - x) + x,
        round(box.bottom() - y) + y,
    )
    return whole, (x, y, end, floor)


def _landmarks_by_trees(photos: Photos, faces: list[Detection]) -> Landmarks:
    height, width = photos.shape[-2:]
    around = [
        _surroundings(face.box, (width, height) if face.turns % 2 else (height, width)) for face in faces
    ]
    boxes = shape_predictor.UprightBoxes(
        photo=torch.tensor([face.photo for face in faces], device=photos.device),
        turns=torch.tensor([face.turns for face in faces], device=photos.device),
        box=torch.tensor([whole for whole, _ in around], device=photos.device),
        surroundings=torch.tensor([within for _, within in around], device=photos.device),
    )
    return shape_predictor.shape_predictor(model_file(shape_predictor.FILE), str(photos.device))(
        photos, boxes
    )


def finder_by_name(name: str = "yunet", *, turn: bool = True) -> Finder:
    """ "yunet", with dlib's detector where YuNet finds nothing, or "dlib" alone: half as fast, and blind to
    faces that are turned away.

    Raises BadSetting for another name.
    """
    if name not in FINDERS:
        raise BadSetting(f'No finder is called "{name[:60]}": use {" or ".join(FINDERS)}.')
    plain = Finder(turn=turn)
    return (
        Finder(turn=turn, retry_px=YUNET_RETRY_PX, detector=YuNet(), fallback=plain)
        if name == "yunet"
        else plain
    )


@functools.cache
def _predictor() -> "dlib.shape_predictor":
    """One for all finders: it takes 100 MB and holds no state, and each session's tracker has its own
    finders."""
    need_dlib()
    return dlib.shape_predictor(str(model_file(shape_predictor.FILE)))


def need_dlib() -> None:
    if dlib is None:
        raise FaceHubError(
            "dlib is missing, so no face can be found here: install it with `pip install dlib-bin`."
        )


def model_file(name: str) -> pathlib.Path:
    """The path of a model. Its package is not imported, because that needs `pkg_resources`, which new Pythons
    lack."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise FaceHubError(
            "The face models are missing: install them with `pip install face_recognition_models`."
        )
    return pathlib.Path(spec.origin).parent / "models" / name


def box(points: Landmarks) -> Float[Tensor, "faces 4"]:
    """The landmarks' bounding boxes: left, top, right, bottom in photo pixels."""
    return torch.cat([points.amin(1), points.amax(1)], dim=1)
