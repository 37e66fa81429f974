"""Where a face is now that was seen a frame ago: moved along by optical flow, then looked at again in a small upright window.

The window is cut about the face, turned and scaled with it, so that the landmark network always sees the face in the same place and size: found
anew in every frame, landmarks shake with the detector's coarse boxes. Flow: Lucas and Kanade in a pyramid (Bouguet, 2000), there and back, on the
inner landmarks; of what they say only the affine motion of the whole face is kept. Besides faces.py the only place where pixels come last.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .faces import Finder
from .geometry import fit_affine, move

Frame = UInt8[Tensor, "3 height width"]
Points = Float[Tensor, "68 2"]

BOX, BOX_DOWN = 2.84, -0.12
"""Side of dlib's box and how far its centre lies below that of the landmarks, in units of their spread: the mean over 140 photos."""

LOOK_PX, LOOK_MARGIN = 180, 60
"""Side of the box in the window that landmarks are read from, and what there is around it."""

FLOW_PX, FLOW_MARGIN = 110, 45
"""The same of the window that flow is measured in: the margin is how far a face may get in one frame."""

INNER = 17
"""The landmarks from this one on lie within the face; those before it on its outline, where flow follows the background."""

STRAY_PX, STRAY, LEAST_POINTS = 1.0, 2.5, 12
"""A point counts that comes back to within so many px and strays from the others no more than this many times the usual; so many must."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a face in one frame."""

    landmarks: Points
    """In the frame's pixels."""
    score: float
    """The detector's: above 0 it is a face, below -0.5 hardly."""


class Follower:
    """Follows single faces through frames of one size. Holds no state."""

    def __init__(self, finder: Finder):
        self._finder = finder

    def moved(self, before: Frame, now: Frame, landmarks: Points) -> Points | None:
        """Landmarks of the frame before, taken to this one by the face's motion; None where that cannot be told."""
        window_from_frame = upright(landmarks, FLOW_PX, FLOW_MARGIN)
        earlier, later = (cv2.cvtColor(_window(frame, window_from_frame, FLOW_PX + 2 * FLOW_MARGIN), cv2.COLOR_RGB2GRAY) for frame in (before, now))
        start = move(window_from_frame[None], landmarks.double()[None])[0]
        points = start.numpy().astype(np.float32)[INNER:, None]
        ended, there, _ = cv2.calcOpticalFlowPyrLK(earlier, later, points, None, winSize=(15, 15), maxLevel=3)  # pyright: ignore
        returned, back, _ = cv2.calcOpticalFlowPyrLK(later, earlier, ended, None, winSize=(15, 15), maxLevel=3)  # pyright: ignore
        good = (there[:, 0] > 0) & (back[:, 0] > 0) & (np.linalg.norm(returned - points, axis=2)[:, 0] < STRAY_PX)
        source, target = start[INNER:], torch.from_numpy(ended[:, 0]).double()
        for _ in range(2):  # the second time without those that stray
            if good.sum() < LEAST_POINTS:
                return None
            now_from_before = fit_affine(source[good][None], target[good][None])
            stray = (move(now_from_before, source[None])[0] - target).norm(dim=1).numpy()
            good = good & (stray <= max(STRAY_PX, STRAY * float(np.median(stray[good]))))
        return _out(window_from_frame, move(now_from_before, start[None])[0]).to(landmarks)

    def look(self, now: Frame, landmarks: Points) -> Look:
        """The face that is about where these landmarks are."""
        side = LOOK_PX + 2 * LOOK_MARGIN
        window_from_frame = upright(landmarks, LOOK_PX, LOOK_MARGIN)
        window = _window(now, window_from_frame, side)
        seen = self._finder.look(window, (LOOK_MARGIN, LOOK_MARGIN, side - LOOK_MARGIN, side - LOOK_MARGIN))
        score = self._finder.score(cv2.resize(window, (side // 2, side // 2), interpolation=cv2.INTER_AREA))
        return Look(_out(window_from_frame, torch.from_numpy(seen)).to(landmarks), score)


def spread(landmarks: Points) -> float:
    """Root mean square distance of the landmarks from their centre, in pixels: the size of a face, whatever its expression."""
    return float((landmarks - landmarks.mean(0)).square().sum(1).mean().sqrt())


def upright(landmarks: Points, box_px: int, margin_px: int) -> Float[Tensor, "2 3"]:
    """`window_from_frame`: brings the face's eyes level, and dlib's box for it to `box_px`, with a margin around it."""
    points = landmarks.double()
    along = points[42:48].mean(0) - points[36:42].mean(0)
    along = along / along.norm().clamp_min(1e-6)
    down = torch.stack([-along[1], along[0]])
    size = max(spread(points), 1e-3)
    linear = torch.stack([along, down]) * (box_px / (BOX * size))
    centre = points.mean(0) + down * (BOX_DOWN * size)
    middle = torch.full((2,), box_px / 2 + margin_px, dtype=points.dtype)
    return torch.cat([linear, (middle - linear @ centre)[:, None]], dim=1)


def _out(window_from_frame: Float[Tensor, "2 3"], points: Float[Tensor, "points 2"]) -> Float[Tensor, "points 2"]:
    """Points of the window in the frame's pixels."""
    linear, shift = window_from_frame[:, :2], window_from_frame[:, 2]
    return torch.linalg.solve(linear, (points - shift).mT).mT


def _window(frame: Frame, window_from_frame: Float[Tensor, "2 3"], side: int) -> np.ndarray:
    """(side, side, 3) bytes; beyond the frame's edge its nearest pixel."""
    pixels = np.ascontiguousarray(frame.permute(1, 2, 0).cpu().numpy())
    return cv2.warpAffine(pixels, window_from_frame.numpy(), (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
