"""The hub tab in a real browser, against a hub on the loopback."""

import pytest

from demo.page import build
from facehub.hub.api import Hub
from facehub.image import read_statement
from tests.identities import CONSENT, make
from tests.loopback import LoopbackHub

from .accessibility import check_both_modes
from .browser import Visitor, needs_chromium
from .conftest import served

pytestmark = needs_chromium


@pytest.fixture
def url(handlers, training, hub_handlers, public):
    training.hub = hub_handlers
    handlers.elsewhere = [training.find, hub_handlers.find]
    with served(build(handlers, training, hub_handlers)) as address:
        yield address


def cards(visitor) -> list[str]:
    return [card.text for card in visitor.all("#found .caption-label") if card.is_displayed()]


def test_search_look_use_compare_and_send_the_link(driver, url, public, swapper, handlers, loads):
    handlers._swapper = lambda one: swapper(
        handlers.identities["ada"] if "Ada" in one.title else handlers.identities["ben"]
    )
    visitor = Visitor(driver, url)
    visitor.open("Find a face")
    visitor.wait(lambda: len(cards(visitor)) == 2)
    visitor.type("#search", "ben")
    visitor.click("#search-go")
    visitor.wait(lambda: [card.split("\n")[0] for card in cards(visitor)] == ["Ben Random"])
    visitor.click("#found .gallery-item button")
    about = visitor.text(".details")
    for told in ("ada/ben", "A face that belongs to nobody", "Apache-2.0", public["ben"][:7]):
        assert told in about
    visitor.picture("#found-samples")
    visitor.photograph("hub-looked")
    check_both_modes(driver)
    visitor.photograph("hub-looked", width=390)
    check_both_modes(driver)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 390
    visitor.resize(1280, 900)
    visitor.click("#found-samples button")
    visitor.see("#found-samples .preview")
    visitor.photograph("hub-sample")
    visitor.type("#search", "ada")
    visitor.choose("#hub-sort", 1)
    visitor.wait(lambda: len(cards(visitor)) == 2)
    visitor.says("#details", "Choose a face")
    assert not visitor.all("#found-samples img"), "nothing stays of the face that was chosen before"
    visitor.wait(lambda: cards(visitor)[0].startswith("Ben Random"))
    visitor.click("#found .gallery-item button")
    visitor.says("#details", "Publisher")
    visitor.click("#use")
    visitor.says("#introduced", "ada")
    link = f"{url}?identity=ada/ben@{public['ben']}"
    visitor.wait(lambda: driver.current_url.removesuffix("#hub") == link)
    visitor.click("#examples button")
    visitor.picture("#blended")
    visitor.click("#several button")
    visitor.click("#compared input")
    visitor.click("#compare")
    visitor.wait(lambda: len(visitor.all("#grid img")) == 3)
    assert read_statement(visitor.bytes("#grid"))
    visitor.photograph("grid")
    check_both_modes(driver)
    asked = visitor.requested()
    assert not [address for address in asked if not address.startswith((visitor.url, "data:", "blob:"))], (
        "nothing comes from elsewhere"
    )
    visitor = Visitor(driver, link)
    visitor.wait(lambda: "Ben Random" in visitor.text("#introduced") and "ada" in visitor.text("#introduced"))
    assert "ada/ben" in visitor.text("#identities .card:has(:checked)")
    visitor = Visitor(driver, f"{url}?identity=ben")
    visitor.says("#introduced", "Ben")


def test_the_hub_is_narrowed_to_one_basis_of_use(driver, url, loopback, tmp_path):
    folder = make(
        tmp_path / "eve",
        size=128,
        title="Eve Herself",
        consent=CONSENT | {"basis": "self", "whose": "Eve, who trained it"},
    )
    loopback.put("eve/eve", folder)
    visitor = Visitor(driver, url)
    visitor.open("Find a face")
    visitor.wait(lambda: len(cards(visitor)) == 3)
    visitor.choose("#hub-basis", 1)
    visitor.wait(lambda: [card.split("\n")[0] for card in cards(visitor)] == ["Eve Herself"])
    visitor.choose("#hub-basis", 2)
    visitor.says("#found-message", "Choose another basis")
    assert not cards(visitor)
    visitor.choose("#hub-basis", 0)
    visitor.wait(lambda: len(cards(visitor)) == 3)


def test_hostile_words_run_nothing(driver, url, loopback, tmp_path):
    title = "${document.title = 1} {{alert(3)}} &lt;b&gt; javascript"
    loopback.put("eve/first", make(tmp_path / "eve", size=128, title=title))
    card = "plain\n\n**bold** ${document.title = 2}\n"
    hostile = dict.fromkeys(("whose", "scope", "contact", "licence"), "<img src=x onerror=document.title=4>")
    folder = make(
        tmp_path / "mal", size=128, title="Mal", consent=hostile | {"basis": "self", "date": "2026-01-31"}
    )
    (folder / "README.md").write_text(
        (folder / "README.md").read_text().split("\n# ")[0].replace("<img", "img") + "\n" + card
    )
    loopback.put("eve/second", folder)
    visitor = Visitor(driver, url)
    visitor.open("Find a face")
    visitor.wait(lambda: len(cards(visitor)) == 4)
    seen = " ".join(cards(visitor))
    assert title in seen
    for name in ("first", "second"):
        visitor.type("#search", name)
        visitor.click("#search-go")
        visitor.wait(lambda: len(cards(visitor)) == 1)
        visitor.click("#found .gallery-item button")
        visitor.wait(lambda name=name: f"eve/{name}" in visitor.text("#details"))
        if name == "second":
            assert "<img src=x onerror" in visitor.text("#details")
    visitor.click("#card button")
    assert "**bold** ${document.title = 2}" in visitor.see("#card-text textarea").get_attribute("value")
    assert not visitor.all("#details img, #details script, #details b")
    assert driver.title == "facehub"


def test_without_a_hub_the_rest_works(driver, handlers, hub_handlers):
    with LoopbackHub() as gone:
        endpoint = gone.endpoint
    hub_handlers.hub = Hub(endpoint, False, patience_s=0.2, deadline_s=1.0)
    with served(build(handlers, hub=hub_handlers)) as address:
        visitor = Visitor(driver, f"{address}?identity=ada/ada")
        visitor.wait(lambda: visitor.sentence())
        visitor.open("Find a face")
        visitor.says("#found-message", "works without it")
        visitor.photograph("hub-unreachable")
        visitor.open("Swap a photo")
        visitor.click("#examples button")
        visitor.picture("#blended")
