"""Slow, obvious twins of fast code."""

import numpy as np
import scipy.sparse
import scipy.sparse.linalg


def poisson_clone(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Assemble equation 7 of Pérez et al. pixel by pixel and solve it directly.

    Arrays are (h, w, channels), the mask is (h, w) of bool.
    """
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


def gauss_seidel(u: np.ndarray, right: np.ndarray, inverse: np.ndarray, colour: int) -> None:
    """Half a Gauss-Seidel step, pixel by pixel, in place: u = inverse * (right + the sum of its neighbours).

    Arrays are (h, w). Colour 0, red: pixels whose row + column is even; colour 1, black: the others.
    """
    h, w = u.shape
    for y in range(h):
        for x in range(w):
            if (y + x) % 2 != colour:
                continue
            neighbours = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            total = sum(u[q] for q in neighbours if 0 <= q[0] < h and 0 <= q[1] < w)
            u[y, x] = inverse[y, x] * (right[y, x] + total)


def add_interpolated(u: np.ndarray, coarse: np.ndarray, unknown: np.ndarray) -> None:
    """Add to each unknown black pixel the mean of the two coarse pixels that it lies between, in place.

    Coarse pixel (i, j) is fine pixel (2 i, 2 j): a black pixel of an even row lies between two columns of it,
    one of an odd row between two rows.
    """
    h, w = u.shape
    for y in range(h):
        for x in range(w):
            if (y + x) % 2 == 1 and unknown[y, x]:
                first = coarse[y // 2, x // 2]
                second = coarse[y // 2, x // 2 + 1] if y % 2 == 0 else coarse[y // 2 + 1, x // 2]
                u[y, x] += (first + second) / 2
