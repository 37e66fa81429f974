"""HTML fragments that no widget draws: a training's progress and losses, an identity's details. Text comes in
raw and leaves escaped."""

import html
from collections.abc import Mapping, Sequence

from facehub.hub.download import RemoteIdentity
from facehub.hub.listing import HubEntry
from facehub.hub.upload import Pushed

from ..training.eta import DOING, TimeEstimate, about
from ..training.records import PhotoReport
from ..training.status import Status

BASIS = {
    "self": "The face of the one who trained it",
    "consented": "Trained with the person’s consent",
    "synthetic": "A face that belongs to nobody",
    "public-domain": "Trained from pictures in the public domain",
    "research": "For research only",
}
"""Meaning of each consent basis, for visitors."""

STATES = {
    "photos": "Not started",
    "running": "Training",
    "stopping": "Stopping",
    "stopped": "Stopped",
    "failed": "Stopped with a problem",
    "done": "Done",
}

LOSSES = {
    "total": "All together",
    "pixels": "Difference in pixels",
    "features": "Difference in detail",
    "content": "Pose and expression",
    "style": "Likeness in texture",
    "identity": "Likeness of the face",
    "likeness": "Likeness of the face",
    "light": "Light",
    "landmarks": "Place of eyes, mouth and jaw",
    "variation": "Noise",
}
"""Name of each loss for visitors, in the order in which they are shown."""

MEASURES = {
    "retrieved": ("Recognised as this person", "{:.0%}"),
    "pose_degrees": ("Pose kept to", "{:.1f}°"),
    "nme_percent": ("Landmarks kept to", "{:.1f} %"),
    "light": ("Light kept to", "{:.2f}"),
}
"""Name and format of the measures that are shown, from the table of metrics.json, for the blended result."""

WIDTH = 220
"""Width of a curve's drawing, in its own units."""

HEIGHT = 64
"""Height of a curve's drawing, in its own units."""

POINTS = 110
"""Most points that a curve is drawn with."""


def training(status: Status, estimate: TimeEstimate) -> str:
    """A run: its state, stage, progress and time left."""
    share = 1.0 if status.state == "done" else estimate.share(status.position)
    lines = [
        f'<div class="state"><span class="pill">{STATES[status.state]}</span> '
        f"<b>{html.escape(status.title)}</b></div>"
    ]
    if status.state in ("running", "stopping"):
        counted = (
            f" <small>{status.position.done:,} of {status.position.total:,}</small>"
            if status.position.total > 1
            else ""
        )
        left = (
            "Time left: not known yet"
            if status.left_seconds is None
            else f"{about(status.left_seconds).capitalize()} left"
        )
        lines.append(f'<div class="bar"><i style="width: {share:.1%}"></i></div>')
        lines.append(
            f'<div class="doing"><span>{DOING[status.position.stage]}{counted}</span>'
            f"<span>{left}</span></div>"
        )
    if status.state == "stopping":
        lines.append("<p>It stops after the current step.</p>")
    if status.state == "stopped":
        lines.append(
            "<p>It goes on from its last checkpoint, which is a minute or two old. Photos are kept for "
            "a day.</p>"
        )
    if status.state == "failed":
        lines.append(f'<p class="problem">{html.escape(status.error)}</p>')
    if status.state == "done":
        lines.append(
            "<p>The photos have been deleted. The result stays here for a day: try it, download it, or "
            "share it.</p>"
        )
    return f'<div class="training" data-state="{status.state}">{"".join(lines)}</div>'


def training_duration(estimate: TimeEstimate, cores: int | None) -> str:
    """Time that a whole run takes, before it has started."""
    if estimate.slowdown is None:
        return (
            "How long it takes on this machine’s GPU has not been measured; the time left is shown once "
            "it is under way."
        )
    counted = f" This machine has {cores}." if cores else ""
    return (
        "On two cores of this kind of processor with nothing else to do it takes "
        f"**{about(estimate.slowdown * estimate.seconds())}**; on a busy one two "
        f"or three times that.{counted} The time left is corrected as it goes. You may stop and go on "
        "at any time."
    )


def photos(report: PhotoReport) -> str:
    """Number of photos that are used, and warnings, as Markdown."""
    kept, total = report.kept, len(report.photos)
    left_out = (
        f" {total - kept} {'is' if total - kept == 1 else 'are'} left out, each for the reason below it."
        if kept < total
        else ""
    )
    return "\n".join(
        [
            f"**{kept} of {total} photos** will be used for training.{left_out}",
            "",
            *(f"- {warning}" for warning in report.warnings),
        ]
    )


def curves(rows: Sequence[Mapping]) -> str:
    """One small curve per loss of a run's log: lower is better. Empty while there are fewer than two
    steps."""
    drawn = []
    for name, meaning in LOSSES.items():
        values = [(i, float(row["losses"][name])) for i, row in enumerate(rows) if name in row["losses"]]
        if len(values) >= 2:
            drawn.append(_curve(meaning, values, len(rows)))
    return f'<div class="curves">{"".join(drawn)}</div>' if drawn else ""


