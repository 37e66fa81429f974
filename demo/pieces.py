"""Pieces of the page that no widget draws: how a training goes, its losses, what an identity is. Text comes in as it is and goes out escaped."""

import html
from collections.abc import Mapping, Sequence

from facehub.fetching import Look
from facehub.listing import Record
from facehub.publishing import Pushed

from .outlook import DOING, Outlook, about
from .runs import Report, Status

BASIS = {
    "self": "The face of the one who trained it",
    "consented": "Trained with the person’s consent",
    "synthetic": "A face that belongs to nobody",
    "public-domain": "Trained from pictures in the public domain",
    "research": "For research only",
}
"""What the bases of consent mean to a visitor."""

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
    "light": "Light",
    "variation": "Noise",
}
"""What each loss of training's log tells a visitor, in the order in which they are shown."""

MEASURES = {
    "retrieved": ("Recognised as this person", "{:.0%}"),
    "pose_degrees": ("Pose kept to", "{:.1f}°"),
    "nme_percent": ("Landmarks kept to", "{:.1f} %"),
    "light": ("Light kept to", "{:.2f}"),
}
"""The measures that are shown, of those in the table of metrics.json, for the finished swap."""

WIDTH, HEIGHT, POINTS = 220, 64, 110
"""Of a curve, in its own units; as many points as it is drawn with."""


def training(status: Status, outlook: Outlook) -> str:
    """One run: its state, what it does, how far it is, and for how long still."""
    share = 1.0 if status.state == "done" else outlook.share(status.place)
    lines = [f'<div class="state"><span class="pill">{STATES[status.state]}</span> <b>{html.escape(status.title)}</b></div>']
    if status.state in ("running", "stopping"):
        counted = f" <small>{status.place.done:,} of {status.place.total:,}</small>" if status.place.total > 1 else ""
        left = "Time left: not known yet" if status.left_seconds is None else f"{about(status.left_seconds).capitalize()} left"
        lines.append(f'<div class="bar"><i style="width: {share:.1%}"></i></div>')
        lines.append(f'<div class="doing"><span>{DOING[status.place.stage]}{counted}</span><span>{left}</span></div>')
    if status.state == "stopping":
        lines.append("<p>It ends with the step at hand.</p>")
    if status.state == "stopped":
        lines.append("<p>It goes on from its last checkpoint, which is a minute or two old. Photos are kept for a day.</p>")
    if status.state == "failed":
        lines.append(f'<p class="problem">{html.escape(status.sentence)}</p>')
    if status.state == "done":
        lines.append("<p>The photos have been deleted. The result stays here for a day: try it, download it, or share it.</p>")
    return f'<div class="training" data-state="{status.state}">{"".join(lines)}</div>'


def duration(outlook: Outlook, cores: int | None) -> str:
    """How long a whole run takes, before it has begun."""
    if outlook.usual is None:
        return "How long it takes on this machine’s GPU has not been measured; the time left is shown once it is under way."
    counted = f" This one has {cores}." if cores else ""
    return (
        f"On two cores of this kind of processor with nothing else to do it takes **{about(outlook.usual * outlook.seconds())}**; on a busy one two "
        f"or three times that.{counted} The time left is corrected as it goes. You may stop and go on at any time."
    )


def photos(report: Report) -> str:
    """How many photos teach, as Markdown of our own words."""
    kept, total = report.kept, len(report.photos)
    left_out = f" {total - kept} {'is' if total - kept == 1 else 'are'} left out, each for the reason below it." if kept < total else ""
    return "\n".join([f"**{kept} of {total} photos** will be learned from.{left_out}", "", *(f"- {warning}" for warning in report.warnings)])


def curves(rows: Sequence[Mapping]) -> str:
    """The losses of a run's log, one small curve each: lower is better. Empty while there are fewer than two steps."""
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
    points = " ".join(f"{i / max(1, steps - 1) * WIDTH:.1f},{2 + (top - v) / span * (HEIGHT - 4):.1f}" for i, v in means)
    course = f"{meaning}: from {means[0][1]:.3g} to {means[-1][1]:.3g}"
    return (
        f"<figure><figcaption><span>{meaning}</span><b>{means[-1][1]:.3g}</b></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{course}">'
        f'<polyline points="{points}"/></svg></figure>'
    )


def measures(metrics: Mapping) -> str:
    """The few numbers that tell a visitor how good an identity is; empty where it was not measured. `metrics` may come from anybody."""
    table = metrics.get("table")
    row = table.get("blended") if isinstance(table, Mapping) else None
    if not isinstance(row, Mapping):
        return ""
    told = [
        f"<div><dt>{meaning}</dt><dd>{form.format(float(row[key]))}</dd></div>"
        for key, (meaning, form) in MEASURES.items()
        if type(row.get(key)) in (int, float) and abs(row[key]) < 1e6
    ]
    return f'<dl class="measures">{"".join(told)}</dl>' if told else ""


def caption(record: Record) -> str:
    """An identity's card in a listing: two lines of plain text."""
    size = f"{record.size_px} px · " if record.size_px else ""
    return f"{record.title}\n{size}{record.downloads:,} download{'' if record.downloads == 1 else 's'}"


def found(count: int, text: str, host: str) -> str:
    """What came of a search, as HTML."""
    if count:
        return ""
    if asked := html.escape(text.strip()[:100]):
        return f'<p class="nothing"><b>Nothing on {html.escape(host)} is called “{asked}”.</b> Try a shorter name, or none.</p>'
    return f'<p class="nothing"><b>There are no faces on {html.escape(host)} yet.</b> Train one, and publish it: it will be the first.</p>'


def unreachable(sentence: str) -> str:
    """A hub that does not answer, as HTML."""
    return f'<p class="nothing"><b>{html.escape(sentence)}</b> Everything else on this page works without it.</p>'


def looked(look: Look) -> str:
    """An identity on the hub: what it is, on what basis, how good."""
    record, consent = look.record, look.consent
    size = f"{record.bytes / 1e6:.1f} MB" if record.bytes else ""
    basis = BASIS.get(consent.get("basis") or record.basis, "Basis not said")
    pills = [basis, "By request" if record.gated else "", "Private" if record.private else ""]
    facts = {
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
    rows = "".join(f"<div><dt>{name}</dt><dd>{html.escape(str(value)[:400])}</dd></div>" for name, value in facts.items() if value)
    return (
        f'<div class="looked"><h3>{html.escape(record.title)}</h3><p class="repo">{html.escape(record.repo)}</p>'
        f"<p>{''.join(f'<span class=pill>{pill}</span>' for pill in pills if pill)}</p>"
        f"{f'<p class=problem>{html.escape(look.closed)}</p>' if look.closed else ''}"
        f'{measures(look.metrics)}<dl class="facts">{rows}</dl></div>'
    )


def card(text: str) -> str:
    """A card without its front matter, as it stands: plain text, cut to what a person reads."""
    _, fence, rest = text.removeprefix("---\n").partition("\n---\n")
    return (rest if fence and text.startswith("---\n") else text).strip()[:20_000]


def pushed(push: Pushed) -> str:
    """Where an identity was published."""
    address = html.escape(push.url, quote=True)
    how = "was there already, just as it is" if push.unchanged else "is published"
    return (
        f'<p class="published"><b>{html.escape(push.repo)}</b> {how}, at revision {html.escape(push.commit[:7])}: '
        f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a></p>'
    )
