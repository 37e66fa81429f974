"""What the hub tab's buttons do, against a hub on the loopback."""

import logging
from pathlib import Path

import gradio as gr
import pytest

from demo.handlers.hub import HubHandlers, IdentityDetails
from demo.training.jobs import Jobs
from demo.views import html
from facehub import image
from facehub.errors import HubRefused
from facehub.hub.api import Hub
from facehub.hub.download import RemoteIdentity
from facehub.hub.listing import HubEntry
from facehub.identity.folder import read
from tests.identities import CONSENT, make
from tests.loopback import LoopbackHub

from ..conftest import eventually

VISITOR, OTHER = gr.Request(session_hash="visitor"), gr.Request(session_hash="other")


def quiet(*_, **__):
    """Progress that nobody watches."""


def login(token: str) -> gr.OAuthToken:
    return gr.OAuthToken(token=token, scope="contribute-repos", expires_at=2**40)


def test_search_finds_pictures_and_numbers(hub_handlers, public):
    found = hub_handlers.search("", request=VISITOR)
    assert found.names == [f"ada/{name}@{commit}" for name, commit in sorted(public.items())]
    assert [title.split("\n")[0] for _, title in found.cards] == ["Ada Random", "Ben Random"]
    assert all(image.read(picture).photo.shape[1:] == (64, 80) for picture, _ in found.cards)
    assert all(hub_handlers.visits.cache in Path(picture).parents for picture, _ in found.cards)
    assert not found.message
    nothing = hub_handlers.search("<b>zzz", request=VISITOR)
    assert nothing.names == []
    assert "&lt;b&gt;zzz" in nothing.message


def test_a_search_is_sorted_and_keeps_to_one_basis(hub_handlers, public, loopback, tmp_path):
    consent = CONSENT | {"basis": "research"}
    loopback.put("eve/new", make(tmp_path / "new", size=128, title="New", consent=consent))
    newest = hub_handlers.search("", "last_modified", request=VISITOR)
    assert newest.names[0].startswith("eve/new@") and len(newest.names) == 3
    (card,) = hub_handlers.search("", "downloads", "research", VISITOR).cards
    assert card[1] == "New\nby eve · 128 px · 0 downloads"
    assert "Choose another basis" in hub_handlers.search("", "downloads", "self", VISITOR).message


def test_what_is_known_before_a_pull(hub_handlers, public):
    looked = hub_handlers.details("ada/ada", VISITOR)
    assert looked.name == f"ada/ada@{public['ada']}"
    for told in (
        "<dt>Publisher</dt><dd>ada</dd>",
        "A face that belongs to nobody",
        "Apache-2.0",
        "128 px",
        "nobody: random weights",
        "none@example.org",
        public["ada"][:7],
    ):
        assert told in looked.about
    assert len(looked.samples) == 1
    assert looked.card.startswith("# Ada Random")


def test_pulled_it_is_found_by_its_name_and_a_second_time_without_the_hub(hub_handlers, public, loopback):
    heard = []
    name = hub_handlers.pull("ada/ada", VISITOR, None, lambda share, desc: heard.append((share, desc)))
    assert name == f"ada/ada@{public['ada']}"
    assert any("fetched" in desc for _, desc in heard)
    assert hub_handlers.find(name, "other").title == "Ada Random", "what is public is everybody's"
    assert hub_handlers.find("ada", None) is None
    assert hub_handlers.find("ada/never@main", None) is None
    asked = len(loopback.log)
    assert hub_handlers.pull(name, OTHER, None, quiet) == name
    assert len(loopback.log) == asked


def test_what_only_one_may_use_is_for_nobody_else(hub_handlers, public, loopback, tmp_path):
    loopback.put("ada/secret", make(tmp_path / "secret", size=128, title="Secret"), private=True)
    mine = login(loopback.token("ada"))
    assert len(hub_handlers.search("secret", request=VISITOR, token=mine).names) == 1
    assert not hub_handlers.search("secret", request=OTHER).names
    name = hub_handlers.pull("ada/secret", VISITOR, mine, quiet)
    assert hub_handlers.find(name, "visitor").title == "Secret"
    assert hub_handlers.find(name, "other") is None
    assert hub_handlers.find(name, None) is None
    with pytest.raises(gr.Error):
        hub_handlers.pull(name, OTHER, None, quiet)
    hub_handlers.on_unload(VISITOR)
    hub_handlers.visits.end_session("visitor")
    assert hub_handlers.find(name, "visitor") is None


