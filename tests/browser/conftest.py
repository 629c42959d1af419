"""A real browser for the pages: Debian's chromium without a window, driven by selenium; skipped, with the reason, without it."""

from __future__ import annotations

import shutil

import pytest

from needs import lacks, module

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1280,900",
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A chromium with a profile of its own."""
    webdriver = module("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        lacks("browser")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_page_load_timeout(60)
    yield chrome
    chrome.quit()


@pytest.fixture
def visit(browser, tmp_path):
    """A function that shows a page (bytes) in the browser; afterwards it must not have complained, nor loaded anything."""

    def show(page: bytes):
        path = tmp_path / "page.html"
        path.write_bytes(page)
        browser.get_log("browser")
        browser.get(path.as_uri())
        return browser

    yield show
    assert browser.get_log("browser") == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert loaded == []