def _curve(meaning: str, values: Sequence[tuple[int, float]], steps: int) -> str:
    group = max(1, len(values) // POINTS)
    means = [
        (sum(i for i, _ in part) / len(part), sum(v for _, v in part) / len(part))
        for part in (values[start : start + group] for start in range(0, len(values), group))
    ]
    top, bottom = max(v for _, v in means), min(v for _, v in means)
    span = (top - bottom) or 1.0
    points = " ".join(
        f"{i / max(1, steps - 1) * WIDTH:.1f},{2 + (top - v) / span * (HEIGHT - 4):.1f}" for i, v in means
    )
    course = f"{meaning}: from {means[0][1]:.3g} to {means[-1][1]:.3g}"
    return (
        f"<figure><figcaption><span>{meaning}</span><b>{means[-1][1]:.3g}</b></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{course}">'
        f'<polyline points="{points}"/></svg></figure>'
    )


def measures(metrics: Mapping) -> str:
    """The main measures of an identity's quality; empty when it was not measured. `metrics` may come from
    anybody."""
    table = metrics.get("table")
    row = table.get("blended") if isinstance(table, Mapping) else None
    if not isinstance(row, Mapping):
        return ""
    parts = [
        f"<div><dt>{meaning}</dt><dd>{form.format(float(row[key]))}</dd></div>"
        for key, (meaning, form) in MEASURES.items()
        if type(row.get(key)) in (int, float) and abs(row[key]) < 1e6
    ]
    return f'<dl class="measures">{"".join(parts)}</dl>' if parts else ""


def caption(record: HubEntry) -> str:
    """Caption of an identity in a list: its title, then who published it and its numbers, in plain text."""
    size = f"{record.size_px} px · " if record.size_px else ""
    downloads = f"{record.downloads:,} download{'' if record.downloads == 1 else 's'}"
    return f"{record.title}\nby {publisher(record)} · {size}{downloads}"


def publisher(record: HubEntry) -> str:
    """The user or organisation whose repository it is."""
    return record.repo.partition("/")[0]


def search_message(count: int, text: str, host: str, filtered: bool = False) -> str:
    """Message after a search, as HTML; empty when something was found. `filtered`: only one basis was
    searched."""
    if count:
        return ""
    if filtered:
        return (
            f'<p class="nothing"><b>Nothing on {html.escape(host)} fits.</b> Choose another basis, or '
            "any.</p>"
        )
    if query := html.escape(text.strip()[:100]):
        return (
            f'<p class="nothing"><b>Nothing on {html.escape(host)} is called “{query}”.</b> Try a '
            "shorter name, or none.</p>"
        )
    return (
        f'<p class="nothing"><b>There are no faces on {html.escape(host)} yet.</b> Train one, and '
        "publish it: it will be the first.</p>"
    )


def unreachable(sentence: str) -> str:
    """Message that the hub does not answer, as HTML."""
    return (
        f'<p class="nothing"><b>{html.escape(sentence)}</b> Everything else on this page works without '
        "it.</p>"
    )


def identity_details(details: RemoteIdentity) -> str:
    """An identity on the hub: what it is, the consent basis, its quality."""
    record, consent = details.entry, details.consent
    size = f"{record.bytes / 1e6:.1f} MB" if record.bytes else ""
    basis = BASIS.get(consent.get("basis") or record.basis, "Basis not said")
    pills = [basis, "By request" if record.gated else "", "Private" if record.private else ""]
    facts = {
        "Publisher": publisher(record),
        "Size": " · ".join(part for part in (f"{record.size_px} px" if record.size_px else "", size) if part),
        "Licence": consent.get("licence") or record.licence,
        "Downloads": f"{record.downloads:,}",
        "Updated": record.updated,
        "Revision": record.revision[:7],
        "Whose face": consent.get("whose", ""),
        "For what": consent.get("scope", ""),
        "Settled": consent.get("date", ""),
        "Withdrawal": consent.get("contact", ""),
    }
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(str(value)[:400])}</dd></div>"
        for name, value in facts.items()
        if value
    )
    return (
        f'<div class="details"><h3>{html.escape(record.title)}</h3><p '
        f'class="repo">{html.escape(record.repo)}</p>'
        f"<p>{''.join(f'<span class=pill>{pill}</span>' for pill in pills if pill)}</p>"
        f"{f'<p class=problem>{html.escape(details.closed)}</p>' if details.closed else ''}"
        f'{measures(details.metrics)}<dl class="facts">{rows}</dl></div>'
    )


def card(text: str) -> str:
    """A card's text without its front matter, as plain text of limited length."""
    _, fence, rest = text.removeprefix("---\n").partition("\n---\n")
    return (rest if fence and text.startswith("---\n") else text).strip()[:20_000]


def published(push: Pushed) -> str:
    """Address of a published identity."""
    address = html.escape(push.url, quote=True)
    how = "was there already, just as it is" if push.unchanged else "is published"
    return (
        f'<p class="published"><b>{html.escape(push.repo)}</b> {how}, at revision '
        f"{html.escape(push.commit[:7])}: "
        f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a></p>'
    )
