"""The train tab in a real browser."""

import pytest

from demo.page import build
from demo.training.records import TrainingAssets

from .accessibility import check_both_modes
from .browser import Visitor, needs_chromium
from .conftest import eventually, files_in, served

from selenium.webdriver.support.expected_conditions import alert_is_present  # isort: skip -- browser.py skips where selenium is not installed

pytestmark = needs_chromium

FORM = {
    "#title": "Zoë Example",
    "#whose": "Zoë, who agreed",
    "#scope": "tests",
    "#contact": "zoe@example.org",
}


class Trainer(Visitor):
    """Somebody who wants to train a face."""

    def __init__(self, driver, url):
        super().__init__(driver, url)
        self.open("Train a face")

    def drop(self, files):
        self.send("#dropped", *files)

    def fill_in(self):
        for field, text in FORM.items():
            self.type(field, text)
        for field in ("#basis", "#licence"):
            self.choose(field, 1)

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
    assert "20 of 22 photos" in visitor.text("#photos-summary")
    reasons = [item.text for item in visitor.all("#left-out .caption-label")]
    assert reasons == [f"Zoë at the sea {number}.png: no face was found" for number in (20, 21)]
    visitor.wait(lambda: visitor.all("#dropped input[type=file]"))
    visitor.click("#start")
    assert (
        "Please also say the name that the page will show, on what basis the face is used"
        in visitor.sentence()
    )
    assert len(visitor.all("#kept img")) == 20, "a refusal loses nothing"
    visitor.fill_in()
    visitor.photograph("train-filled-in")
    visitor.click("#start")
    visitor.reaches("running")
    assert "left" in visitor.text("#status").splitlines()[-1]
    assert not [element for element in visitor.all("#set-up, #kept, #start") if element.is_displayed()]
    gate.step(3)
    visitor.says("#status", "3 of 6")
    visitor.picture("#preview")
    visitor.wait(lambda: len(visitor.all("#curves svg")) == 3)
    visitor.photograph("train-running")
    check_both_modes(driver)
    visitor.photograph("train-running", width=390)
    check_both_modes(driver)
    driver.refresh()  # a session of its own, which remembers its key
    visitor.open("Train a face")
    visitor.reaches("running")
    visitor.click("#stop")
    visitor.reaches("stopped")
    visitor.photograph("train-stopped")
    check_both_modes(driver)
    visitor.click("#resume")
    gate.step(3)
    visitor.reaches("done")
    assert "98%" in visitor.text("#measures")
    visitor.photograph("train-done")
    check_both_modes(driver)
    key = visitor.value("#keep")
    assert not files_in(training.jobs.root / key / "photos")
    visitor.click("#use-trained")
    visitor.says("#introduced", "Zoë Example")
    assert "Zoë Example" in visitor.text("#identities .card:has(:checked)")
    assert key not in driver.current_url
    asked = visitor.requested()
    assert not [address for address in asked if not address.startswith((visitor.url, "data:", "blob:"))], (
        "nothing comes from elsewhere"
    )
    assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    visitor.open("Train a face")
    visitor.click("#discard")
    question = visitor.wait(lambda: alert_is_present()(driver))
    assert "for good" in question.text
    question.dismiss()
    visitor.reaches("done")
    assert (training.jobs.root / key).exists(), "who says no keeps everything"
    visitor.click("#discard")
    visitor.wait(lambda: alert_is_present()(driver)).accept()
    visitor.see("#start")
    assert not (training.jobs.root / key).exists()


def test_a_key_brings_a_run_back_and_a_wrong_one_a_sentence(driver, url, snapshots, gate, training):
    visitor = Trainer(driver, url)
    visitor.click("#come-back button")
    visitor.type("#known-key", "A" * 22)
    visitor.click("#back")
    visitor.wait(lambda: "No training has this key" in visitor.sentence())
    key = training.jobs.create()
    training.jobs.add(key, snapshots(20))
    training.jobs.inspect(key)
    training.jobs.start(
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
        cut = (
            "return [...document.querySelectorAll(arguments[0])].filter(e => "
            "e.getBoundingClientRect().right > innerWidth).length"
        )
        assert driver.execute_script(cut, parts) == 0


def named(page) -> dict:
    """The page's parts by their names."""
    return {block.elem_id: block for block in page.blocks.values() if getattr(block, "elem_id", None)}


def test_a_page_without_what_training_needs_says_what_to_set(handlers, training):
    assert not named(build(handlers, training))["not-set-up"].visible
    training.jobs.workspace.assets = TrainingAssets(open=False)
    parts = named(build(handlers, training))
    assert parts["not-set-up"].visible
    assert "FACEHUB_TRAINING" in parts["not-set-up"].value
    assert not parts["start"].interactive
    assert not parts["set-up"].visible and not parts["come-back"].visible, "no form that leads nowhere"


def test_a_space_asks_who_one_is_and_a_server_of_ones_own_for_a_token(handlers, training, monkeypatch):
    monkeypatch.setattr("gradio.routes.attach_oauth", lambda app: None)  # needs what only a Space installs
    here, space = named(build(handlers, training)), named(build(handlers, training, login=True))
    assert (here["token"].visible, "login-train" in here) == (True, False)
    assert (space["token"].visible, "login-train" in space) == (False, True)
