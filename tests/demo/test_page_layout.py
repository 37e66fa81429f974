"""The page at the sizes and in the colours that visitors see it in, in a real browser."""

import pytest

from demo.handlers.live import LiveHandlers
from demo.handlers.video import VideoHandlers
from demo.page import build

from .accessibility import AXE, MIN_CONTRAST, axe_findings, contrasts
from .browser import ARTEFACTS, Visitor, needs_chromium
from .conftest import served

pytestmark = needs_chromium


TABS = {
    "swap": "#go",
    "video": "#video-go",
    "live": "#camera",
    "hub": "#found img",
    "train": "#start",
    "check": "#check-go",
    "about": "#about",
}
"""Address of each tab, and what shows that it is open."""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900), (1366, 650)])
def test_the_page_fits_its_window(visitor, photo, width, height):
    visitor.resize(width, height)
    if width > 640:
        bottom = visitor.act("#go", lambda go: go.rect["y"] + go.rect["height"])
        assert bottom <= height, "Swap is visible without scrolling"
    visitor.upload(photo)
    visitor.picture("#before-after")
    visitor.picture("#blended")
    wide = visitor.driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    result, left = (visitor.act(name, lambda one: one.rect) for name in ("#before-after", "#photo"))
    if width > 640:
        assert result["x"] > left["x"] + left["width"] and abs(result["y"] - left["y"]) < 4, "side by side"
        assert result["y"] + result["height"] <= height, "the result needs no scrolling"
    else:
        visitor.wait(
            lambda: (
                abs(
                    visitor.driver.execute_script(
                        "return document.querySelector('#before-after').getBoundingClientRect().top"
                    )
                )
                < height / 2
            )
        )
    heights = {
        visitor.act(name, lambda one: one.rect["height"]) for name in ("#original", "#raw", "#blended")
    }
    assert len(heights) == 1, "the three pictures are of one height"
    cut = visitor.driver.execute_script(
        "return [...document.querySelectorAll('#go, #download, #identities .card, #adjust .block')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth).length"
    )
    assert cut == 0


OPEN_FOLDS = "document.querySelectorAll('button.label-wrap:not(.open)').forEach(fold => fold.click())"

MODES = [(mode, size) for mode in ("light", "dark") for size in ((1366, 650), (390, 844))]


def opened(visitor: Visitor, tab: str) -> bool:
    """Open every fold of a tab. True once they are, and what they compute has come: until then it is pale."""
    visitor.driver.execute_script(OPEN_FOLDS)
    told = visitor.displayed("#timetable")
    return tab != "swap" or bool(told and "clone" in told.text)


@pytest.fixture
def everything(handlers, training, hub_handlers, public):
    """The page with all its tabs."""
    handlers.elsewhere = [training.find, hub_handlers.find]
    page = build(
        handlers, training, hub_handlers, films=VideoHandlers(handlers), webcam=LiveHandlers(handlers)
    )
    with served(page) as address:
        yield address


@pytest.mark.parametrize(("mode", "size"), MODES)
def test_every_text_is_readable_and_axe_finds_nothing_serious(driver, everything, mode, size):
    """Contrast of computed colours, and axe-core where it is installed, on every tab."""
    visitor = Visitor(driver, f"{everything}?__theme={mode}")
    visitor.resize(*size)
    visitor.click("#examples button")
    visitor.picture("#blended")
    for tab, content in TABS.items():
        driver.execute_script("location.hash = arguments[0]", tab)
        visitor.see(content)
        visitor.wait(lambda tab=tab: opened(visitor, tab))
        texts = contrasts(driver)
        assert len(texts) > 8
        assert not [text for text in texts if text[0] < MIN_CONTRAST], tab
        if AXE:
            assert not axe_findings(driver), tab
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(ARTEFACTS / f"{tab}-{mode}-{size[0]}.png"))
    if not AXE:
        pytest.skip("contrast was measured; axe-core is not installed: npm install axe-core")
