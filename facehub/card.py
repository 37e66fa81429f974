"""The card of an identity, README.md: front matter that the hub reads (tags, licence, results, terms of access), and text from a template.

What the front matter may hold: https://github.com/huggingface/hub-docs/blob/main/modelcard.md and https://huggingface.co/docs/hub/models-gated.
Values are written as JSON, which is YAML.
"""

import json
import math
import os
import pathlib
import re
import string
import tempfile

TAGS = ("face-swap", "per-identity", "arxiv:1611.09577")

OPEN = ("self", "synthetic", "public-domain")
"""Bases on which nobody needs to be asked before reading."""

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
"""Measures of metrics.json that stand in the model-index, and what they are called there."""

REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def write(part: pathlib.Path, *, config: dict, consent: dict, metrics: dict, training: dict, samples: list[str], credits: str) -> None:
    """README.md of the identity in `part`; `samples` are names of pictures without their suffix."""
    template = string.Template(pathlib.Path(__file__).with_name("card.md").read_text(encoding="utf-8"))
    cells = {key: _cell(value) for key, value in consent.items()}
    command = training.get("command", "").replace("```", "'''")
    fields = cells | {"title": config["title"], "name": config["name"], "size": config["size"], "command": command}
    pictures = "\n".join(f"![{name}](samples/{name}.png)" for name in samples)
    body = template.substitute(fields, metrics=_table(metrics), pictures=pictures, credits=credits)
    front = front_matter(title=config["title"], size=config["size"], consent=consent, metrics=metrics, base=training.get("started_from"))
    (part / "README.md").write_text(front + body, encoding="utf-8")


def renew(folder: pathlib.Path, *, title: str, size: int, consent: dict, metrics: dict, licence_link: str = "") -> None:
    """Replaces the front matter of a card by what the folder's records say today; the text below stays. Raises OSError.

    `licence_link` is where the consent record will be read; a hub takes no relative one.
    """
    file = folder / "README.md"
    old = file.read_text(encoding="utf-8")
    training = folder / "training.json"
    base = json.loads(training.read_text(encoding="utf-8")).get("started_from") if training.is_file() else None
    body = re.sub(r"\A---\r?\n.*?\r?\n---\r?\n", "", old, flags=re.DOTALL)
    new = front_matter(title=title, size=size, consent=consent, metrics=metrics, base=base, licence_link=licence_link) + body
    if new != old:
        handle, part = tempfile.mkstemp(dir=folder, prefix=".README.")
        try:
            with open(handle, "w", encoding="utf-8") as opened:
                opened.write(new)
            pathlib.Path(part).chmod(0o644)
            os.replace(part, file)
        finally:
            pathlib.Path(part).unlink(missing_ok=True)


def front_matter(*, title: str, size: int, consent: dict, metrics: dict, base: object = None, licence_link: str = "") -> str:
    """The YAML block. `base`: what the network was grown from; named when it is a repository."""
    fields: dict[str, object] = {
        "library_name": "facehub",
        "pipeline_tag": "image-to-image",
        "license": "other",
        "license_name": "see-consent",
        **({"license_link": licence_link} if licence_link else {}),
        "tags": [*TAGS, f"consent-{consent['basis']}", f"{size}px"],
        "model_name": title,
    }
    if isinstance(base, str) and REPO.fullmatch(repo := base.partition("@")[0]) and not pathlib.Path(repo).exists():
        fields |= {"base_model": repo, "base_model_relation": "finetune"}
    if consent["basis"] not in OPEN:
        fields |= {
            "extra_gated_heading": f"{title}: whose face this is, and what for",
            "extra_gated_prompt": f"Whose face: {consent['whose']}. It may be used for: {consent['scope']}. Withdrawal: {consent['contact']}.",
            "extra_gated_fields": {
                "What I will use it for": "text",
                "I use it only for what it may be used for, mark what I make as generated, and delete it when it is withdrawn": "checkbox",
            },
        }
    if results := _results(metrics):
        data = {"name": "faces that training never saw", "type": "held-out-faces"}
        task = {"type": "image-to-image", "name": "face swap"}
        fields["model-index"] = [{"name": title, "results": [{"task": task, "dataset": data, "metrics": results}]}]
    return "---\n" + "".join(f"{key}: {_yaml(value)}\n" for key, value in fields.items()) + "---\n"


def _yaml(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"(?!null|true|false)[a-z]{3,}([.-][a-z]+)*", value):
        return value
    return json.dumps(_printable(value), ensure_ascii=False)


def _results(metrics: dict) -> list[dict]:
    """The finished swap's numbers, or what stands by itself."""
    table = metrics.get("table")
    measured = table.get("blended", {}) if isinstance(table, dict) else metrics
    good = {key: measured[key] for key in RESULTS if type(measured.get(key)) in (int, float) and math.isfinite(measured[key])}
    return [{"type": key, "name": RESULTS[key], "value": round(value, 4)} for key, value in good.items()]


def _table(metrics: dict) -> str:
    """Metrics as Markdown: what was measured of each method in `table`, a row a measure; or each number by itself."""
    methods = metrics.get("table")
    if not methods:
        methods = {"": {key: value for key, value in metrics.items() if isinstance(value, (int, float))}}
    measures = dict.fromkeys(key for row in methods.values() for key in row)
    lines = [["", *methods], ["---"] * (len(methods) + 1)]
    lines += [[key.replace("_", " "), *(f"{row[key]:.3g}" if key in row else "" for row in methods.values())] for key in measures]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays in its cell, and text."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _printable(value: object) -> object:
    """YAML takes no control characters."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(value, dict):
        return {_printable(k): _printable(v) for k, v in value.items()}
    return [_printable(v) for v in value] if isinstance(value, list) else value
