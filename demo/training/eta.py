"""How long training takes: seconds measured on two CPU cores, corrected by the pace of the run itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from facehub.training_progress import Progress, Stage

MEASURED = {
    Stage.GATHER: 0.08,
    Stage.TARGETS: 1.6,
    Stage.HALF_SIZE: 0.1,
    Stage.FULL_SIZE: 1.0,
    Stage.LOSSES: 1.4,
    Stage.PAIRS: 1.1,
    Stage.MEASURE: 240.0,
}
"""Seconds per photo, face or step of each stage of `python -m train`, in order (docs/training.md); of the
last in all."""

DOING = {
    Stage.GATHER: "Inspecting all photos",
    Stage.TARGETS: "Painting examples to learn from",
    Stage.HALF_SIZE: "Learning from the examples at half size",
    Stage.FULL_SIZE: "Learning from the examples at full size",
    Stage.LOSSES: "Refining on other people’s faces",
    Stage.PAIRS: "Learning from the photos",
    Stage.MEASURE: "Measuring it on people it never saw",
}
"""What the page says of each stage."""

SLOW = 7.0
"""Slowdown of a processor without instructions for bfloat16."""

EVIDENCE_SECONDS = 15.0
"""Time spent in a stage before the run's own pace is used."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run is: the stage, and how many of its photos, faces or steps are done."""

    stage: Stage = Stage.GATHER
    done: int = 0
    total: int = 1

    @classmethod
    def from_progress(cls, record: Progress) -> "Position | None":
        """From a record of training; None when it names no stage."""
        if record.stage is None:
            return None
        return cls(record.stage, record.step, record.steps or 1)


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """How long a run takes.

    `counts`: photos, faces or steps of each stage, as training is configured; 1 for measuring, where it does.
    `slowdown`: this machine's time relative to MEASURED; None if unknown.
    """

    counts: Mapping[Stage, int]
    slowdown: float | None = 1.0

    def seconds(self) -> float:
        """Duration of a whole run on the machine that was measured."""
        return sum(each * self._count(stage) for stage, each in MEASURED.items())

    def spent(self, position: Position) -> float:
        """Those of these seconds that a run has behind it."""
        stages = list(MEASURED)
        before = sum(MEASURED[stage] * self._count(stage) for stage in stages[: stages.index(position.stage)])
        return before + MEASURED[position.stage] * min(position.done, self._count(position.stage))

    def share(self, position: Position) -> float:
        """The part of a run that is done, from 0 to 1."""
        return self.spent(position) / (self.seconds() or 1.0)

    def left(self, position: Position, pace: float | None = None) -> float | None:
        """Seconds to go at a run's own pace, or at that of this kind of machine; None if neither is known."""
        pace = pace or self.slowdown
        return None if pace is None else pace * (self.seconds() - self.spent(position))

    def pace(self, earlier: Position, later: Position, seconds: float) -> float | None:
        """A run's time relative to MEASURED; None when the two positions in one stage are too close to
        tell."""
        expected = self.spent(later) - self.spent(earlier)
        return seconds / expected if min(expected, seconds) >= EVIDENCE_SECONDS else None

    def _count(self, stage: Stage) -> int:
        return self.counts.get(stage, 0)


def about(seconds: float) -> str:
    """A time in words, rounded up."""
    minutes = round(seconds / 60 + 0.4)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return (
            "about a minute"
            if minutes == 1
            else f"about {minutes if minutes < 10 else -(-minutes // 5) * 5} minutes"
        )
    hours, rest = divmod(-(-minutes // 10) * 10, 60)
    return f"about {hours} hour{'s' if hours > 1 else ''}" + (f" {rest} minutes" if rest else "")
