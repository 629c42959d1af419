#!/usr/bin/env python3
"""tools/screenshots.py: makes the pictures of the documents (docs/images) anew.

It needs Chromium (`make browser`) and a corpus (`make corpus`).

Each is a page that a command writes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CORPUS = Path(os.environ.get("BTFKIT_CORPUS") or os.path.expanduser("~/.cache/btfkit-corpus"))
# Of each picture: the command that writes page.html, its width and its height in pixels.
PICTURES = {
    "check": (
        "check objects/opensnoop-libbpf.bpf.o objects/tcpconnlat-libbpf.bpf.o objects/runqlat-libbpf.bpf.o --kernels hub --html",
        1180,
        640,
    ),
    "layout": ("layout hub/debian/13/x86_64/6.12.107+deb13-amd64.btf.tar.xz file --html", 1180, 760),
}


def browser(width: int, height: int) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or sys.exit("no chromium: run `make browser`")
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--window-size={width},{height + 140}",
    ):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for name, (words, width, height) in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            command = [sys.executable, "-m", "btfkit", *words.split(), str(page), "-q"]
            done = subprocess.run(command, cwd=CORPUS, stdout=subprocess.DEVNULL)
            if done.returncode not in (0, 1):
                sys.exit(f"{' '.join(command)}: exit status {done.returncode}")
            chrome = browser(width, height)
            try:
                chrome.get(page.as_uri())
                chrome.save_screenshot(str(IMAGES / f"{name}.png"))
            finally:
                chrome.quit()
        print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
