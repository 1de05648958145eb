"""Pages that each do one thing that none of ours may, and one that does none: what the checks are checked with."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ELSEWHERE = "http://elsewhere.example"
_STYLE = "body{color:#111;background:#fff;margin:0;font:16px sans-serif}"
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'"
_WHOLE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,">{head}</head><body><main><h1>A page</h1>{body}</main></body></html>"""
_WELL = """<p>All is well.</p><form action="/"><label for="q">Street</label><input id="q" name="street">
<label for="z">Name</label><input id="z" name="name"><label for="t">Telephone</label><input id="t" name="tel"></form>"""

# Path: the kind of finding, what stands in the head and in the body, whether the page has a policy.
SINS: dict[str, tuple[str, str, str, bool]] = {
    "/image": ("request", "", f'<img alt="x" src="{ELSEWHERE}/x.png">', False),
    "/link": ("request", f'<link rel="stylesheet" href="{ELSEWHERE}/x.css">', "", False),
    "/fetch": ("request", "", f"<script>fetch('{ELSEWHERE}/x').catch(() => 0)</script>", False),
    "/port": ("request", "", '<img alt="x" src="http://127.0.0.1:9/x.png">', False),
    "/console": ("console", "", "<script>console.error('no')</script>", False),
    "/warning": ("console", "", "<script>console.warn('hm')</script>", False),
    "/throws": ("error", "", "<script>setTimeout(() => { throw new Error('no') })</script>", False),
    "/rejects": ("error", "", "<script>Promise.reject(new Error('no'))</script>", False),
    "/gone": ("error", "", '<img alt="x" src="/404.png">', False),
    "/inline": ("policy", "", "<script>window.x = 1</script>", True),
    "/style": ("policy", "", '<p style="color:#111">x</p>', True),
    "/foreign": ("policy", "", f'<img alt="x" src="{ELSEWHERE}/x.png">', True),
    "/alert": ("dialog", "", "<script>setTimeout(() => alert(1))</script>", False),
    "/window": ("window", "", "<script>window.open('about:blank')</script>", False),
    "/pale": ("axe", "", "<style>p{color:#bbb}</style><p>Hardly to be read</p>", False),
    "/nameless": ("axe", "", "<button></button>", False),
    "/unlabelled": ("axe", "", "<input>", False),
    "/wide": ("layout", "", "<style>div{width:3000px}</style><div>x</div>", False),
    "/out": ("layout", "", "<style>section{width:9em}p{width:12em}</style><section><p>x</p></section>", False),
    "/broken": ("layout", "", "<style>p{width:2em;overflow-wrap:anywhere}</style><p>Neighbourhood</p>", False),
    "/ran": ("script", "", "<script>window.__xss = 1</script>", False),
    "/told": ("script", "", "<script>console.log('__xss')</script>", False),
}
WITHOUT_SCRIPTS = ("/image", "/link", "/gone", "/style", "/foreign", "/wide", "/out", "/broken")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        policy = False
        if self.path == "/style.css":
            kind, text = "text/css", _STYLE
        elif self.path == "/":
            kind, text, policy = "text/html", _WHOLE.format(head="", body=_WELL), True
        elif self.path in SINS:
            _, head, body, policy = SINS[self.path]
            kind, text = "text/html", _WHOLE.format(head=head, body=body)
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        if policy:
            self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None: ...


@contextmanager
def sinners() -> Iterator[str]:
    """Serve the pages; the origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
