"""Many windows of one browser on one node: a browser has six connections to a host, and one that listens keeps one."""

from tests.browser.conftest import Opens
from tests.browser.street import Street, log_in

HIDE = """() => {
  Object.defineProperty(document, "visibilityState", {value: "%s", configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_windows_that_nobody_looks_at_keep_no_connection(lived: Street, opened: Opens) -> None:
    window = log_in(lived.anna, opened)
    with window.bearing("another window"):
        for _ in range(7):
            window.page.evaluate(HIDE % "hidden")
            behind, window.page = window.page, window.page.context.new_page()
            assert window.page.goto(f"{window.origin}/exchanges") is not None  # it is answered
        window.page.evaluate(HIDE % "hidden")
        with behind.expect_response(lambda answer: "/v1/events?" in answer.url):
            behind.evaluate(HIDE % "visible")
