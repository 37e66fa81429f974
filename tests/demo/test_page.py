"""The page in a real browser."""

import threading

import httpx

from demo.handlers.swap import Handlers
from demo.page import build
from facehub import image
from facehub.image import read_statement

from .browser import Visitor, needs_chromium
from .conftest import TwoFaces, files_in, photo_of, served

from selenium.webdriver.common.action_chains import ActionChains  # isort: skip -- browser.py skips where selenium is not installed

pytestmark = needs_chromium

COPY = """
    const [address, done] = arguments;
    fetch(address).then(r => r.blob())
        .then(b => navigator.clipboard.write([new ClipboardItem({[b.type]: b})])).then(done, done);
"""
"""Puts the picture at an address into the browser's clipboard."""


def test_upload_choose_swap_and_look(visitor, photo):
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.picture("#blended")
    visitor.choose_identity("Ben")
    visitor.says("#introduced", "Ben")
    visitor.wait(lambda: "ben" in visitor.driver.current_url)
    visitor.click("#go")
    for name in ("#original", "#raw", "#blended", "#before-after"):
        visitor.picture(name)
    original, raw, blended = (visitor.pixels(name) for name in ("#original", "#raw", "#blended"))
    assert (original - image.read(photo).photo.int()).abs().float().mean() < 3
    assert (raw - original).abs().max() > 100
    high = len(raw[0]) * 3 // 4  # above the visible mark, which is in both
    assert 10 < (blended - original)[:, :high].abs().max() < (raw - original)[:, :high].abs().max()
    changed = ((raw - original).abs() > 60).any(0)
    assert (raw[2] > raw[0])[changed].float().mean() > 0.6, "the identity that was clicked paints blue"
    visitor.see("#download")
    visitor.click("#how button")
    visitor.wait(lambda: len([step for step in visitor.all("#steps img") if step.is_displayed()]) == 6)
    visitor.picture("#landmarks")
    assert "clone" in visitor.text("#timetable")
    visitor.photograph("swapped")
    visitor.photograph("swapped", width=390)


def test_the_slider_uncovers_the_result(visitor, photo):
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.picture("#before-after")
    handle = visitor.see("#before-after .inner, #before-after [role=slider], #before-after .handle")
    visitor.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
    before, frame = handle.rect["x"], visitor.see("#before-after").rect
    assert before < frame["x"] + frame["width"] / 2, "what one sees first is the result"
    ActionChains(visitor.driver).click_and_hold(handle).move_by_offset(120, 0).release().perform()
    visitor.wait(lambda: handle.rect["x"] > before + 80)


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
        visitor.says("#before-after", "Looking for faces")
        visitor.photograph("waiting")
        seen.set()
        visitor.picture("#blended")


def test_the_download_is_the_marked_picture_at_full_size(visitor, photo, tmp_path):
    folder = tmp_path / "downloads"
    visitor.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.picture("#blended")
    visitor.click("#download")
    downloaded = folder / "mine-ada.png"
    visitor.wait(downloaded.exists)
    assert read_statement(downloaded.read_bytes())
    close = (image.read(downloaded).photo.int() - visitor.pixels("#blended")).abs().float().mean()
    assert close < 4, "the page shows it as WebP"
    visitor.click("#format label:last-child")
    visitor.click("#download")
    visitor.wait((folder / "mine-ada.jpg").exists)


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
    visitor.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    visitor.click("#examples button")
    example = visitor.picture("#photo")
    visitor.click("#photo [aria-label='Capture from camera']")
    visitor.click("#photo .access-wrap button, #photo button:not([aria-label])")
    visitor.wait(
        lambda: visitor.driver.execute_script("return document.querySelector('#photo video')?.videoWidth > 0")
    )
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


def test_it_swaps_by_itself_and_shows_nothing_stale(visitor, photo):
    visitor.click("#examples button")
    first = visitor.picture("#blended")
    visitor.choose_identity("Ben")
    second = visitor.picture("#blended", but=first)
    pixels = visitor.pixels("#raw") - visitor.pixels("#original")
    assert (pixels[2] - pixels[0]).max() > 60, "the blue of the identity that was clicked"
    visitor.click("#faces .face:nth-child(2) label")
    visitor.picture("#blended", but=second)
    change = (visitor.pixels("#raw") - visitor.pixels("#original")).abs()[:, :100]
    assert change[..., 120:].float().mean() < 4 < change[..., :120].float().mean(), (
        "the right face was left out"
    )
    visitor.driver.refresh()
    visitor.picture("#photo")
    visitor.picture("#blended")
    assert "Ben" in visitor.text("#introduced"), "the address keeps the identity, the reload the photo"


