"""`scripts/fuzz [--inputs 10000] [--seed 1] [--target NAME ...]`: feed spoiled inputs to every target.

Bounded and repeatable: the same seed gives the same inputs. Prints one line per target: inputs, refusals, the
slowest, the largest memory.
What is found is kept in `--out` with its input and its traceback, and the exit code is 1.
"""

import argparse
import json
import multiprocessing
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from .targets import TARGETS
from .worker import Outcome, an_input, work

PATIENCE = 6.0
"""Wall-clock seconds allowed per second of computing time, before the process of an input is killed."""


START_SECONDS = 240.0
"""Until a target takes its first input."""


def fuzz(
    shares: Mapping[str, int],
    seed: int,
    told: Callable[[str, list[Outcome]], object] = lambda name, outcomes: None,
) -> dict[str, list[Outcome]]:
    """What came of so many spoiled inputs of each target; `told` hears of each when it is through.

    A process that hangs or dies is a finding, and another goes on behind it.
    """
    left = {name: list(range(count)) for name, count in shares.items()}
    outcomes: dict[str, list[Outcome]] = {name: [] for name in shares}
    while left:
        for name, number, outcome in one_process(left, seed):
            target = TARGETS[name]
            outcomes[name].append(judged(outcome, target.seconds, target.memory_mb))
            left[name] = [other for other in left[name] if other > number]
            if not left[name] or number < 0:  # all through, or it cannot even begin
                del left[name]
                told(name, outcomes[name])
    return outcomes


def one_process(left: Mapping[str, list[int]], seed: int) -> Iterator[tuple[str, int, Outcome]]:
    """Yield name, number and outcome of inputs until all are done, or until the process had to be killed."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=work,
        args=([(name, list(numbers)) for name, numbers in left.items()], seed, theirs),
        daemon=True,
    )
    process.start()
    theirs.close()
    name, number, patience = next(iter(left)), -1, START_SECONDS
    try:
        while ours.poll(patience):
            said = ours.recv()
            if said is None:
                return
            if isinstance(said, Outcome):
                yield name, number, said
            else:
                name, number = said
                patience = START_SECONDS if number < 0 else PATIENCE * TARGETS[name].seconds
        yield name, number, Outcome(number, patience, 0.0, "", f"a hang: no answer within {patience:g} s")
    except EOFError:
        process.join(10)
        yield (
            name,
            number,
            Outcome(number, 0.0, 0.0, "", f"a crash: the process ended with {process.exitcode}"),
        )
    finally:
        process.kill()
        process.join()


def judged(outcome: Outcome, seconds: float, memory_mb: float) -> Outcome:
    """An outcome; one that took too much is a finding."""
    if outcome.finding or (outcome.seconds <= seconds and outcome.memory_mb <= memory_mb):
        return outcome
    took = f"too much: {outcome.seconds:.1f} s of computing, {outcome.memory_mb:.0f} MB"
    return Outcome(outcome.number, outcome.seconds, outcome.memory_mb, outcome.refused, took)


def kept(name: str, outcomes: Sequence[Outcome], seed: int, out: pathlib.Path) -> list[Outcome]:
    """The findings among outcomes, each written to `out` with its input."""
    found = [outcome for outcome in outcomes if outcome.finding]
    for outcome in found:
        out.mkdir(parents=True, exist_ok=True)
        file = out / f"{name}-{seed}-{outcome.number}"
        file.with_suffix(".txt").write_text(outcome.finding)
        file.write_bytes(an_input(TARGETS[name].seeds(), seed, max(0, outcome.number)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    flags = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    flags.add_argument("--inputs", type=int, default=10_000, help="in all (default: 10000)")
    flags.add_argument("--seed", type=int, default=1)
    flags.add_argument(
        "--target", action="append", choices=TARGETS, help="only this one; may be given several times"
    )
    flags.add_argument(
        "--out",
        type=pathlib.Path,
        default=pathlib.Path(".runs/fuzz"),
        help="where findings go (default: .runs/fuzz)",
    )
    flags.add_argument("--json", type=pathlib.Path, help="also write the numbers here")
    given = flags.parse_args(arguments)
    names = given.target or list(TARGETS)
    shares = sum(TARGETS[name].share for name in names)
    rows: dict[str, dict] = {}
    findings = 0
    print(
        f"{'target':12} {'inputs':>7} {'refused':>8} {'slowest s':>10} {'memory MB':>10} {'found':>6}  time s"
    )
    begun = time.monotonic()

    def told(name: str, outcomes: list[Outcome]) -> None:
        nonlocal findings, begun
        found = kept(name, outcomes, given.seed, given.out)
        findings += len(found)
        row = rows[name] = {
            "inputs": len(outcomes),
            "refused": sum(bool(outcome.refused) for outcome in outcomes),
            "slowest_s": max((outcome.seconds for outcome in outcomes), default=0.0),
            "memory_mb": max((outcome.memory_mb for outcome in outcomes), default=0.0),
            "found": len(found),
            "seconds": time.monotonic() - begun,
        }
        begun = time.monotonic()
        counts = f"{name:12} {row['inputs']:7} {row['refused']:8}"
        peaks = f"{row['slowest_s']:10.2f} {row['memory_mb']:10.0f}"
        line = f"{counts} {peaks} {row['found']:6}  {row['seconds']:.0f}"
        print(line, flush=True)
        for outcome in found[:3]:
            print(f"    input {outcome.number}: {outcome.finding.strip().splitlines()[-1][:180]}", flush=True)

    fuzz(
        {name: max(1, round(given.inputs * TARGETS[name].share / shares)) for name in names}, given.seed, told
    )
    print(
        f"{sum(row['inputs'] for row in rows.values())} inputs, {findings} findings"
        + (f": see {given.out}" if findings else "")
    )
    if given.json:
        given.json.write_text(json.dumps({"seed": given.seed, "targets": rows}, indent=1) + "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
