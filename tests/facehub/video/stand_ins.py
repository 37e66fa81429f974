"""What stands in for the network and the tracker of a film."""

import torch

from facehub.blending.alignment import reference_face
from facehub.networks.generator import Generator
from facehub.video.tracker import Track, Tracked

SIZE = (240, 320)


class Stripes(Generator):
    """Paints every face with a dark stripe that blending keeps."""

    def __init__(self):
        super().__init__(64)

    def forward(self, crop):
        painted = torch.full_like(crop, 0.9)
        painted[..., 28:36] = 0
        return painted


class Told:
    """Stands in for a tracker: a face of 100 px in each frame but those left out; a larger one joins from the
    frame `second` on."""

    def __init__(self, *, without=(), second: int = 10**6):
        self.without, self.second, self.index = without, second, -1

    def __call__(self, photo, seconds):
        self.index += 1
        if self.index in self.without:
            return Tracked((), False)
        tracks = (Track(0, reference_face() * 100 + torch.tensor([20.0, 60.0])),)
        if self.index >= self.second:
            tracks = (Track(1, reference_face() * 140 + torch.tensor([160.0, 50.0])), *tracks)
        return Tracked(tracks, False)
