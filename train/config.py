"""Every number of a training run: the command line, the saved record and the card are made from this one
place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the paper states stands in brackets (sections 3.2 and 4.1)."""

    seed: int = 0
    size: int = 128
    """Side of the crop in pixels."""
    alpha: float = 15.0
    """Weight of the style loss [20 at 128 px, ramped from 0]."""
    gamma: float = 20.0
    """Weight of the total variation, averaged over pixels [0.3, on an unstated scale]."""
    identity: float = 5.0
    """Weight of the face network's identity loss in the last stage, where its file is given (not in the
    paper)."""
    styles: int = 16
    """N_best: style photos compared with each content photo [16]."""
    batch: int = 16
    """Faces a step [16]."""
    rate: float = 1e-3
    """Adam's learning rate at the start [1e-3]."""
    fine_rate: float = 5e-4
    """The same, when training goes on from imitation."""
    last_rate: float = 1e-4
    """Adam's learning rate at the end [1e-4]."""

    target_faces: int = 704
    """Content faces whose pixels are optimised under the losses; the network first learns to do the same at
    once (not in the paper)."""
    target_steps: int = 60
    """Adam steps an optimised face."""
    target_rate: float = 0.03
    """Adam's learning rate on pixels, decaying to a tenth."""
    target_alpha: float = 40.0
    """Weight of the style loss while pixels are optimised."""
    coarse_steps: int = 3000
    """Steps on the optimised faces at half the size, with the network's last resolution left out (not in
    the paper)."""
    fine_steps: int = 900
    """Steps on the optimised faces at full size (not in the paper)."""
    steps: int = 240
    """Further steps that take turns between the losses themselves and imitation [10,000, losses alone]."""
    turns: int = 2
    """In the last stage, each step with this number in turn follows the losses and the others imitate; 1:
    the losses alone [1]."""
    ramp: float = 0.0
    """Share of the last stage over which the style weight grows from 0; 0: it is whole from the start
    [ramped]."""
    light: float = 5.0
    """Weight of the light loss in the last stage [1e-22 on the paper's own scale]."""
    landmarks: float = 40.0
    """Weight of the landmark loss in the last stage (not in the paper)."""
    average: float = 0.998
    """Decay of the moving average of the weights, which is what ships (not in the paper)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig:
    """Every number of `python -m train.sharpen`; none of it is in the paper."""

    seed: int = 0
    size: int = 256
    """Side of the crop in pixels."""
    times: int = 2
    """How many times the side of the base's crop that is: 2 (double2) or 4 (subpixel2)."""
    batch: int = 4
    """Faces a step."""
    steps: int = 900
    """Steps in all."""
    decay_from: float = 0.6
    """Share of the steps after which the rates fall, to a twelfth at the end."""
    head_rate: float = 8e-4
    """Adam's learning rate for the sub-pixel head."""
    base_rate: float = 1.5e-4
    """The same for the 128 px network."""
    judge_rate: float = 1.5e-3
    """The same for the discriminators."""
    average: float = 0.99
    """Decay of the moving average of the weights, which is what ships: a longer one averages detail away."""
    warm_up: int = 40
    """Steps before the discriminators and the identity loss count."""

    target_share: float = 0.6
    """Pairs with the identity's face in a stranger's photo."""
    return_share: float = 0.15
    """Pairs with a stranger's face in the identity's photo; the rest are strangers as they are."""
    sharp_px: float = 185.0
    """Width of the jaw from which on a photo is sharp: detail at 512 px is learned from these."""

    pixels: float = 4.0
    """Weight of the absolute difference in the face's box; in eyes and mouth it counts up to 2.5 times."""
    chroma: float = 4.0
    """Weight of the same for colour less luma."""
    low: float = 12.0
    """Weight of the difference of means over 8 px."""
    tone: float = 16.0
    """Weight of the skin tone's difference to the input where there is no target."""
    lattice: float = 20.0
    """Weight of what alternates from pixel to pixel in step, over 8 x 8 pixels."""
    features: float = 1.0
    """Weight of VGG-19's relu1_2, relu2_2 and relu3_2."""
    landmarks: float = 12.0
    """Weight of the landmarks' movement."""
    likeness: float = 4.0
    """Weight of 1 - cosine to the identity, by SFace."""
    left: float = 3.0
    """Weight of the cosine to the input person above 0.1, by SFace."""
    adversarial: float = 0.5
    """Weight of the discriminator's verdict on the face's box."""
    fine: float = 3.0
    """Weight of the absolute difference in patches at full size, where the target is sharp."""
    fine_features: float = 1.0
    """Weight of VGG-19's relu1_2 and relu2_2 there."""
    fine_adversarial: float = 0.15
    """Weight of the discriminator's verdict on patches at full size."""
