"""What is cut out to be looked at."""

import torch

from facehub import image
from facehub.blending.masks import hull_masker
from facehub.detection.finder import Finder
from facehub.swapper import Swapper
from tests.facehub.test_swapper import Answer
from train.evaluation.contact_sheets import cut, large_faces


def test_rectangles_stay_in_the_picture_and_hold_the_point():
    picture = torch.arange(40 * 30).remainder(251).to(torch.uint8).view(1, 1, 40, 30).expand(1, 3, 40, 30)
    assert torch.equal(cut(picture, torch.tensor([15.0, 20.0]), (8, 10)), picture[:, :, 16:24, 10:20])
    assert torch.equal(cut(picture, torch.tensor([1.0, 39.0]), (8, 10)), picture[:, :, 32:40, 0:10])


def test_inputs_stand_beside_results():
    photo = image.read("demo/examples/astronaut.png").photo
    swapper = Swapper(Answer(lambda crop: 1 - crop), finder=Finder(), masker=hull_masker)
    for parts in (False, True):
        sheet = large_faces(swapper, [photo, photo], parts=parts, side=64)
        assert sheet.shape == (3, 64 + 28, 8 * 64)
        tiles = sheet[:, 28:].float().unflatten(2, (8, 64)).permute(2, 0, 1, 3)
        assert torch.equal(tiles[0], tiles[2]) and torch.equal(tiles[1], tiles[3])
        assert (tiles[0] - tiles[1]).abs().mean() > 1 and tiles[4:].min() == 255
