"""The page in a real browser."""

import threading
from pathlib import Path

import pytest

from demo.handlers import Handlers
from demo.page import build
from facehub import image
from facehub.provenance import read_mark

from .browser import Visitor, needs_chromium
from .conftest import TwoFaces, files_in, photo_of, served

from selenium.webdriver.common.action_chains import ActionChains  # isort: skip -- browser.py skips where selenium is not installed

pytestmark = needs_chromium

COPY = """
    const [address, done] = arguments;
    fetch(address).then(r => r.blob()).then(b => navigator.clipboard.write([new ClipboardItem({[b.type]: b})])).then(done, done);
"""
"""Puts the picture at an address into the browser's clipboard."""


@pytest.fixture
def visitor(driver, url) -> Visitor:
    return Visitor(driver, url)


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "mine.png"
    image.write(path, photo_of((90, 160, 120), height=300, width=400), generated=False)
    return path


def test_upload_choose_swap_and_look(visitor, photo):
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.click("#identities .gallery-item:nth-child(2) button")
    visitor.wait(lambda: "Ben" in visitor.see("#introduced").text)
    visitor.click("#go")
    for name in ("#original", "#raw", "#blended", "#before-after"):
        visitor.picture(name)
    original, raw, blended = (visitor.pixels(name) for name in ("#original", "#raw", "#blended"))
    assert (original == image.read(photo).photo.int()).all()
    assert (raw - original).abs().max() > 100
    high = len(raw[0]) * 3 // 4  # above the visible mark, which is in both
    assert 10 < (blended - original)[:, :high].abs().max() < (raw - original)[:, :high].abs().max()
    changed = (raw != original).any(0)
    assert (raw[2] > raw[0])[changed].float().mean() > 0.6, "the identity that was clicked paints blue"
    assert visitor.see("#download a, a#download, #download").is_displayed()
    visitor.click("#how button")
    visitor.wait(lambda: len([step for step in visitor.all("#steps img") if step.is_displayed()]) == 6)
    visitor.picture("#landmarks")
    assert "clone" in visitor.see("#timetable").text
    visitor.photograph("swapped")
    visitor.photograph("swapped", width=390)


def test_the_slider_uncovers_the_result(visitor, photo):
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.click("#go")
    visitor.picture("#before-after")
    handle = visitor.see("#before-after .inner, #before-after [role=slider], #before-after .handle")
    visitor.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
    before = handle.rect["x"]
    ActionChains(visitor.driver).click_and_hold(handle).move_by_offset(-120, 0).release().perform()
    visitor.wait(lambda: handle.rect["x"] < before - 80)


def test_it_says_what_it_does_while_one_waits(driver, handlers, swapper, photo):
    seen = threading.Event()

    class SlowFinder(TwoFaces):
        def __call__(self, photos):
            assert seen.wait(60)
            return super().__call__(photos)

    def slow(one):
        pipeline = swapper(one)
        pipeline.finder = SlowFinder()
        return pipeline

    with served(build(Handlers(list(handlers.identities.values()), slow, handlers.visits))) as address:
        visitor = Visitor(driver, address)
        visitor.upload(photo)
        visitor.picture("#photo")
        visitor.click("#go")
        visitor.wait(lambda: "Looking for faces" in visitor.see("#blended").text)
        visitor.photograph("waiting")
        seen.set()
        visitor.picture("#blended")


def test_the_download_is_the_marked_picture_at_full_size(visitor, photo, tmp_path):
    folder = tmp_path / "downloads"
    visitor.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.click("#go")
    visitor.picture("#blended")
    visitor.click("#download")
    downloaded = folder / "mine-ada.png"
    visitor.wait(downloaded.exists)
    assert read_mark(downloaded.read_bytes())
    assert (image.read(downloaded).photo == visitor.pixels("#blended")).all()


def test_a_bad_file_is_a_sentence_and_leaves_nothing_behind(visitor, tmp_path, capfd):
    bad = tmp_path / "holiday.jpg"
    bad.write_bytes(b"this is no picture")
    visitor.upload(bad)
    assert "holiday.jpg is not a picture that can be opened" in visitor.sentence()
    visitor.wait(lambda: not visitor.all("#photo img"))
    visitor.click("#go")
    visitor.wait(lambda: "There is no photo yet" in visitor.sentence())
    assert not visitor.all("#blended img")
    visitor.photograph("refused")
    assert "Traceback" not in capfd.readouterr().err


def test_an_example_the_camera_and_the_clipboard_are_photos_too(visitor):
    visitor.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    visitor.click("#examples .gallery-item")
    example = visitor.picture("#photo")
    visitor.click("#photo [aria-label='Capture from camera']")
    visitor.click("#photo .access-wrap button, #photo button:not([aria-label])")
    visitor.wait(lambda: visitor.driver.execute_script("return document.querySelector('#photo video')?.videoWidth > 0"))
    visitor.click("#photo [aria-label='capture photo']")
    snapshot = visitor.picture("#photo", but=example)
    visitor.driver.execute_async_script(COPY, example)
    visitor.click("#photo [aria-label='Paste from clipboard']")
    visitor.picture("#photo", but=snapshot)
    visitor.click("#go")
    visitor.picture("#blended")


def test_nothing_comes_from_elsewhere(visitor, photo):
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.click("#go")
    visitor.picture("#before-after")
    visitor.click("#how button")
    visitor.picture("#landmarks")
    asked = visitor.requested()
    assert any("/file=" in address for address in asked)
    assert not [address for address in asked if not address.startswith((visitor.url, "data:", "blob:"))]
    errors = [entry["message"] for entry in visitor.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_no_wider_than_its_window(visitor, photo, width):
    visitor.resize(width, 800)
    visitor.upload(photo)
    visitor.click("#go")
    visitor.picture("#before-after")
    wide = visitor.driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    heights = {visitor.see(name).rect["height"] for name in ("#original", "#raw", "#blended")}
    assert len(heights) == 1, "the three pictures are of one height"
    cut = visitor.driver.execute_script(
        "return [...document.querySelectorAll('#go, #download, #identities button, #settings .block')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth).length"
    )
    assert cut == 0


def test_who_closes_the_page_takes_everything_along(driver, url, handlers, photo):
    visitor = Visitor(driver, url)
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.click("#go")
    visitor.picture("#blended")
    assert files_in(handlers.visits.cache, "mine-ada.png")
    driver.get("about:blank")
    visitor.wait(lambda: not files_in(handlers.visits.cache))


def test_no_identity_says_how_to_get_one(driver, tmp_path, swapper, handlers):
    with served(build(Handlers([], swapper, handlers.visits))) as address:
        visitor = Visitor(driver, address)
        assert "No identity is installed yet" in visitor.see("#introduced").text
        assert not visitor.see("#go").is_enabled()


def test_a_picture_is_checked_in_its_tab(visitor, photo, tmp_path):
    folder = tmp_path / "downloads"
    visitor.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.click("#go")
    visitor.picture("#blended")
    visitor.click("#download")
    downloaded = folder / "mine-ada.png"
    visitor.wait(downloaded.exists)
    next(tab for tab in visitor.all("button[role=tab]") if tab.text == "Check a picture").click()
    visitor.wait(lambda: visitor.all("#checked input[type=file]"))[0].send_keys(str(downloaded))
    visitor.picture("#checked")
    visitor.click("#check-go")
    visitor.wait(lambda: "made or changed with AI" in visitor.see("#report").text)
    assert "has not been changed since it was signed" in visitor.see("#report").text
    assert len(visitor.all("#report li.found")) == 3
    visitor.photograph("checked")
    visitor.photograph("checked", width=390)
