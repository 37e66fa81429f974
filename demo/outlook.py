"""How long training takes: what was measured on two CPU cores, corrected by how the run at hand goes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

FIRST, LAST = "gather", "measure"

MEASURED = {FIRST: 0.2, "Optimised faces": 1.6, "imitate at half size": 0.1, "imitate": 1.0, "losses": 1.4, LAST: 240.0}
"""Seconds of one photo, face or step of each stage of `python -m train`, in order, by the name under which it counts (docs/training.md); of the last
in all."""

DOING = {
    FIRST: "Looking at all the photos",
    "Optimised faces": "Painting examples to learn from",
    "imitate at half size": "Learning from the examples at half size",
    "imitate": "Learning from the examples at full size",
    "losses": "Refining on other people’s faces",
    LAST: "Measuring it on people it never saw",
}

COUNTED = re.compile(r"([\w ]+): (\d+) of (\d+),")
"""What training says of its progress; the comma tells that the number is whole."""

SLOW = 7.0
"""How many times as long a processor takes that has no instructions for bfloat16."""

EVIDENCE_SECONDS = 15.0
"""How much of a stage must be behind a run until its own pace is believed."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a run is: so many of a stage's faces or steps are done."""

    stage: str = FIRST
    done: int = 0
    total: int = 1

    @classmethod
    def told(cls, line: str) -> "Place | None":
        """From a line that training prints; None where it tells of nothing countable."""
        found = COUNTED.match(line)
        if not found or found[1] not in MEASURED:
            return None
        done, total = int(found[2]), int(found[3])
        return cls(LAST) if found[1] == list(MEASURED)[-2] and done >= total else cls(found[1], done, total)


@dataclass(frozen=True, slots=True)
class Outlook:
    """`counts`: photos, faces or steps of each stage, as training is set. `usual`: how many times as long as `MEASURED` this machine takes, or None
    where nobody has measured one of its kind."""

    counts: Mapping[str, int]
    usual: float | None = 1.0

    def seconds(self) -> float:
        """Of a whole run on the machine that was measured."""
        return sum(each * self._count(stage) for stage, each in MEASURED.items())

    def spent(self, place: Place) -> float:
        """How many of these seconds are behind a run."""
        stages = list(MEASURED)
        before = sum(MEASURED[stage] * self._count(stage) for stage in stages[: stages.index(place.stage)])
        return before + MEASURED[place.stage] * min(place.done, self._count(place.stage))

    def share(self, place: Place) -> float:
        """From 0 to 1."""
        return self.spent(place) / self.seconds()

    def left(self, place: Place, pace: float | None = None) -> float | None:
        """Seconds to go at a run's own pace, or at that of the machine that was measured; None where that says nothing about this one."""
        pace = pace or self.usual
        return None if pace is None else pace * (self.seconds() - self.spent(place))

    def pace(self, earlier: Place, later: Place, seconds: float) -> float | None:
        """How many times as long a run takes as what was measured; None where the two places in one stage are too near to tell."""
        expected = self.spent(later) - self.spent(earlier)
        return seconds / expected if min(expected, seconds) >= EVIDENCE_SECONDS else None

    def _count(self, stage: str) -> int:
        return 1 if stage == LAST else self.counts.get(stage, 0)


def about(seconds: float) -> str:
    """A time as one says it, on the long side."""
    minutes = round(seconds / 60 + 0.4)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return "about a minute" if minutes == 1 else f"about {minutes if minutes < 10 else -(-minutes // 5) * 5} minutes"
    hours, rest = divmod(-(-minutes // 10) * 10, 60)
    return f"about {hours} hour{'s' if hours > 1 else ''}" + (f" {rest} minutes" if rest else "")
