"""Every number of a training run: the command line, the saved record and the card are made from this one place."""

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
    """Weight of the face network's identity loss in the last stage, where its file is given (not in the paper)."""
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
    """Content faces whose pixels are optimised under the losses; the network first learns to do the same at once (not in the paper)."""
    target_steps: int = 60
    """Adam steps an optimised face."""
    target_rate: float = 0.03
    """Adam's learning rate on pixels, decaying to a tenth."""
    target_alpha: float = 40.0
    """Weight of the style loss while pixels are optimised."""
    coarse_steps: int = 3000
    """Steps on the optimised faces at half the size, with the network's last resolution left out (not in the paper)."""
    fine_steps: int = 900
    """Steps on the optimised faces at full size (not in the paper)."""
    steps: int = 240
    """Further steps that take turns between the losses themselves and imitation [10,000, losses alone]."""
    turns: int = 2
    """In the last stage, each step with this number in turn follows the losses and the others imitate; 1: the losses alone [1]."""
    ramp: float = 0.0
    """Share of the last stage over which the style weight grows from 0; 0: it is whole from the start [ramped]."""
    light: float = 5.0
    """Weight of the light loss in the last stage [1e-22 on the paper's own scale]."""
    landmarks: float = 40.0
    """Weight of the landmark loss in the last stage (not in the paper)."""
    average: float = 0.998
    """Decay of the moving average of the weights, which is what ships (not in the paper)."""
