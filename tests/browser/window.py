"""A browser window on the page of one node, and what must never happen in it.

Whatever happens is noted as it happens; `check` adds what can only be seen by looking: accessibility and layout.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, Response

DESKTOP = (1280, 800)
PHONE = (390, 844)
GRAVE = ("serious", "critical")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PATIENCE = 20_000  # ms
MARK = "__xss"  # what the hostile texts set where they run

_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
_RUN_AXE = """async ([rules, grave]) => (await axe.run(document, {runOnly: {type: "tag", values: rules}}))
  .violations.filter(v => grave.includes(v.impact))
  .flatMap(v => v.nodes.map(n => `${v.impact} ${v.id}: ${n.target.join(" ")}: ${n.failureSummary}`))"""
_TOO_WIDE = """() => {
  const name = e => e.localName + [...e.classList].map(c => "." + c).join("");
  const right = e => e.getBoundingClientRect().right;
  const found = [], wide = document.scrollingElement.scrollWidth, room = document.documentElement.clientWidth;
  if (wide > room) found.push(`the page is ${wide} px wide, the window ${room}`);
  for (const e of document.body.querySelectorAll("main *")) {
    const box = e.parentElement.closest("section, article, aside, li, main");
    let inside = e.parentElement;
    while (inside !== box && getComputedStyle(inside).overflowX === "visible") inside = inside.parentElement;
    if (inside === box && e.getBoundingClientRect().width > 2 && right(e) > right(box) + 1)
      found.push(`${name(e)} sticks out of ${name(box)} by ${Math.round(right(e) - right(box))} px`);
  }
  return found.slice(0, 5);
}"""
_BROKEN = """() => {
  const found = [], range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const box = node.parentElement;
    if (box.closest("code, textarea") || box.getBoundingClientRect().width < 2) continue;
    for (const word of node.data.matchAll(/(?<!\\S)\\p{L}{2,14}(?![^\\s.,:;!?)])/gu)) {
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter(r => r.width > 0).map(r => Math.round(r.top)));
      if (lines.size > 1) found.push(`"${word[0]}" is broken over ${lines.size} lines, in ${box.localName}`);
    }
  }
  return found;
}"""


class Finding(NamedTuple):
    kind: str  # request, console, error, policy, dialog, window, axe, layout, script
    what: str
    where: str  # the path at which it was seen

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}: {self.what}"


class Window:
    """One person's browser, with cookies of its own. origin: of the node's page; nothing else may be asked for.

    size: width and height in CSS pixels. scripts: whether JavaScript runs. unsigned: whether a certificate that nobody
    else has signed is taken without a warning.
    """

    def __init__(
        self,
        browser: Browser,
        origin: str,
        size: tuple[int, int] = DESKTOP,
        *,
        dark: bool = False,
        scripts: bool = True,
        language: str = "en-GB",
        unsigned: bool = False,
    ) -> None:
        self.origin = origin
        self.scripts = scripts
        self.findings: list[Finding] = []
        self._borne: list[str] = []
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            is_mobile=size[0] < 600,
            has_touch=size[0] < 600,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=scripts,
            locale=language,
            timezone_id="Europe/Berlin",
            service_workers="block",
            ignore_https_errors=unsigned,
        )
        self._context.set_default_timeout(PATIENCE)
        self._context.on("request", self._requested)
        self._context.on("console", self._said)
        self._context.on("weberror", lambda e: self._note("error", str(e.error)))
        self._context.on("response", self._answered)
        self.page: Page = self._context.new_page()
        self.page.on("dialog", self._asked)
        self._context.on("page", lambda other: self._note("window", f"another window: {other.url}"))
        session = self._context.new_cdp_session(self.page)
        session.on("Audits.issueAdded", self._issue)
        session.send("Audits.enable")

    # ---- what is seen as it happens --------------------------------------------------------------------------------

    def _note(self, kind: str, what: str) -> None:
        if not any(word in what for word in self._borne):
            self.findings.append(Finding(kind, what, urlsplit(self.page.url).path if hasattr(self, "page") else "/"))

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != self.origin and parts.scheme not in ("data", "blob", "about"):
            self._note("request", f"{request.method} {request.url[:200]}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._note("error", f"answer {response.status} to {response.request.method} {response.url[:200]}")

    def _said(self, message: ConsoleMessage) -> None:
        if MARK in message.text:
            self._note("script", message.text[:500])
        elif message.type in ("error", "warning", "assert"):
            self._note("console", f"{message.type}: {message.text[:500]}")

    def _asked(self, dialog: Dialog) -> None:
        self._note("dialog", f"{dialog.type}: {dialog.message[:200]}")
        dialog.dismiss()

    def _issue(self, event: dict[str, Any]) -> None:
        details = event["issue"]["details"].get("contentSecurityPolicyIssueDetails")
        if details:
            self._note("policy", f"{details['violatedDirective']}: {details.get('blockedURL', 'inline')}")

    @contextmanager
    def bearing(self, *words: str) -> Iterator[None]:
        """Within, what says one of these words is no finding: a refusal that the test is about."""
        self._borne += words
        try:
            yield
            self.page.wait_for_timeout(50)  # what the browser says of it may come after the answer
        finally:
            del self._borne[-len(words) :]

    # ---- what is looked for ----------------------------------------------------------------------------------------

    def look(self) -> list[Finding]:
        """All that was found so far, and what can be seen now: a page too wide, words broken, axe's serious findings.
        axe waits for timers, which stand still where scripts do: what it would find there, it finds with scripts.
        """
        for line in self.page.evaluate(_TOO_WIDE) + self.page.evaluate(_BROKEN):
            self._note("layout", line)
        if self.scripts:
            if self.page.evaluate(f"() => window.{MARK} !== undefined"):
                self._note("script", f"window.{MARK} is set")
            self.page.evaluate(_AXE)
            for line in self.page.evaluate(_RUN_AXE, [RULES, GRAVE]):
                self._note("axe", line)
        return self.findings

    def check(self) -> None:
        """`AssertionError` that names every finding; each is named once, so that the next page is not blamed."""
        found = list(dict.fromkeys(map(str, self.look())))
        self.findings.clear()
        assert not found, "\n".join([f"{len(found)} findings on {self.page.url}", *found])

    # ---- what people do --------------------------------------------------------------------------------------------

    def go(self, path: str) -> Page:
        """Type the address of a page of this node."""
        self.page.goto(self.origin + path)
        return self.page

    def picture(self, file: Path, whole: bool = False) -> None:
        """What is in the window now, as it stands, to a PNG file. whole: and what is below it."""
        self.page.screenshot(path=file, animations="disabled", caret="hide", full_page=whole)

    def close(self) -> None:
        self._context.close()
