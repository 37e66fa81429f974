"""Slow, obvious twins of fast code."""

import numpy as np
import scipy.sparse
import scipy.sparse.linalg


def poisson_clone(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Equation 7 of Pérez et al., assembled pixel by pixel and solved directly. Arrays are (h, w, channels), the mask (h, w) of bool."""
    h, w = mask.shape
    number = -np.ones((h, w), dtype=int)
    inside = np.argwhere(mask)
    for index, (y, x) in enumerate(inside):
        number[y, x] = index
    matrix = scipy.sparse.lil_matrix((len(inside), len(inside)))
    right = np.zeros((len(inside), source.shape[2]))
    for index, (y, x) in enumerate(inside):
        for qy, qx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= qy < h and 0 <= qx < w:
                matrix[index, index] += 1
                right[index] += source[y, x] - source[qy, qx]
                if mask[qy, qx]:
                    matrix[index, number[qy, qx]] = -1
                else:
                    right[index] += target[qy, qx]
    result = target.copy()
    if len(inside):
        result[mask] = scipy.sparse.linalg.spsolve(matrix.tocsr(), right).reshape(-1, source.shape[2])
    return result
