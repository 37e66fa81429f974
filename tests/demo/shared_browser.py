"""One browser for many tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .browser import chromium

from selenium import webdriver  # isort: skip -- browser.py skips where selenium is not installed
from selenium.common.exceptions import WebDriverException  # isort: skip


class SharedBrowser:
    """A browser that is started when it is first asked for, and again when it has died."""

    def __init__(self, profile: Callable[[], Path]):
        self._profile, self._driver, self._home = profile, None, ""

    @contextmanager
    def new_tab(self) -> Iterator[webdriver.Chrome]:
        """A tab for which nothing was before: no cookie, nothing stored, no message in the logs."""
        driver = self._ready()
        driver.switch_to.new_window("tab")
        driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "all"})
        for log in ("performance", "browser"):
            driver.get_log(log)
        try:
            yield driver
        finally:
            with suppress(WebDriverException):  # one that has died is started anew for the next test
                self._close_tabs(driver)

    def quit(self) -> None:
        """End the browser."""
        if self._driver:
            self._driver.quit()

    def _ready(self) -> webdriver.Chrome:
        if self._driver:
            with suppress(WebDriverException):
                self._driver.switch_to.window(self._home)
                return self._driver
        self.quit()
        self._driver = chromium(self._profile())
        self._home = self._driver.current_window_handle
        return self._driver

    def _close_tabs(self, driver: webdriver.Chrome) -> None:
        for tab in set(driver.window_handles) - {self._home}:
            driver.switch_to.window(tab)
            driver.close()
        driver.switch_to.window(self._home)