def test_a_link_brings_its_identity(hub_handlers, public):
    def arrive(**query):
        request = gr.Request(session_hash="visitor")
        request.kwargs = {"query_params": query}
        return hub_handlers.open_link(request, None, quiet)

    assert arrive(identity="ada/ada") == f"ada/ada@{public['ada']}"
    assert arrive(identity=f"ada/ben@{public['ben']}") == f"ada/ben@{public['ben']}"
    assert arrive(identity="ada") == "ada"
    assert arrive() == ""
    for wrong in ("ada/nobody", "../../etc/passwd", "a/b@" + "x" * 400, "https://elsewhere/x"):
        with pytest.raises(gr.Error):
            arrive(identity=wrong)


def test_published_with_a_token_and_not_without(hub_handlers, loopback, tmp_path):
    one = read(make(tmp_path / "carl", size=128, title="Carl"))
    with pytest.raises(HubRefused, match="log in, or paste a token"):
        hub_handlers.publish(one, "ada/carl", "gated", " ", VISITOR, None, quiet)
    told = hub_handlers.publish(one, " ada/carl ", "gated", loopback.token("ada"), VISITOR, None, quiet)
    assert loopback.endpoint + "/ada/carl" in told
    assert loopback.repositories["ada/carl"].gated
    hub_handlers.publish(one, "ada/private", "private", "", VISITOR, login(loopback.token("ada")), quiet)
    assert loopback.repositories["ada/private"].private


def test_a_hub_that_does_not_answer_is_told_of_in_a_sentence(handlers, caplog):
    with LoopbackHub() as gone:
        endpoint = gone.endpoint
    hub = HubHandlers(Hub(endpoint, False, patience_s=0.2, deadline_s=1.0), handlers.visits)
    found = hub.search("", request=VISITOR)
    assert found.names == []
    assert "works without it" in found.message
    with pytest.raises(gr.Error) as error:
        hub.pull("ada/ada", VISITOR, None, quiet)
    assert error.value.message.endswith(".")
    assert all(
        record.levelno == logging.WARNING and not record.exc_info
        for record in caplog.records
        if record.name.startswith("demo")
    )


NASTY = "<img src=x onerror=alert(1)> ${alert(2)} {{alert(3)}} <script>alert(4)</script>"


def test_a_hubs_words_are_never_markup():
    record = HubEntry(
        "a/b", NASTY, "0" * 40, 1, 0, NASTY, NASTY, None, None, True, True, NASTY, {NASTY: 1.0}, (), (NASTY,)
    )
    look = RemoteIdentity(
        record,
        (),
        NASTY,
        dict.fromkeys(("basis", "whose", "scope", "date", "contact", "licence"), NASTY),
        {},
        NASTY,
    )
    about = html.identity_details(look)
    assert "<img" not in about
    assert "<script" not in about
    assert about.count("&lt;img") == 8
    assert html.caption(record).startswith(NASTY), "the gallery shows text"


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ("---\na: b\n---\n\n# Title\n", "# Title"),
        ("# Title\n---\nrest", "# Title\n---\nrest"),
        ("---\nnever closed", "---\nnever closed"),
    ],
)
def test_a_card_is_shown_without_its_front_matter(card, shown):
    assert html.card(card) == shown
    assert len(html.card("x" * 10**6)) == 20_000


def test_what_was_trained_is_published_by_its_key(training, jobs: Jobs, hub_handlers, loopback, snapshots):
    training.hub = hub_handlers
    key = jobs.create()
    jobs.add(key, snapshots(20))
    jobs.inspect(key)
    with pytest.raises(gr.Error, match="not done yet"):
        training.publish(key, "ada/zoe", "public", loopback.token("ada"), VISITOR, None, quiet)
    jobs.start(
        key,
        "Zoë",
        {
            "basis": "self",
            "whose": "me",
            "scope": "tests",
            "date": "2026-01-31",
            "contact": "me",
            "licence": "none",
        },
    )
    assert eventually(lambda: jobs.status(key).state == "done")
    assert "/ada/zoe" in training.publish(
        key, "ada/zoe", "public", loopback.token("ada"), VISITOR, None, quiet
    )
    assert isinstance(hub_handlers.details("ada/zoe", OTHER), IdentityDetails)
