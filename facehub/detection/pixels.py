"""Photos as OpenCV and dlib want them: bytes of (height, width, 3)."""

import cv2
import numpy as np

from ..types import Photos


def resized(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Resize plane by plane, as photos lie in memory: by halves, which OpenCV does ten times faster, and the
    rest linearly."""
    height, width = pixels.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    planes = _planes(pixels)
    while scale <= 1 / 2 and min(planes[0].shape) > 1:
        half = (planes[0].shape[1] // 2, planes[0].shape[0] // 2)
        planes = [
            cv2.resize(plane[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA)
            for plane in planes
        ]
        scale *= 2
    return cv2.merge(
        [
            cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) if plane.shape[::-1] != size else plane
            for plane in planes
        ]
    )


def interleaved(pixels: np.ndarray) -> np.ndarray:
    """Pixels with their colours together, as dlib and OpenCV read them: those of a film's frame as they are;
    in a photo whole planes follow each other, which OpenCV brings together sooner than NumPy."""
    return pixels if pixels.flags.c_contiguous else cv2.merge(_planes(pixels))


def as_pictures(photos: Photos) -> np.ndarray:
    """(photos, height, width, 3), as OpenCV and dlib need; on the CPU a view of the photos."""
    return photos.permute(0, 2, 3, 1).cpu().numpy()


def _planes(pixels: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(pixels[..., channel]) for channel in range(3)]
