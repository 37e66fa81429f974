"""Follow a face from one frame to the next: by optical flow, then by landmarks in a small upright window.

The window is cut around the face, turned and scaled with it, so that the landmark predictor always gets the
face at the same place and size. Detected anew in every frame, landmarks would shake with the detector's
coarse boxes. Flow: pyramidal Lucas-Kanade (Bouguet, 2000), forward and backward, on the inner landmarks; only
the affine motion of the whole face is kept.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..detection.finder import Finder
from ..detection.pixels import interleaved
from ..geometry import fit_affine, transform_points

Frame = UInt8[Tensor, "3 height width"]
Points = Float[Tensor, "68 2"]

BOX_SIDE, BOX_OFFSET_DOWN = 2.84, -0.12
"""Side of dlib's box and how far its centre lies below that of the landmarks, in units of their spread: the
mean over 140 photos."""

OBSERVE_BOX_PX, OBSERVE_MARGIN_PX = 180, 60
"""Side of the box in the window that landmarks are read from, and what there is around it."""

FLOW_BOX_PX, FLOW_MARGIN_PX = 110, 45
"""The same of the window that flow is measured in: the margin is how far a face may get in one frame."""

FIRST_INNER_LANDMARK = 17
"""The landmarks from this one on lie within the face; those before it on its outline, where flow follows the
background."""

MAX_STRAY_PX, MAX_STRAY_RATIO, MIN_POINTS = 1.0, 2.5, 12
"""A point counts that comes back to within so many px and strays from the others no more than this many times
the usual; so many must."""


LUCAS_KANADE = {"winSize": (15, 15), "maxLevel": 3}
"""Window in pixels and coarsest pyramid level of the flow."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A face observed in one frame."""

    landmarks: Points
    """In the frame's pixels."""
    score: float
    """The detector's score: above 0 a face, below -0.5 hardly one."""


class FlowTracker:
    """Follows single faces through frames of one size. Keeps no state."""

    def __init__(self, finder: Finder):
        self._finder = finder

    def flow_landmarks(self, before: Frame, now: Frame, landmarks: Points) -> Points | None:
        """Move the landmarks of the frame before by the face's motion; None if the motion cannot be
        estimated."""
        window_from_frame = window_matrix(landmarks, FLOW_BOX_PX, FLOW_MARGIN_PX)
        earlier, later = (
            cv2.cvtColor(
                _cut_window(frame, window_from_frame, FLOW_BOX_PX + 2 * FLOW_MARGIN_PX), cv2.COLOR_RGB2GRAY
            )
            for frame in (before, now)
        )
        start = transform_points(window_from_frame[None], landmarks.double()[None])[0]
        points = start.numpy().astype(np.float32)[FIRST_INNER_LANDMARK:, None]
        ended, there, _ = cv2.calcOpticalFlowPyrLK(earlier, later, points, None, **LUCAS_KANADE)  # pyright: ignore
        returned, back, _ = cv2.calcOpticalFlowPyrLK(later, earlier, ended, None, **LUCAS_KANADE)  # pyright: ignore
        good = (
            (there[:, 0] > 0)
            & (back[:, 0] > 0)
            & (np.linalg.norm(returned - points, axis=2)[:, 0] < MAX_STRAY_PX)
        )
        source, target = start[FIRST_INNER_LANDMARK:], torch.from_numpy(ended[:, 0]).double()
        for _ in range(2):  # the second time without those that stray
            if good.sum() < MIN_POINTS:
                return None
            now_from_before = fit_affine(source[good][None], target[good][None])
            stray = (transform_points(now_from_before, source[None])[0] - target).norm(dim=1).numpy()
            good = good & (stray <= max(MAX_STRAY_PX, MAX_STRAY_RATIO * float(np.median(stray[good]))))
        return _points_in_frame(window_from_frame, transform_points(now_from_before, start[None])[0]).to(
            landmarks
        )

    def observe(self, now: Frame, landmarks: Points) -> Observation:
        """Observe the face near these landmarks."""
        side = OBSERVE_BOX_PX + 2 * OBSERVE_MARGIN_PX
        window_from_frame = window_matrix(landmarks, OBSERVE_BOX_PX, OBSERVE_MARGIN_PX)
        window = _cut_window(now, window_from_frame, side)
        seen = self._finder.landmarks_in_box(
            window, (OBSERVE_MARGIN_PX, OBSERVE_MARGIN_PX, side - OBSERVE_MARGIN_PX, side - OBSERVE_MARGIN_PX)
        )
        score = self._finder.hog_score(
            cv2.resize(window, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
        )
        return Observation(_points_in_frame(window_from_frame, torch.from_numpy(seen)).to(landmarks), score)


def rms_radius(landmarks: Points) -> float:
    """Root mean square distance of the landmarks from their centre, in pixels: the size of a face in any
    expression."""
    return float((landmarks - landmarks.mean(0)).square().sum(1).mean().sqrt())


def window_matrix(landmarks: Points, box_px: int, margin_px: int) -> Float[Tensor, "2 3"]:
    """`window_from_frame`: brings the face's eyes level, and dlib's box for it to `box_px`, with a margin
    around it."""
    points = landmarks.double()
    along = points[42:48].mean(0) - points[36:42].mean(0)
    along = along / along.norm().clamp_min(1e-6)
    down = torch.stack([-along[1], along[0]])
    size = max(rms_radius(points), 1e-3)
    linear = torch.stack([along, down]) * (box_px / (BOX_SIDE * size))
    centre = points.mean(0) + down * (BOX_OFFSET_DOWN * size)
    middle = torch.full((2,), box_px / 2 + margin_px, dtype=points.dtype)
    return torch.cat([linear, (middle - linear @ centre)[:, None]], dim=1)


def _points_in_frame(
    window_from_frame: Float[Tensor, "2 3"], points: Float[Tensor, "points 2"]
) -> Float[Tensor, "points 2"]:
    """Points of the window in the frame's pixels."""
    linear, shift = window_from_frame[:, :2], window_from_frame[:, 2]
    return torch.linalg.solve(linear, (points - shift).mT).mT


def _cut_window(frame: Frame, window_from_frame: Float[Tensor, "2 3"], side: int) -> np.ndarray:
    """(side, side, 3) bytes; beyond the frame's edge its nearest pixel."""
    return cv2.warpAffine(
        interleaved(frame.permute(1, 2, 0).cpu().numpy()),
        window_from_frame.numpy(),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