def test_a_failed_swap_clears_the_old_pictures_and_its_message_goes(visitor, photo, tmp_path):
    visitor.upload(photo)
    visitor.picture("#blended")
    black = tmp_path / "black.png"
    image.write(black, photo_of((0, 0, 0)), generated=False)
    visitor.click("#photo [aria-label='Remove Image']")
    visitor.upload(black)
    assert "No face was found" in visitor.sentence()
    assert not visitor.all("#blended img") and not visitor.all("#before-after img")
    visitor.click("#examples button")
    visitor.picture("#blended")
    visitor.wait(lambda: not visitor.all("[data-testid=toast-body]"))


def test_a_photo_that_comes_during_a_swap_is_swapped_too(driver, handlers, swapper, photo, tmp_path):
    at_work, go_on = threading.Event(), threading.Event()

    def slow(one):
        pipeline = swapper(one)
        paint = pipeline.generator.forward

        def forward(crop):
            at_work.set()
            assert go_on.wait(60)
            return paint(crop)

        pipeline.generator.forward = forward
        return pipeline

    second = tmp_path / "second.png"
    image.write(second, photo_of((200, 60, 60), height=300, width=400), generated=False)
    with served(build(Handlers(list(handlers.identities.values()), slow, handlers.visits))) as address:
        visitor = Visitor(driver, address)
        visitor.upload(photo)
        assert at_work.wait(60)
        first = visitor.see("#faces img").get_attribute("src")
        visitor.click("#photo [aria-label='Remove Image']")
        visitor.upload(second)
        visitor.wait(lambda: visitor.see("#faces img").get_attribute("src") != first)
        go_on.set()
        visitor.picture("#blended")
        red, green, _ = visitor.pixels("#original").float().mean((1, 2))
        assert red > 2 * green, "the second photo"


def test_tabs_have_addresses_and_back_goes_back(visitor):
    visitor.open("About")
    visitor.wait(lambda: visitor.driver.current_url.endswith("#about"))
    visitor.open("Check a picture")
    visitor.wait(lambda: visitor.driver.current_url.endswith("#check"))
    visitor.driver.back()
    visitor.see("#about")
    visitor.driver.get(f"{visitor.url}#check")
    visitor.driver.refresh()
    visitor.see("#check-go")


def test_a_mistyped_address_shows_the_page(visitor):
    visitor.driver.get(f"{visitor.url}chekc/it?x=1")
    visitor.see("#go")
    assert visitor.driver.current_url == visitor.url
    answer = httpx.get(f"{visitor.url}chekc", headers={"accept": "application/json"})
    assert answer.status_code == 404 and "/?view=api" in answer.json()["detail"], "a program gets a sentence"


def test_who_closes_the_page_takes_everything_along(driver, url, handlers, photo):
    visitor = Visitor(driver, url)
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.picture("#blended")
    assert files_in(handlers.visits.cache, "blended.jpg")
    driver.get("about:blank")
    visitor.wait(lambda: not files_in(handlers.visits.cache))


def test_no_identity_says_how_to_get_one(driver, tmp_path, swapper, handlers):
    with served(build(Handlers([], swapper, handlers.visits))) as address:
        visitor = Visitor(driver, address)
        assert "No identity is installed yet" in visitor.text("#introduced")
        assert not visitor.see("#go").is_enabled()


def test_a_picture_is_checked_in_its_tab(visitor, photo, tmp_path):
    folder = tmp_path / "downloads"
    visitor.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    visitor.upload(photo)
    visitor.picture("#photo")
    visitor.picture("#blended")
    visitor.click("#download")
    downloaded = folder / "mine-ada.png"
    visitor.wait(downloaded.exists)
    visitor.open("Check a picture")
    visitor.send("#checked", downloaded)
    visitor.picture("#checked")
    visitor.click("#check-go")
    visitor.says("#report", "made or changed with AI")
    assert "has not been changed since it was signed" in visitor.text("#report")
    assert len(visitor.all("#report li.found")) == 3
    visitor.photograph("checked")
    visitor.photograph("checked", width=390)
    visitor.click("#checked [aria-label='Remove Image']")
    visitor.send("#checked", photo)
    visitor.picture("#checked")
    visitor.wait(lambda: not visitor.all("#report .verdict"))
