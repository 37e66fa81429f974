"""Somebody at a real browser. Screenshots are kept in .runs/artefacts for whoever wants to see what was
seen."""

import builtins
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from facehub import image

selenium = pytest.importorskip(
    "selenium", reason="the browser tests drive Chromium through selenium: pip install selenium"
)

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import (  # noqa: E402
    ElementClickInterceptedException,
    ElementNotInteractableException,
    InvalidElementStateException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed"
)

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


PASSING = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    InvalidElementStateException,
    StaleElementReferenceException,
)
"""Errors of an element that the page is still replacing or moving: find it again, and try again."""


KEEP_MESSAGES = """
window.messages = [];
new MutationObserver(() => document.querySelectorAll('.toast-body').forEach(toast => {
    if (!window.messages.includes(toast.innerText)) window.messages.push(toast.innerText);
})).observe(document.body, {childList: true, subtree: true, characterData: true});
"""
"""What the page said, also after it is gone."""


class Visitor:
    """A visitor in a browser. Every method finds its element and acts on it inside one retry."""

    def __init__(self, driver: webdriver.Chrome, url: str):
        self.driver, self.url = driver, url
        driver.get(url)
        self.see("#go")
        driver.execute_script(KEEP_MESSAGES)

    def wait(self, condition: Callable, seconds: float = 60):
        """Return the condition's value once it is true. Elements that the page replaces meanwhile are found
        again. A time-out says what the page says, and leaves a screenshot."""
        waiting = WebDriverWait(self.driver, seconds, poll_frequency=0.05, ignored_exceptions=list(PASSING))
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException as problem:
            ARTEFACTS.mkdir(parents=True, exist_ok=True)
            picture = ARTEFACTS / f"time-out-{time.time_ns()}.png"
            self.driver.save_screenshot(str(picture))
            says, said = self.driver.execute_script("return [document.body.innerText, window.messages]")
            errors = [entry["message"] for entry in self.driver.get_log("browser")]
            problem.msg = f"{picture}; the page says {says!r}; its messages {said}; its log {errors}"
            raise

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def displayed(self, selector: str):
        """The first element that is displayed now, or None."""
        return next((element for element in self.all(selector) if element.is_displayed()), None)

    def see(self, selector: str):
        """Wait for an element to be displayed. Act on it with `act`: this one may be replaced at any time."""
        return self.wait(lambda: self.displayed(selector))

    def act(self, selector: str, action: Callable):
        """Find a displayed element and return `action(element)`, both again for as long as the page
        replaces it."""

        def found_and_done() -> tuple | None:
            element = self.displayed(selector)
            return (action(element),) if element else None

        return self.wait(found_and_done)[0]

    def text(self, selector: str) -> str:
        return self.act(selector, lambda element: element.text)

    def says(self, selector: str, words: str) -> str:
        """Wait until an element's text contains these words; return the text."""

        def said() -> str | None:
            element = self.displayed(selector)
            text = element.text if element else ""
            return text if words in text else None

        return self.wait(said)

    def value(self, selector: str) -> str:
        """Content of a text field."""
        return self.act(f"{selector} input, {selector} textarea", lambda field: field.get_attribute("value"))

    def click(self, selector: str) -> None:
        def press(element) -> None:
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()

        self.act(selector, press)

    def open(self, tab: str) -> None:
        """Open a tab, also from the menu that holds some on a narrow page."""

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
        """Put a text into a field in place of what is there, until the field has it."""
        field = f"{selector} input, {selector} textarea"

        def put(element) -> bool:
            element.clear()
            element.send_keys(text)
            return element.get_attribute("value") == text

        self.wait(lambda: self.act(field, put))

    def choose(self, selector: str, index: int) -> None:
        """Open a drop-down and take an option; again where the page closed the list meanwhile."""

        def chosen() -> bool:
            options = [option for option in self.all("ul[role=listbox] li") if option.is_displayed()]
            if len(options) <= index:
                self.click(f"{selector} input")
                return False
            options[index].click()
            return True

        self.wait(chosen)

    def choose_option(self, selector: str, value: str) -> None:
        """Take an option of a native menu. chromedriver's own click can fail between the choice and its
        events, and then sends none."""
        script = """
            arguments[0].value = arguments[1];
            for (const type of ['input', 'change'])
                arguments[0].dispatchEvent(new Event(type, {bubbles: true}));
        """
        self.act(selector, lambda menu: self.driver.execute_script(script, menu, value))

    def choose_identity(self, title: str, selector: str = "#identities") -> None:
        """Click an identity's card, until it is the chosen one."""

        def chosen() -> bool:
            for card in self.all(f"{selector} .card"):
                if title in card.text:
                    self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", card)
                    radio = card.find_element(By.TAG_NAME, "input")
                    if not radio.is_selected():
                        card.click()
                    return radio.is_selected()
            return False

        self.wait(chosen)

    def send(self, selector: str, *files: Path) -> None:
        """Give files to an upload's input, which need not be displayed."""

        def sent() -> bool:
            inputs = self.all(f"{selector} input[type=file]")
            if inputs:
                inputs[0].send_keys("\n".join(map(str, files)))
            return bool(inputs)

        self.wait(sent)

    def upload(self, file: Path) -> None:
        self.send("#photo", file)

    def picture(self, selector: str, but: str | None = None) -> str:
        """Address of a picture that has been loaded; wait while it is still `but`."""

        def arrived() -> str | None:
            script = (
                "const i = document.querySelector(arguments[0]);"
                "return i && i.complete && i.naturalWidth > 0 ? i.src : null"
            )
            source = self.driver.execute_script(script, f"{selector} img")
            return source if source != but else None

        return self.wait(arrived)

    def bytes(self, selector: str) -> bytes:
        """The picture's file as the browser got it, once there is one: the page may be replacing it."""
        script = """
            const done = arguments[1], picture = document.querySelector(arguments[0] + " img");
            if (!picture) return done(null);
            fetch(picture.src).then(r => r.arrayBuffer()).then(b => done(Array.from(new Uint8Array(b))));
        """
        return builtins.bytes(self.wait(lambda: self.driver.execute_async_script(script, selector)))

    def pixels(self, selector: str):
        """The picture as the browser has it, decoded by us."""
        return image.read(self.bytes(selector)).photo.int()

    def sentence(self) -> str:
        """The toast's text. While it fades in it has none yet."""
        return self.wait(lambda: self.text("[data-testid=toast-body]"))

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
