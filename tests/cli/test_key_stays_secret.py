"""A key in the environment is found nowhere afterwards: in no file and no output of any command."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click
import pytest

from vau_bench.cli.main import cli, main

CANARY = "sk-canary-9b24e7"
MADE_BEFORE = "evaluate --model gold --tasks vau_synth_reasoning --limit 3 --run-id gold"

COMMANDS = {
    "evaluate": "--model openai --model-args model=m,base_url={url},retries=0 --tasks vau_synth_reasoning --limit 3 "
    "--run-id told",
    "plan": "--model openai --model-args model=gpt-4o,base_url={url} --tasks vau_synth_mcq --limit 3",
    "score": "runs/told",
    "compare": "runs/told runs/gold",
    "judge": "runs/told --judge-model j --base-url {url} --limit 2",
    "report": "runs/told",
    "view": "clips",
    "tasks list": "",
    "tasks lmms-path": "",
    "tasks new": "mine --kind mcq",
    "tasks check": "vau_synth_mcq",
    "tasks path": "vau_synth_mcq",
    "tasks show": "vau_synth_mcq",
    "models list": "",
    "models show": "openai",
    "models check": "openai --model-args model=m,base_url={url}",
    "data check": "--tasks clips_grounding --data clips",
    "leaderboard add": "runs/told",
    "leaderboard check": "",
    "leaderboard build": "",
    "leaderboard export": "",
    "doctor": "--endpoint {url} --model m",
    "train rocot": "--out rocot --clips 2 --teacher openai --model-args model=t,base_url={url},retries=0",
    "train plan": "nano",
    "train sft": "nano --out sft",
    "train grpo": "nano --out grpo",
    "train nano": "--out taken",
}
"""What each command is called with; the last ones end at something that is missing or in the way."""
WORK = {"evaluate", "score", "compare", "report", "tasks list", "models show", "models check", "plan", "tasks check"}


class Echo(BaseHTTPRequestHandler):
    """Says the key in whatever it answers, right or wrong."""

    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        key = self.headers["Authorization"]
        length = int(self.headers["Content-Length"])
        self.rfile.read(length)
        if self.asked % 4 == 3:
            status, body = 400, {"error": {"message": f"not with {key}"}}
        else:
            said = f"A person falls. My key is {key}. <answer>Normal</answer>"
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
            status, body = 200, {"id": key, "model": f"m {key}", "choices": [choice]}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Request-Id", key)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield all commands that do something."""
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


def test_every_command_is_tried():
    assert set(leaves(cli)) == set(COMMANDS), "a new command belongs into this test"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_key_is_found_nowhere(url, tmp_path, monkeypatch, capfd):
    pytest.importorskip("trl")
    for folder in ("home", "work"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work" / "taken").write_text("a file, where a folder should be")
    (tmp_path / "work" / "clips").mkdir()
    (tmp_path / "work" / "clips" / "clips.csv").write_text("Video Name,Start Time,End Time\na.mp4,1,4\n")
    for name, value in (("HOME", "home"), ("VAU_BENCH_CACHE", "cache"), ("TMPDIR", "home")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    codes: dict[str, int] = {}
    for name, arguments in ({MADE_BEFORE: ""} | COMMANDS).items():
        monkeypatch.setattr(sys, "argv", ["vau-bench", *name.split(), *arguments.format(url=url).split()])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert CANARY not in out + err, name
        assert "Traceback" not in err, f"{name}: {err}"
        codes[name] = int(ended.value.code or 0)
    assert {name for name in WORK if codes[name] != 0} == set(), codes
    assert Echo.asked > 8
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [str(path) for path in written if CANARY.encode() in path.read_bytes()] == []
    assert any("[key]" in path.read_text("utf-8") for path in written if path.name == "responses.jsonl")
