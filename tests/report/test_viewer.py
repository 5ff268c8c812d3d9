"""The server of `vau-bench view`: to this machine alone, only what the report needs, and it ends cleanly."""

from __future__ import annotations

import html
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vau_bench.errors import RunError
from vau_bench.evaluation import Silent
from vau_bench.report.viewer import Viewer
from vau_bench.report.writing import read_book

Run = Callable[..., Path]


@pytest.fixture
def viewer(make_run: Run) -> Iterator[Viewer]:
    run = make_run("clips_grounding", frames="uniform(5)")
    with Viewer(read_book([run], None, None, Silent())) as made:
        serving = threading.Thread(target=made.serve)
        serving.start()
        yield made
        made.stop()
        serving.join()


def ask(viewer: Viewer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    port = int(viewer.address.rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = (answer.status, dict(answer.getheaders()), answer.read())
    connection.close()
    return found


def test_it_listens_on_this_machine_alone(viewer: Viewer) -> None:
    assert viewer.address.startswith("http://127.0.0.1:")
    assert viewer._server.server_address[0] == "127.0.0.1"


def test_the_page_holds_no_data_and_may_ask_its_server_alone(viewer: Viewer) -> None:
    status, headers, body = ask(viewer, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "connect-src 'self'" in html.unescape(body.decode()) and b'<script type="text/plain"' not in body
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_answers_and_frames_are_read_when_they_are_looked_at(viewer: Viewer) -> None:
    index = json.loads(ask(viewer, "/data/index")[2])
    cards = json.loads(ask(viewer, "/data/chunk/0")[2])
    assert [card["id"] for card in cards] == index["ids"] and all(card["lazy"] for card in cards)
    film = json.loads(ask(viewer, "/data/film/0/0")[2])
    assert len(film["frames"]) == 5 and all(picture.startswith("UklGR") for picture, *_ in film["frames"])


@pytest.mark.parametrize(
    "path",
    [
        "/manifest.json", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/data/chunk/1",
        "/data/chunk/-1", "/data/film/6/0", "/data/film/0/1", "/data/film/0/../../index", "/?x", "/data/index/",
    ],
)  # fmt: skip
def test_nothing_else_can_be_reached(viewer: Viewer, path: str) -> None:
    status, _, body = ask(viewer, path)
    assert (status, body) == (404, b"there is nothing here\n")


def test_a_page_of_another_name_cannot_ask(viewer: Viewer) -> None:
    assert ask(viewer, "/data/index", Host="evil.example:80")[0] == 403
    assert ask(viewer, "/data/index", Host="localhost:1")[0] == 200


def test_only_reading_is_possible(viewer: Viewer) -> None:
    status, headers, body = ask(viewer, "/", "HEAD")
    assert (status, body) == (200, b"") and int(headers["Content-Length"]) > 1000
    assert ask(viewer, "/", "POST")[0] == 501


def test_a_port_that_is_taken_is_told(viewer: Viewer, make_run: Run) -> None:
    port = viewer._server.server_address[1]
    book = read_book([make_run("clips_mcq", run_id="other")], None, None, Silent())
    with pytest.raises(RunError, match=f"cannot listen on port {port}"):
        Viewer(book, port)


def test_the_command_prints_its_address_and_ends_cleanly(make_run: Run) -> None:
    run = make_run("clips_mcq", model="floors/always_a")
    command = [sys.executable, "-m", "vau_bench", "view", str(run)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert "Traceback" not in process.stderr.read()
