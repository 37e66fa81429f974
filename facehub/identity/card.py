"""The card of an identity, README.md: front matter for the hub (tags, licence, results, terms of access),
then text.

Front matter: https://github.com/huggingface/hub-docs/blob/main/modelcard.md and
https://huggingface.co/docs/hub/models-gated. Values are written as JSON, which is YAML.
"""

import json
import pathlib
import re
import string

from ..errors import BadIdentity
from ..files import write_atomic
from ..text import one_line
from .schema import is_number, read_record

TAGS = ("face-swap", "per-identity", "arxiv:1611.09577")

OPEN = ("self", "synthetic", "public-domain")
"""Bases for which access needs no request."""

PROMISE = (
    "I use it only for what it may be used for, mark what I make as generated, and delete it when it is "
    "withdrawn"
)
"""What whoever asks for access agrees to."""

RESULTS = {
    "retrieved": "share retrieved as the identity",
    "to_identity": "cosine to the identity",
    "to_input": "cosine left to the input",
    "sface_to_identity": "cosine to the identity (SFace)",
    "nme_percent": "landmarks moved (% of eye distance)",
    "pose_degrees": "pose moved (degrees)",
    "expression": "expression moved",
    "light": "light moved",
    "seam": "seam",
}
"""Measures of metrics.json that go into the model-index, and their names there."""

REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def write(
    part: pathlib.Path,
    *,
    config: dict,
    consent: dict,
    metrics: dict,
    training: dict,
    samples: list[str],
    credits: str,
) -> None:
    """Write README.md into the folder `part`. `samples`: names of their files."""
    template = string.Template(pathlib.Path(__file__).with_name("card.md").read_text(encoding="utf-8"))
    cells = {key: _cell(value) for key, value in consent.items()}
    command = training.get("command", "").replace("```", "'''")
    fields = cells | {
        "title": config["title"],
        "name": config["name"],
        "size": config["size"],
        "command": command,
    }
    pictures = "\n".join(f"![{pathlib.Path(name).stem}](samples/{name})" for name in samples)
    body = template.substitute(fields, metrics=_table(metrics), pictures=pictures, credits=credits)
    front = front_matter(
        title=config["title"], size=config["size"], consent=consent, metrics=metrics, base=_base(training)
    )
    (part / "README.md").write_text(front + body, encoding="utf-8")


def update_front_matter(
    folder: pathlib.Path, *, title: str, size: int, consent: dict, metrics: dict, licence_link: str = ""
) -> None:
    """Replace the front matter of a card by what the folder's records say; the text below it stays.

    `licence_link`: where the consent record can be read; a hub takes no relative link. Raises BadIdentity
    when README.md is not UTF-8 or training.json cannot be read, OSError when writing fails.
    """
    file = folder / "README.md"
    try:
        old = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise BadIdentity(f"README.md of {folder.name} is not UTF-8 text: save it as UTF-8.") from problem
    training = folder / "training.json"
    base = _base(read_record(training, f"training.json of {folder.name}")) if training.is_file() else ""
    body = re.sub(r"\A---\r?\n.*?\r?\n---\r?\n", "", old, count=1, flags=re.DOTALL)
    front = front_matter(
        title=title, size=size, consent=consent, metrics=metrics, base=base, licence_link=licence_link
    )
    if front + body != old:
        write_atomic(file, front + body)


def front_matter(
    *, title: str, size: int, consent: dict, metrics: dict, base: str = "", licence_link: str = ""
) -> str:
    """The YAML block. `base`: the repository of the network that training started from, if any."""
    fields: dict[str, object] = {
        "library_name": "facehub",
        "pipeline_tag": "image-to-image",
        "license": "other",
        "license_name": "see-consent",
        **({"license_link": licence_link} if licence_link else {}),
        "tags": [*TAGS, f"consent-{consent['basis']}", f"{size}px"],
        "model_name": title,
    }
    if REPO.fullmatch(repo := base.partition("@")[0]):
        fields |= {"base_model": repo, "base_model_relation": "finetune"}
    if consent["basis"] not in OPEN:
        fields |= {
            "extra_gated_heading": f"{title}: whose face this is, and what for",
            "extra_gated_prompt": f"Whose face: {consent['whose']}. It may be used for: {consent['scope']}. "
            f"Withdrawal: {consent['contact']}.",
            "extra_gated_fields": {"What I will use it for": "text", PROMISE: "checkbox"},
        }
    if results := _results(metrics):
        data = {"name": "faces that training never saw", "type": "held-out-faces"}
        task = {"type": "image-to-image", "name": "face swap"}
        fields["model-index"] = [
            {"name": title, "results": [{"task": task, "dataset": data, "metrics": results}]}
        ]
    return "---\n" + "".join(f"{key}: {_yaml(value)}\n" for key, value in fields.items()) + "---\n"


def _base(training: dict) -> str:
    """The repository that training started from; empty for none."""
    started = training.get("started_from")
    repository = started.get("repository") if isinstance(started, dict) else None
    return repository if isinstance(repository, str) else ""


def _yaml(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"(?!null|true|false)[a-z]{3,}([.-][a-z]+)*", value):
        return value
    return json.dumps(_printable(value), ensure_ascii=False)


def _results(metrics: dict) -> list[dict]:
    """Results of the finished swap (`blended` in `table`), or the numbers outside a table."""
    table = metrics.get("table")
    measured = table.get("blended", {}) if isinstance(table, dict) else metrics
    good = {key: measured[key] for key in RESULTS if is_number(measured.get(key))}
    return [{"type": key, "name": RESULTS[key], "value": round(value, 4)} for key, value in good.items()]


def _table(metrics: dict) -> str:
    """Metrics as a Markdown table: a row per measure, a column per method of `table`; else one column of
    numbers."""
    methods = metrics.get("table")
    if not methods:
        methods = {"": {key: value for key, value in metrics.items() if isinstance(value, (int, float))}}
    measures = dict.fromkeys(key for row in methods.values() for key in row)
    lines = [["", *methods], ["---"] * (len(methods) + 1)]
    lines += [
        [key.replace("_", " "), *(f"{row[key]:.3g}" if key in row else "" for row in methods.values())]
        for key in measures
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays inside its table cell, and stays text."""
    return one_line(text, len(text)).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _printable(value: object) -> object:
    """The same value with spaces for control characters, which YAML does not take."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(value, dict):
        return {_printable(k): _printable(v) for k, v in value.items()}
    return [_printable(v) for v in value] if isinstance(value, list) else value
