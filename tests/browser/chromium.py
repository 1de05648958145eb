"""Debian's Chromium, driven by playwright. No browser is downloaded: what the system has is used, or nothing is."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser")
OF_ITSELF = ("google.com", "googleapis.com", "gvt1.com")  # whom Chromium calls unasked, whatever it shows
FLAGS = ("--disable-gpu", "--font-render-hinting=none")


def lacking() -> str:
    """Why no browser can be driven here, in words that name what to install; empty if one can."""
    if executable() is None:
        return "no Chromium here: apt-get install chromium"
    if find_spec("axe_playwright_python") is None:
        return "no axe here: scripts/setup.sh dev"
    return ""


def executable() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def launched(playwright: Playwright, trap: "Trap") -> Iterator[Browser]:
    """A headless browser that reaches nothing but loopback: all else goes to the trap."""
    browser = playwright.chromium.launch(
        executable_path=executable(),
        args=list(FLAGS),
        proxy={"server": f"http://127.0.0.1:{trap.port}", "bypass": "127.0.0.1"},
    )
    try:
        yield browser
    finally:
        browser.close()


class Trap:
    """A proxy that lets nothing through and remembers what was asked of it: what pages want from elsewhere, whether or
    not the browser tells of it as a request of theirs."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                try:
                    first = caller.recv(4096).split(b"\r\n")[0].decode(errors="replace")
                    caller.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    continue
                if first and not _host(first).endswith(OF_ITSELF):
                    self.asked.append(first)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


def _host(line: str) -> str:
    """Of the first line that a proxy is sent: `CONNECT host:443 HTTP/1.1`, `GET http://host/path HTTP/1.1`."""
    target = line.split(" ")[1] if " " in line else ""
    return urlsplit(target if "://" in target else f"//{target}").hostname or ""
