"""The consent record that a training is given: what is none is refused in one sentence before it begins."""

import json

import pytest

from facehub.errors import BadIdentity, BadSetting
from tests.identities import CONSENT
from train.provenance import read_consent


@pytest.mark.parametrize(
    "text", ["[]", json.dumps([CONSENT]), "[" * 100_000, '{"a":' * 100_000, "7", "", "\x00", '"self"']
)
def test_what_is_no_record(tmp_path, text):
    (tmp_path / "consent.json").write_text(text)
    with pytest.raises(BadSetting, match="is no consent record that can be read") as raised:
        read_consent(tmp_path / "consent.json")
    assert len(str(raised.value)) < 500


def test_what_is_not_there(tmp_path):
    with pytest.raises(BadSetting, match="is no consent record that can be read"):
        read_consent(tmp_path / "consent.json")


def test_what_is_incomplete_or_whole(tmp_path):
    file = tmp_path / "consent.json"
    file.write_text(json.dumps(CONSENT | {"whose": ""}))
    with pytest.raises(BadIdentity, match="lacks whose"):
        read_consent(file)
    file.write_text(json.dumps(CONSENT))
    assert read_consent(file) == CONSENT
