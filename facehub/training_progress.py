"""How a training reports its progress: one record per line of JSON.

`train` writes the records, the page reads them.

    python -m train ... --progress json
    {"stage": "full", "step": 40, "steps": 900, "losses": {"pixels": 0.04, "total": 0.9}, "seconds": 1.1, ...}

The text that a person reads in a terminal is made from the same records (`Progress.to_text`).
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum


class Stage(str, Enum):
    """The stages of a training, in order. The values are the keys in records, logs and `training.json`."""

    GATHER = "gather"
    """Find and align the faces of all photos; a step is a photo."""
    TARGETS = "targets"
    """Optimise faces to imitate; a step is a face."""
    HALF_SIZE = "half"
    """Imitate them at half size."""
    FULL_SIZE = "full"
    """Imitate them at full size."""
    LOSSES = "losses"
    """Take turns between the losses and imitation."""
    PAIRS = "pairs"
    """Learn from pairs whose targets are the person's own photos: the short way's one stage."""
    MEASURE = "measure"
    """Measure the network on people whom it never saw; this stage reports no steps."""

    def __str__(self) -> str:
        return self.value


STAGE_LABELS = {
    Stage.GATHER: "Photos inspected",
    Stage.TARGETS: "Optimised faces",
    Stage.HALF_SIZE: "Imitate at half size",
    Stage.FULL_SIZE: "Imitate at full size",
    Stage.LOSSES: "Losses",
    Stage.PAIRS: "Pairs",
    Stage.MEASURE: "Measure",
}
"""What the terminal calls each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One record.

    Every field is optional: a record can be a step, a message, the outcome for the photos, or the error at
    the end.
    """

    stage: Stage | None = None
    step: int = 0
    """How many steps, faces or photos of the stage are done."""
    steps: int = 0
    """Of how many."""
    losses: Mapping[str, float] = field(default_factory=dict)
    """Unweighted means over the batch, and their weighted sum as "total"."""
    seconds: float | None = None
    """Duration of this step."""
    seconds_left: float | None = None
    """Until the end of this stage."""
    photos: int | None = None
    """How many photos of the person were inspected, once all were."""
    kept: int | None = None
    """How many of them can be used."""
    message: str = ""
    """One line for the person who started the training."""
    error: str = ""
    """The sentence with which the command gave up."""

    def to_json(self) -> str:
        """One line; fields at their default are left out."""
        record = asdict(self) | {"stage": self.stage and self.stage.value}
        return json.dumps({name: value for name, value in record.items() if value not in (None, "", 0, {})})

    @classmethod
    def from_json(cls, line: str) -> "Progress | None":
        """The record of a line; None when the line is something else, a traceback or a library's warning."""
        try:
            record = json.loads(line)
            stage = record.pop("stage", None)
            made = cls(stage=None if stage is None else Stage(stage), **record)
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None
        return made if made._plausible() else None

    def to_text(self) -> str:
        """The same for a person, without an end of line."""
        if self.error or self.message:
            return self.error or self.message
        if self.photos is not None:
            return f"{self.kept or 0} of {self.photos} photos can be used."
        if self.stage is None:
            return ""
        label = STAGE_LABELS[self.stage]
        parts = [f"{label}: {self.step} of {self.steps}" if self.steps else label]
        parts += [f"{name} {value:.3f}" for name, value in self.losses.items()]
        if self.seconds_left is not None:
            parts.append(f"{self.seconds_left / 60:.0f} min left in this stage")
        return ", ".join(parts)

    def _plausible(self) -> bool:
        """Whether the values are of the kinds that the fields promise."""
        counts = (self.step, self.steps, self.photos or 0, self.kept or 0)
        if not isinstance(self.losses, dict):
            return False
        numbers = (*self.losses.values(), self.seconds or 0.0, self.seconds_left or 0.0)
        return (
            all(isinstance(count, int) and count >= 0 for count in counts)
            and all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers)
            and isinstance(self.message, str)
            and isinstance(self.error, str)
        )


ProgressCallback = Callable[[Progress], None]
"""Receives each record as it is made."""
