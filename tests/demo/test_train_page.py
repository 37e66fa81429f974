"""The train tab in a real browser."""

import pytest

from demo.page import build
from demo.runs import Tools

from .browser import Visitor, needs_chromium
from .conftest import eventually, files_in, served

pytestmark = needs_chromium

FORM = {"#title": "Zoë Example", "#whose": "Zoë, who agreed", "#scope": "tests", "#contact": "zoe@example.org"}


class Trainer(Visitor):
    """Somebody who wants to train a face."""

    def __init__(self, driver, url):
        super().__init__(driver, url)
        self.open("Train a face")

    def drop(self, files):
        self.wait(lambda: self.all("#dropped input[type=file]"))[0].send_keys("\n".join(map(str, files)))

    def fill_in(self):
        for field, text in FORM.items():
            self.type(field, text)
        for field in ("#basis", "#licence"):
            self.click(f"{field} input")
            self.wait(lambda: [option for option in self.all("ul[role=listbox] li") if option.is_displayed()])[1].click()

    def reaches(self, state):
        return self.see(f"[data-state={state}]")


@pytest.fixture
def url(handlers, training):
    with served(build(handlers, training)) as address:
        yield address


def test_drop_photos_fill_in_start_stop_go_on_and_use(driver, url, snapshots, gate, training, handlers):
    visitor = Trainer(driver, url)
    visitor.photograph("train-empty")
    visitor.drop(snapshots(20, 2))
    visitor.wait(lambda: len(visitor.all("#kept img")) == 20)
    assert "20 of 22 photos" in visitor.see("#photos-told").text
    reasons = [item.text for item in visitor.all("#left-out .caption-label")]
    assert reasons == [f"Zoë at the sea {number}.png: no face was found" for number in (20, 21)]
    visitor.wait(lambda: visitor.all("#dropped input[type=file]"))
    visitor.click("#start")
    assert "Please also say on what basis the face is used, whose face it is" in visitor.sentence()
    assert len(visitor.all("#kept img")) == 20, "a refusal loses nothing"
    visitor.fill_in()
    visitor.photograph("train-filled-in")
    visitor.click("#start")
    visitor.reaches("running")
    assert "minutes left" in visitor.see("#status").text
    assert not [element for element in visitor.all("#set-up, #kept, #start") if element.is_displayed()]
    gate.step(3)
    visitor.wait(lambda: "3 of 6" in visitor.see("#status").text)
    visitor.picture("#preview")
    visitor.wait(lambda: len(visitor.all("#curves svg")) == 2)
    visitor.photograph("train-running")
    visitor.photograph("train-running", width=390)
    driver.refresh()  # a session of its own, which remembers its key
    visitor.see("#go")
    visitor.open("Train a face")
    visitor.reaches("running")
    visitor.click("#stop")
    visitor.reaches("stopped")
    visitor.photograph("train-stopped")
    visitor.click("#resume")
    gate.step(3)
    visitor.reaches("done")
    assert "98%" in visitor.see("#measures").text
    visitor.photograph("train-done")
    key = visitor.see("#keep input, #keep textarea").get_attribute("value")
    assert not files_in(training.jobs.root / key / "photos")
    visitor.click("#use-trained")
    visitor.wait(lambda: "Zoë Example" in visitor.see("#introduced").text)
    assert visitor.see("#identities .thumbnail-item.selected")
    assert key not in visitor.see("#link input, #link textarea").get_attribute("value")
    asked = visitor.requested()
    assert not [address for address in asked if not address.startswith((visitor.url, "data:", "blob:"))], "nothing comes from elsewhere"
    assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    visitor.open("Train a face")
    visitor.click("#discard")
    visitor.see("#start")
    assert not (training.jobs.root / key).exists()


def test_a_key_brings_a_run_back_and_a_wrong_one_a_sentence(driver, url, snapshots, gate, training):
    visitor = Trainer(driver, url)
    visitor.click("#come-back button")
    visitor.type("#known-key", "A" * 22)
    visitor.click("#back")
    visitor.wait(lambda: "No training goes by this key" in visitor.sentence())
    key = training.jobs.begin()
    training.jobs.add(key, snapshots(20))
    training.jobs.look(key)
    training.jobs.start(key, "Zoë", {"basis": "self", "whose": "me", "scope": "tests", "date": "2026-01-31", "contact": "me", "licence": "none"})
    visitor.type("#known-key", key)
    visitor.click("#back")
    visitor.reaches("running")
    gate.step(6)
    visitor.reaches("done")


def test_who_closes_the_page_takes_photos_along_but_not_a_training(driver, url, snapshots, training):
    visitor = Trainer(driver, url)
    visitor.drop(snapshots(3))
    visitor.wait(lambda: len(visitor.all("#kept img")) == 3)
    (draft,) = [path for path in training.jobs.root.iterdir() if (path / "run.json").exists()]
    driver.get("about:blank")
    assert eventually(lambda: not draft.exists())


def test_the_tab_is_no_wider_than_its_window(driver, url, snapshots):
    visitor = Trainer(driver, url)
    visitor.drop(snapshots(2, 3))
    visitor.wait(lambda: len(visitor.all("#left-out img")) == 3)
    for width in (390, 1280):
        visitor.resize(width, 800)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        parts = "#train button, #train input, #train textarea, #train img"
        cut = "return [...document.querySelectorAll(arguments[0])].filter(e => e.getBoundingClientRect().right > innerWidth).length"
        assert driver.execute_script(cut, parts) == 0


def named(page) -> dict:
    """The page's parts by their names."""
    return {block.elem_id: block for block in page.blocks.values() if getattr(block, "elem_id", None)}


def test_a_page_without_what_training_needs_says_what_to_set(handlers, training):
    assert not named(build(handlers, training))["not-set-up"].visible
    training.jobs.workshop.tools = Tools()
    parts = named(build(handlers, training))
    assert parts["not-set-up"].visible
    assert "FACEHUB_CONTENT" in parts["not-set-up"].value
    assert not parts["start"].interactive


def test_a_space_asks_who_one_is_and_a_server_of_ones_own_for_a_token(handlers, training, monkeypatch):
    monkeypatch.setattr("gradio.routes.attach_oauth", lambda app: None)  # needs what only a Space installs
    here, space = named(build(handlers, training)), named(build(handlers, training, login=True))
    assert (here["token"].visible, "login-train" in here) == (True, False)
    assert (space["token"].visible, "login-train" in space) == (False, True)
