"""Whole photos' measures as an identity's card shows them."""

from demo.views.cards import quality
from facehub.identity.folder import read
from facehub.identity.schema import check_metrics
from tests.identities import make
from train.evaluate import save_metrics
from train.evaluation.photos import card_metrics

LARGE = {"photos": 100.0, "width_px": 281.2, "dlib_retrieved": 0.94, "octaves": [0.6, 0.8]}
FOUND = {"large": LARGE, "held out": {"photos": 200.0, "dlib_retrieved": 0.955123}}


def test_large_photos_are_what_an_identity_is_ranked_by():
    metrics = card_metrics(FOUND)
    check_metrics(metrics)
    assert metrics["faces"] == 100 and "281 px" in metrics["note"]
    assert metrics["table"] == {
        "blended": {
            "photos": 100.0,
            "width_px": 281.2,
            "retrieved": 0.94,
            "octave_1": 0.6,
            "octave_2": 0.8,
        },
        "blended, held out": {"photos": 200.0, "retrieved": 0.9551},
    }


def test_they_are_saved_into_the_folder_and_its_card(tmp_path):
    identity = read(make(tmp_path / "ada"))
    before = {path.name: path.read_bytes() for path in identity.samples}
    save_metrics(identity, card_metrics(FOUND))
    again = read(tmp_path / "ada")
    assert quality(again) == 0.94
    assert "| octave 1 | 0.6 |" in again.card
    assert {path.name: path.read_bytes() for path in again.samples} == before
