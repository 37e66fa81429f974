"""The card: front matter that a hub's parser reads, from the identity's own records, and text that stays
text.
"""

import json

import pytest
import yaml
from huggingface_hub import ModelCard

from facehub.identity import card
from facehub.identity.folder import read
from facehub.identity.schema import BASES
from tests.identities import CONSENT, make

TABLE = {
    "nothing": {"retrieved": 0.0},
    "blended": {"retrieved": 0.987654, "nme_percent": 4.2, "faces": 200, "seam": float("nan")},
}


def front(**changes) -> dict:
    fields = {"title": "Ada Random", "size": 128, "consent": CONSENT, "metrics": {}} | changes
    text = card.front_matter(**fields)
    assert text.startswith("---\n")
    assert text.endswith("\n---\n")
    return yaml.safe_load(text.strip("-\n"))


def test_what_makes_it_found():
    found = front()
    fields = ("library_name", "pipeline_tag", "license", "model_name")
    assert tuple(found[field] for field in fields) == ("facehub", "image-to-image", "other", "Ada Random")
    assert found["tags"] == ["face-swap", "per-identity", "arxiv:1611.09577", "consent-synthetic", "128px"]


def test_results_are_the_finished_swaps():
    """As the specification of model-index wants them: modelcard.md of hub-docs."""
    (index,) = front(metrics={"table": TABLE, "faces": 200})["model-index"]
    (result,) = index["results"]
    assert index["name"] == "Ada Random"
    assert result["task"]["type"] == "image-to-image"
    assert set(result["dataset"]) == {"name", "type"}
    assert [(m["type"], m["value"]) for m in result["metrics"]] == [
        ("retrieved", 0.9877),
        ("nme_percent", 4.2),
    ]
    assert "model-index" not in front(metrics={"faces": 200})


@pytest.mark.parametrize("basis", BASES)
def test_terms_of_access_where_the_basis_is_not_open(basis):
    found = front(consent=CONSENT | {"basis": basis})
    assert ("extra_gated_prompt" in found) == (basis in ("consented", "research"))
    if "extra_gated_prompt" in found:
        assert CONSENT["scope"] in found["extra_gated_prompt"]
        assert sorted(found["extra_gated_fields"].values()) == ["checkbox", "text"]


@pytest.mark.parametrize(
    "base, named",
    [
        ("ada/face", "ada/face"),
        ("ada/face@" + "0" * 40, "ada/face"),
        ("tom_cruise", None),
        ("/tmp/ada/face", None),
        ("", None),
    ],
)
def test_the_base_is_named_when_it_is_a_repository(base, named):
    found = front(base=base)
    assert (found.get("base_model"), found.get("base_model_relation")) == (
        (named, "finetune") if named else (None, None)
    )


TEXTS = [
    'Ada "the first"',
    "Ada: no\n---\nlicense: mit",
    "Ada\u0085\u2028x",
    "- a\t# b",
    "\ud83d\ude00 \U0001f600",
    "null",
    "ada",
    "{a: b}",
    "\x07",
]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_stays_in_its_field(text):
    found = front(title=text, consent=CONSENT | {"basis": "research", "whose": text, "scope": text})
    assert found["license"] == "other"
    assert isinstance(found["model_name"], str)
    assert found["model_name"].replace(" ", "").isprintable()


def test_the_client_reads_it(tmp_path):
    loaded = ModelCard.load(make(tmp_path / "ada", metrics={"table": TABLE}) / "README.md")
    assert loaded.data.library_name == "facehub"
    assert {result.metric_type: result.metric_value for result in loaded.data.eval_results} == {
        "retrieved": 0.9877,
        "nme_percent": 4.2,
    }


def test_renewing_changes_the_front_matter_alone(tmp_path):
    folder = make(tmp_path / "ada")
    before = (folder / "README.md").read_text()
    (folder / "README.md").write_text("---\nold: yes\n---\nMy words.\n\n---\nnot: front matter\n---\n")
    records = {
        "title": "Ada Random",
        "size": 16,
        "consent": CONSENT,
        "metrics": json.loads((folder / "metrics.json").read_text()),
    }
    card.update_front_matter(folder, **records)
    assert (folder / "README.md").read_text() == before[
        : before.index("\n\n# Ada")
    ] + "\nMy words.\n\n---\nnot: front matter\n---\n"
    stamp = (folder / "README.md").stat().st_mtime_ns
    card.update_front_matter(folder, **records)
    assert (folder / "README.md").stat().st_mtime_ns == stamp, "written without need"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_consent_cannot_leave_its_cell(tmp_path):
    text = read(
        make(tmp_path / "ada", consent=CONSENT | {"whose": "Ada | x |\n\n<script>alert(1)</script> & co"})
    ).card
    (row,) = [line for line in text.splitlines() if line.startswith("| whose")]
    assert row == "| whose | Ada \\| x \\| &lt;script>alert(1)&lt;/script> &amp; co |"
    assert "<script" not in text.split("---\n", 2)[2]
