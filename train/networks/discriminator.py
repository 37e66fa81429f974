"""What tells painted faces from photographed ones.

The face is judged by its VGG-19 features (Sauer et al. 2021, Projected GANs, https://arxiv.org/abs/2111.01007):
a network that already sees edges, hair and eyes can tell in some dozen steps, where one that begins from
pixels had not learned anything in a thousand. Patches of larger faces are judged by a patch discriminator
(Isola et al., CVPR 2017, https://arxiv.org/abs/1611.07004) that sees a multiple of the luma's high-pass.
Both have spectral normalisation (Miyato et al., ICLR 2018) and the hinge loss (Lim and Ye 2017).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from facehub.blending.filters import luma

FEATURES = {"relu1_2": (64, 2), "relu2_2": (128, 1), "relu3_2": (256, 0)}
"""VGG-19's layers that a `FeatureDiscriminator` sees: their channels, and how often each is halved until all
have the last one's size."""

VERDICT_GAIN = 3.0
"""By how much its verdicts are multiplied: spectral normalisation leaves them small, and the hinge out of
reach."""

HIGH_PASS_GAIN = 6.0
"""By how much the high-pass is multiplied. With 16, and verdicts that reach the hinge in few steps, the
generator answers with combs and grids in place of hair and lips."""


class PatchDiscriminator(nn.Module):
    """Pictures in [0, 1] -> one verdict for each place, positive for photographed. Sees the luma's high-pass
    alone: the colours of patches are another's."""

    def __init__(self, channels: int = 32):
        super().__init__()
        norm = nn.utils.spectral_norm
        steps = ((1, channels, 4, 2), (channels, 2 * channels, 4, 2), (2 * channels, 3 * channels, 3, 1))
        layers: list[nn.Module] = []
        for entering, leaving, side, stride in steps:
            layers += [norm(nn.Conv2d(entering, leaving, side, stride, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, norm(nn.Conv2d(3 * channels, 1, 3, 1, 1)))

    def forward(self, picture: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1 y x"]:
        return self.layers(HIGH_PASS_GAIN * high_pass(luma(picture)))


class FeatureDiscriminator(nn.Module):
    """VGG-19's features of pictures -> one verdict for each place and layer, positive for photographed."""

    def __init__(self, channels: int = 48):
        super().__init__()
        norm = nn.utils.spectral_norm
        self.heads = nn.ModuleDict()
        for name, (entering, halvings) in FEATURES.items():
            layers: list[nn.Module] = [norm(nn.Conv2d(entering, channels, 1)), nn.LeakyReLU(0.2)]
            for _ in range(halvings):
                layers += [norm(nn.Conv2d(channels, channels, 4, 2, 1)), nn.LeakyReLU(0.2)]
            self.heads[name] = nn.Sequential(*layers, norm(nn.Conv2d(channels, 1, 3, 1, 1)))

    def forward(self, found: dict[str, Tensor]) -> Float[Tensor, "n layers y x"]:
        return VERDICT_GAIN * torch.cat([head(found[name]) for name, head in self.heads.items()], 1)


def high_pass(picture: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """The picture less its 5 x 5 mean."""
    return picture - F.avg_pool2d(F.pad(picture, (2, 2, 2, 2), mode="replicate"), 5, 1)


def mean_inside(verdict: Float[Tensor, "n k y x"], mask: Float[Tensor, "n 1 h w"]) -> Float[Tensor, ""]:
    """The mean of what lies in the masks of all faces."""
    weight = F.adaptive_avg_pool2d(mask.float(), (verdict.shape[-2], verdict.shape[-1]))
    return (verdict.float().mean(1, keepdim=True) * weight).sum() / weight.sum().clamp(min=1)


def hinge(
    real: Float[Tensor, "n k y x"],
    made: Float[Tensor, "m k y x"],
    real_mask: Float[Tensor, "n 1 h w"],
    made_mask: Float[Tensor, "m 1 h w"],
) -> Float[Tensor, ""]:
    """The discriminator's own loss: 2 when it cannot tell, 0 when it is sure."""
    sure_of_real, sure_of_made = F.relu(1 - real.float()), F.relu(1 + made.float())
    return mean_inside(sure_of_real, real_mask) + mean_inside(sure_of_made, made_mask)
