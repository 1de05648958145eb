"""Text that would do something if it were not escaped. Put it into every field that somebody else can fill."""

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg/onload=alert(1)>",
    "</textarea></title></style><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--<script>-->",
    "%(n)s %s {0} %",
    "<a href=//evil.example>x</a>",
    "<form action=//evil.example><button>x</form>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "hx-get='/do/x' <b hx-on:click=alert(1)>x</b>",
)


TURNED = "\u202egpj.exe\u2066\x1b[2J"  # records refuse it; names and addresses of peers may hold it


def mixed(length: int) -> str:
    """As many of them as there is room for, in one text."""
    found = ""
    for text in HOSTILE:
        if len(found) + len(text) + 1 <= length:
            found += f"{text} "
    return found.strip()
