"""The paper's losses against twins that read as the equations, one position at a time."""

import numpy as np
import torch

from train import losses


def features(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_content_is_equation_1():
    a, b = features(2, 5, 4, 3), features(2, 5, 4, 3, seed=1)
    expected = [
        sum((x - y) ** 2 for x, y in zip(p.flatten(), q.flatten(), strict=True)) / p.numel()
        for p, q in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(losses.content(a, b).numpy(), expected)


def test_style_takes_the_best_photo_at_each_position():
    """Equations 3 to 5 with k = 1: a loop over faces, positions and style photos."""
    output, best = features(2, 6, 3, 4), features(2, 5, 6, 3, 4, seed=1)
    expected = []
    for face in range(2):
        distances = []
        for y in range(3):
            for x in range(4):
                o = output[face, :, y, x].numpy()
                cosines = [
                    s @ o / np.linalg.norm(s) / np.linalg.norm(o) for s in best[face, :, :, y, x].numpy()
                ]
                distances.append(1 - max(cosines))
        expected.append(np.mean(distances))
    np.testing.assert_allclose(losses.style(output, best).numpy(), expected)


def test_style_of_a_style_photo_is_zero_and_a_shifted_one_is_not():
    best = features(1, 3, 6, 5, 5)
    assert losses.style(best[:, 1], best).item() < 1e-12
    assert losses.style(best[:, 1].roll(1, -1), best).item() > 1e-3


def test_landmarks_are_measured_in_eye_distances():
    """Every point moved by 3 and 4 px, the eyes' centres 10 px apart: half an eye distance."""
    photo = 100 * features(2, 68, 2)
    photo[:, 36:42], photo[:, 42:48] = torch.tensor([40.0, 50.0]), torch.tensor([46.0, 58.0])
    np.testing.assert_allclose(losses.landmarks(photo + torch.tensor([3.0, -4.0]), photo).numpy(), [0.5, 0.5])


def test_total_variation_is_equation_7():
    output = features(2, 3, 4, 5)
    o = output.numpy()
    for face in range(2):
        across = np.mean(
            [
                (o[face, c, y, x + 1] - o[face, c, y, x]) ** 2
                for c in range(3)
                for y in range(4)
                for x in range(4)
            ]
        )
        down = np.mean(
            [
                (o[face, c, y + 1, x] - o[face, c, y, x]) ** 2
                for c in range(3)
                for y in range(3)
                for x in range(5)
            ]
        )
        np.testing.assert_allclose(losses.total_variation(output)[face], across + down)


def test_nearest_poses_are_the_nearest():
    bank, face = features(9, 68, 2), features(2, 68, 2, seed=1)
    distance = ((face[:, None] - bank[None]) ** 2).sum((2, 3))
    assert torch.equal(losses.nearest_poses(face, bank, 4), distance.argsort(1)[:, :4])


def test_light_is_equation_6():
    a, b = features(2, 7), features(2, 7, seed=1)
    expected = [
        sum((x - y) ** 2 for x, y in zip(p, q, strict=True)) / 7
        for p, q in zip(a.tolist(), b.tolist(), strict=True)
    ]
    np.testing.assert_allclose(losses.light(a, b), expected)


def test_identity_wants_the_identity_and_not_the_input_person():
    """The identity itself costs nothing, the input person both terms, a stranger at right angles to both
    the first alone."""
    wanted, photo, stranger = torch.eye(3)
    output = torch.stack([wanted, photo, stranger])
    np.testing.assert_allclose(
        losses.identity(output, photo.expand(3, 3), wanted, stranger=0.1), [0, 1.9, 1], atol=1e-6
    )


def test_losses_have_gradients():
    output, other, best = features(1, 3, 4, 4), features(1, 3, 4, 4, seed=1), features(1, 2, 3, 4, 4, seed=2)
    output.requires_grad_()
    for loss in (lambda o: losses.content(o, other), lambda o: losses.style(o, best), losses.total_variation):
        assert torch.autograd.gradcheck(loss, (output,))
