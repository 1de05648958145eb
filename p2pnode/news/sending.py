"""Sends one message, as a process of its own: python -m p2pnode.news.sending, with JSON on its standard input.

So that neither a slow service nor a library can hold up the node or grow it, and so that no address stands in a command
line. `{"url", "title", "body"}` → `{"sent": true}` or `{"sent": false, "why"}`; without a body the address is checked
only. What the library itself would print is not passed on: it names addresses.
"""

import html
import json
import os
import subprocess
import sys
from typing import Any

WITHIN = 15  # seconds, of notify-send


def main() -> None:
    asked = json.loads(sys.stdin.buffer.read(65_536))
    out = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        answer = send(asked["url"], asked.get("title", ""), asked.get("body"))
    except Exception as e:
        answer = {"sent": False, "why": f"a fault ({type(e).__name__})"}
    os.write(out, json.dumps(answer).encode())


def send(url: str, title: str, body: str | None) -> dict[str, Any]:
    return _on_the_desktop(title, body) if url == "desktop" else _by_apprise(url, title, body)


def _on_the_desktop(title: str, body: str | None) -> dict[str, Any]:
    if body is None:
        return {"sent": True}
    try:
        subprocess.run(
            ["notify-send", "--app-name=p2pnode", "--", title, html.escape(body, quote=False)],  # a body is markup
            check=True,
            timeout=WITHIN,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return {"sent": False, "why": "notify-send is not installed (Debian: libnotify-bin)"}
    except (OSError, subprocess.SubprocessError):
        return {"sent": False, "why": "notify-send did not show it: is somebody at the desktop?"}
    return {"sent": True}


def _by_apprise(url: str, title: str, body: str | None) -> dict[str, Any]:
    try:
        import apprise
    except ImportError:
        return {"sent": False, "why": "this needs apprise: pip install 'p2pnode[notify]'"}
    to = apprise.Apprise()
    if not to.add(url):
        return {"sent": False, "why": "apprise does not know that kind of address"}
    if body is None or to.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
        return {"sent": True}
    return {"sent": False, "why": "the service did not take it, or cannot be reached"}


if __name__ == "__main__":
    main()
