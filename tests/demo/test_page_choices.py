"""What a visitor sets on the swap tab besides photo and identity, each in a real browser."""

import base64
import threading
import zipfile
from dataclasses import replace

from demo.handlers.swap import Handlers
from demo.page import build
from demo.server.sessions import SessionFiles
from facehub import image
from facehub.image import read_statement

from .browser import ARTEFACTS, Visitor, needs_chromium
from .conftest import CONSENT, TwoFaces, photo_of, served

pytestmark = needs_chromium

WATCH = """
    window.drawn = [];
    const frame = document.querySelector('#raw');
    new MutationObserver(() => frame.querySelectorAll('img').forEach(({src}) => {
        if (src && !window.drawn.includes(src)) window.drawn.push(src);
    })).observe(frame, {childList: true, subtree: true, attributes: true});
"""
"""Notes every picture that is drawn from now on, however briefly."""

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


def test_each_face_gets_its_own_identity(visitor, photo):
    visitor.upload(photo)
    first = visitor.picture("#blended")
    visitor.choose_option("#faces .face:nth-child(2) select", "ben")
    visitor.picture("#blended", but=first)
    red, _, blue = painted(visitor)
    left, right = (slice(240), slice(200)), (slice(240), slice(200, None))  # above the visible mark
    assert red[left].max() > 60 > blue[left].max(), "the first face is Ada's, which is red"
    assert blue[right].max() > 60 > red[right].max(), "the second is Ben's, which is blue"
    visitor.photograph("faces")


def test_a_photo_with_one_face_leaves_nothing_to_choose(driver, handlers, swapper, photo):
    class OneFace(TwoFaces):
        def __call__(self, photos):
            both = super().__call__(photos)
            return replace(both, landmarks=both.landmarks[:1], photo=both.photo[:1])

    def alone(one):
        pipeline = swapper(one)
        pipeline.finder = OneFace()
        return pipeline

    with served(build(Handlers(list(handlers.identities.values()), alone, handlers.visits))) as address:
        visitor = Visitor(driver, address)
        visitor.upload(photo)
        visitor.picture("#blended")
        visitor.says("#faces", "1 face found")
        assert not visitor.all("#faces input") and not visitor.all("#faces select")


def test_no_picture_of_the_identity_before_stands_under_the_next(
    driver, handlers, swapper, photo, monkeypatch
):
    """Ben is chosen while the swap with Ada is at work: nothing of Ada's is drawn, not for a moment."""
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

    made, begun = Handlers(list(handlers.identities.values()), slow, handlers.visits), []
    note = made.cache.note_ticket
    monkeypatch.setattr(made.cache, "note_ticket", lambda *ticket: begun.append(ticket) or note(*ticket))
    with served(build(made)) as address:
        visitor = Visitor(driver, address)
        driver.execute_script(WATCH)
        visitor.upload(photo)
        assert at_work.wait(60)
        before = len(begun)
        visitor.choose_identity("Ben")
        visitor.wait(lambda: len(begun) > before)
        go_on.set()
        visitor.picture("#blended")
        assert painted(visitor)[2].max() > 60, "the blue of Ben"
        assert len(driver.execute_script("return window.drawn")) == 1


def test_the_picture_before_is_hidden_before_the_server_answers(
    driver, handlers, swapper, photo, monkeypatch
):
    made, answer = Handlers(list(handlers.identities.values()), swapper, handlers.visits), threading.Event()
    note = made.cache.note_ticket
    monkeypatch.setattr(made.cache, "note_ticket", lambda *ticket: answer.wait(60) and note(*ticket))
    answer.set()
    with served(build(made)) as address:
        visitor = Visitor(driver, address)
        visitor.upload(photo)
        first = visitor.picture("#blended")
        visitor.see("#before-after img")
        answer.clear()
        visitor.choose_identity("Ben")
        visitor.wait(lambda: not visitor.displayed("#before-after img") and not visitor.displayed("#raw img"))
        answer.set()
        visitor.picture("#blended", but=first)
        visitor.see("#before-after img")
        visitor.see("#raw img")


def test_a_gray_photo_stays_gray(visitor, tmp_path):
    folder, gray = tmp_path / "downloads", tmp_path / "gray.png"
    visitor.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    image.write(gray, photo_of((128, 128, 128), height=300, width=400), generated=False)
    visitor.upload(gray)
    visitor.picture("#blended")
    visitor.click("#download")
    visitor.wait((folder / "gray-ada.png").exists)
    for pixels in (visitor.pixels("#blended"), image.read(folder / "gray-ada.png").photo.int()):
        high = pixels[:, : pixels.shape[1] * 3 // 4]  # above the visible mark
        assert (high.amax(0) - high.amin(0)).max() <= 12, "the watermark apart"
        assert (high[0].float() - photo_of((128, 128, 128), 300, 400)[0, : len(high[0])]).abs().max() > 20


def shelf(handlers, swapper, count: int) -> Handlers:
    """Handlers with so many identities: Ada, Ben, and made-up ones with long names."""
    ada, ben = handlers.identities.values()
    measured = {"table": {"blended": {"retrieved": 0.9}}}
    more = [
        replace(ben, name=f"face_{n}", title=f"Face 02{n} (London Set)", metrics=measured)
        for n in range(count - 2)
    ]
    more[0] = replace(more[0], consent=CONSENT | {"basis": "research"})
    return Handlers([ada, ben, *more], swapper, handlers.visits, examples=handlers.examples * 7)


def test_eight_identities_fit_into_a_low_window(driver, handlers, swapper):
    with served(build(shelf(handlers, swapper, 8))) as address:
        visitor = Visitor(driver, address)
        visitor.resize(1366, 650)
        assert len(visitor.all("#identities .card")) == 8 and not visitor.all("#identities .find")
        for _ in "before a photo", "with one":
            assert visitor.act("#go", lambda go: go.rect["y"] + go.rect["height"]) <= 650
            scrolled = "const row = document.querySelector('#identities .row');"
            scrolled += "return row.scrollHeight - row.clientHeight"
            assert driver.execute_script(scrolled) <= 0, "none of the cards is cut"
            visitor.click("#examples button")
            visitor.picture("#photo")
        driver.save_screenshot(str(ARTEFACTS / "eight-1366.png"))


def test_nine_identities_are_searched_and_narrowed(driver, handlers, swapper):
    with served(build(shelf(handlers, swapper, 9))) as address:
        visitor = Visitor(driver, address)

        def names(count: int) -> None:
            visitor.wait(lambda: sum(c.is_displayed() for c in visitor.all("#identities .card")) == count)

        names(9)
        visitor.type("#identities .narrow", "london set ")
        names(7)
        visitor.choose_option("#identities select", "Research only")
        names(1)
        visitor.photograph("narrowed")
        visitor.type("#identities .narrow", "nobody")
        visitor.says("#identities .nothing", "No identity here")
        names(0)


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
