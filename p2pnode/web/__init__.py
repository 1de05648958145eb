"""The web page, and the port of loopback on which a browser reaches it: see docs/web.md."""
