"""Somebody at a real browser. Screenshots are kept in .runs/artefacts for whoever wants to see what was seen."""

import builtins
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from facehub import image

selenium = pytest.importorskip("selenium", reason="the browser tests drive Chromium through selenium: pip install selenium")

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed")

ARTEFACTS = Path(__file__).parents[2] / ".runs" / "artefacts"

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


class Visitor:
    """Somebody at a browser: looks for things by CSS, waits until they are there."""

    def __init__(self, driver: webdriver.Chrome, url: str):
        self.driver, self.url = driver, url
        driver.get(url)
        self.see("#go")

    def wait(self, condition: Callable, seconds: float = 40):
        """What a condition comes to once it holds; parts that the page replaces meanwhile are looked for again."""
        waiting = WebDriverWait(self.driver, seconds, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException])
        return waiting.until(lambda _: condition())

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def see(self, selector: str):
        return self.wait(lambda: next((element for element in self.all(selector) if element.is_displayed()), None))

    def click(self, selector: str) -> None:
        element = self.see(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def open(self, tab: str) -> None:
        """Goes to a tab, which a page that is too narrow for all of them keeps in a menu."""

        def reached() -> bool:
            for button in self.all("button[role=tab]"):
                if button.is_displayed() and button.text == tab:
                    if button.get_attribute("aria-selected") == "true":
                        return True
                    self.driver.execute_script("arguments[0].click()", button)
                    return False
            for button in self.all(".overflow-dropdown button"):
                if button.is_displayed() and button.text == tab:
                    self.driver.execute_script("arguments[0].click()", button)
                    return True
            for menu in self.all(".overflow-menu > button"):
                if menu.is_displayed():
                    self.driver.execute_script("arguments[0].click()", menu)
            return False

        self.wait(reached)

    def type(self, selector: str, text: str) -> None:
        """Into a field, instead of what is there."""
        field = self.see(f"{selector} input, {selector} textarea")
        field.clear()
        field.send_keys(text)

    def upload(self, file: Path) -> None:
        self.wait(lambda: self.all("#photo input[type=file]"))[0].send_keys(str(file))

    def picture(self, selector: str, but: str | None = None) -> str:
        """Address of a picture that has arrived and can be drawn; `but` is one that is to be gone."""

        def arrived() -> str | None:
            script = "const i = document.querySelector(arguments[0]); return i && i.complete && i.naturalWidth > 0 ? i.src : null"
            source = self.driver.execute_script(script, f"{selector} img")
            return source if source != but else None

        return self.wait(arrived)

    def bytes(self, selector: str) -> bytes:
        """The picture's file as the browser got it."""
        script = """
            const done = arguments[1], picture = document.querySelector(arguments[0] + " img");
            fetch(picture.src).then(r => r.arrayBuffer()).then(b => done(Array.from(new Uint8Array(b))));
        """
        return builtins.bytes(self.driver.execute_async_script(script, selector))

    def pixels(self, selector: str):
        """The picture as the browser has it, decoded by us."""
        return image.read(self.bytes(selector)).photo.int()

    def sentence(self) -> str:
        """The toast's. While it fades in it is there, but has no text yet."""
        return self.wait(lambda: self.see("[data-testid=toast-body]").text)

    def resize(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def photograph(self, name: str, width: int = 1280) -> None:
        """The whole page, as high as it is."""
        self.resize(width, 900)
        self.resize(width, self.driver.execute_script("return document.documentElement.scrollHeight"))
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(ARTEFACTS / f"{name}-{width}.png"))

    def requested(self) -> set[str]:
        """Addresses that the page has asked for."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return {params["request"]["url"] for params in sent if params["documentURL"].startswith(self.url)}


def chromium(profile: Path, *more: str) -> webdriver.Chrome:
    """A browser of its own, with `more` flags, which whoever asked for it quits."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, *more, f"--user-data-dir={profile}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
