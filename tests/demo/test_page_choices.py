"""What a visitor sets on the swap tab besides photo and identity, each in a real browser."""

import base64
import zipfile

from demo.handlers.swap import Handlers
from demo.page import build
from demo.server.sessions import SessionFiles
from facehub import image
from facehub.image import read_statement

from .browser import Visitor, needs_chromium
from .conftest import photo_of, served

pytestmark = needs_chromium

DROP = """
    const [target, data] = arguments, file = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([file], 'dropped.png', {type: 'image/png'}));
    for (const type of ['dragenter', 'dragover', 'drop'])
        target.dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true, cancelable: true}));
"""
"""A file from the desktop: the events that a browser sends for it."""


def painted(visitor):
    """Where and in which colour the network painted: (3, h, w) differences of raw and original."""
    visitor.picture("#raw"), visitor.picture("#original")
    return visitor.pixels("#raw") - visitor.pixels("#original")


def test_a_photo_is_dragged_onto_the_page(visitor, photo):
    data = base64.b64encode(photo.read_bytes()).decode()
    visitor.act("#photo button", lambda target: visitor.driver.execute_script(DROP, target, data))
    visitor.picture("#photo")
    visitor.picture("#blended")


def test_a_reload_keeps_an_uploaded_photo_and_the_identity(driver, handlers, swapper, photo, tmp_path):
    """Twice: the second time the photo belongs to the visit that the first reload began."""
    kept = SessionFiles(handlers.visits.cache, grace_seconds=60.0)
    with served(build(Handlers(list(handlers.identities.values()), swapper, kept))) as address:
        visitor = Visitor(driver, address)
        visitor.upload(photo)
        first = visitor.picture("#blended")
        visitor.choose_identity("Ben")
        visitor.picture("#blended", but=first)
        for _ in range(2):
            driver.refresh()
            visitor.picture("#photo")
            visitor.picture("#blended")
            assert (visitor.pixels("#original") - image.read(photo).photo.int()).abs().float().mean() < 3
            assert painted(visitor)[2].max() > 60, "the blue of Ben"
        visitor.click("#photo [aria-label='Remove Image']")
        visitor.wait(lambda: not visitor.all("#blended img"))
        driver.refresh()
        visitor.see("#photo button")
        assert not visitor.all("#photo img"), "a photo that was taken away stays away"


def test_a_fresh_page_has_no_photo_to_bring_back(driver, handlers, photo, monkeypatch):
    """The answer, no photo, came late on a busy machine, and took away what was dropped meanwhile."""
    asked = []
    monkeypatch.setattr(
        Handlers, "restore_photo", lambda self, path, request=None: asked.append(path), raising=True
    )
    with served(build(handlers)) as address:
        visitor = Visitor(driver, address)
        visitor.upload(photo)
        visitor.picture("#blended")
    assert asked == []


def test_strength_view_and_mask_follow_at_once(visitor, photo):
    visitor.upload(photo)
    full = visitor.picture("#blended")
    visitor.act(
        "#adjust input[type=number]",
        lambda field: visitor.driver.execute_script(
            "arguments[0].value = 0; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", field
        ),
    )
    none = visitor.picture("#blended", but=full)
    assert (visitor.pixels("#blended") - visitor.pixels("#original")).abs().float().mean() < 3
    whole = visitor.picture("#before-after")
    visitor.click("#view label:last-child")
    visitor.picture("#before-after", but=whole)
    assert visitor.pixels("#before-after").shape[-1] < visitor.pixels("#original").shape[-1], "the face alone"
    visitor.click("#options button")
    visitor.click("#masker label:last-child")
    visitor.picture("#blended", but=none)


def test_several_photos_become_one_zip_file(visitor, photo, tmp_path):
    folder, second = tmp_path / "downloads", tmp_path / "second.png"
    visitor.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    image.write(second, photo_of((200, 60, 60), height=300, width=400), generated=False)
    visitor.click("#batch button")
    visitor.send("#batch-photos", photo, second)
    visitor.wait(lambda: len(visitor.all("#batch-photos tr.file")) == 2)
    visitor.click("#batch-go")
    visitor.wait(lambda: "2 of 2" in visitor.text("#batch-summary"))
    visitor.wait(lambda: visitor.see("#batch-download").is_enabled())
    visitor.click("#batch-download")
    visitor.wait(lambda: list(folder.glob("*.zip")))
    with zipfile.ZipFile(next(folder.glob("*.zip"))) as packed:
        results = [packed.read(name) for name in packed.namelist() if name.endswith(".png")]
    assert len(results) == 2 and all(read_statement(file) for file in results)
