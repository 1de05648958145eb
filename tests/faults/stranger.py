"""Another user of the machine, who tries to use a node: `python -m tests.faults.stranger UID TRIES`, started as root.

stdin is one JSON object, all that there is to know: socket and home (paths), port, host, secret. Prints how often it
tried, got an answer, and read something: {"tries": …, "answers": …, "read": …}.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

BODY = b"{}"


def request(host: str, secret: str) -> bytes:
    lines = [
        "POST /v1/status HTTP/1.1", f"Host: {host}", "Content-Type: application/json", f"Content-Length: {len(BODY)}",
        *([f"Authorization: Bearer {secret}"] if secret else []),
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode() + BODY


def ask(family: int, place: Any, data: bytes) -> bytes:
    answer = b""
    with socket.socket(family) as s:
        s.settimeout(5)
        try:
            s.connect(place)
            s.sendall(data)
            while piece := s.recv(65536):
                answer += piece
        except OSError:
            pass
    return answer


def readable(home: Path) -> int:
    """How many files in it can be read, or are named to who may not enter."""
    found = 0
    for folder, folders, files in os.walk(home):
        found += len(folders)
        for name in files:
            try:
                with open(os.path.join(folder, name), "rb"):
                    found += 1
            except OSError:
                continue
    return found


def main() -> None:
    uid, tries = int(sys.argv[1]), int(sys.argv[2])
    place = json.load(sys.stdin)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    answers = 0
    for number in range(tries):
        if number % 2:
            answer = ask(socket.AF_INET, ("127.0.0.1", place["port"]), request(place["host"], place["secret"]))
        else:
            answer = ask(socket.AF_UNIX, place["socket"], request("p2pnode", ""))
        answers += bool(answer)
    print(json.dumps({"tries": tries, "answers": answers, "read": readable(Path(place["home"]))}))


if __name__ == "__main__":
    main()
