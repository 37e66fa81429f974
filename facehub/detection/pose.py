"""How far a face is turned, from its landmarks alone."""

from jaxtyping import Float
from torch import Tensor

YAW_AT_JAW_DEG = 44.0
"""Yaw of a face whose nose tip lies over one end of the jaw. Fitted to FSA-Net (Yang et al., CVPR 2019) on
622 aligned faces of LFW: the two correlate by 0.97 and differ by 2.4 degrees on average, by 5.5 beyond 30
degrees. Profiles are underestimated: dlib's far jaw is a guess there."""

PROFILE_DEG = 27.0
"""Beyond this, landmarks of the far cheek can lie beside the face: 2 of 100 faces of LFW."""


def yaw_deg(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, " faces"]:
    """Degrees about the upright axis, 0 for a face that looks at the camera, positive when it looks to the
    picture's left.

    From how the nose's tip divides the way between the two ends of the jaw; `landmarks` in the pixels of a
    crop, where the eyes are level.
    """
    nose, left, right = landmarks[:, 30, 0], landmarks[:, 0:3, 0].mean(1), landmarks[:, 14:17, 0].mean(1)
    return YAW_AT_JAW_DEG * ((right - nose) - (nose - left)) / (right - left).clamp(min=1e-6)


def profile_share(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, " faces"]:
    """0 for a face that looks at the camera, rising to 1 for one in profile."""
    return ((yaw_deg(landmarks).abs() - PROFILE_DEG) / (YAW_AT_JAW_DEG - PROFILE_DEG)).clamp(0, 1)


def pose_notes(landmarks: Float[Tensor, "faces 68 2"]) -> list[str]:
    """For each face a sentence when it is turned too far for a good swap, else nothing."""
    yaw = yaw_deg(landmarks).tolist()
    sentence = (
        "This face is turned by {:.0f} degrees or more, which a swap follows only partly: "
        "a photo from nearer the front gives a better one."
    )
    return [sentence.format(abs(degrees)) if abs(degrees) >= PROFILE_DEG else "" for degrees in yaw]
