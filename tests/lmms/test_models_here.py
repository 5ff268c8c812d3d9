"""lmms-eval's models under our command line: answers, chunks in the journal, what was seen, which times were told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from vau_bench.errors import MissingExtraError, UnknownNameError, UsageError
from vau_bench.models import adapter_of, model_config
from vau_bench.models.lmms_registry import ToldTimesWarning, registry, times_problem
from vau_bench.models.lmms_watch import watching
from vau_bench.models.lmms_wire import chat_of, settings_of, text_of
from vau_bench.records import Generation, Message, Seen

needs_lmms_eval = pytest.mark.skipif(not find_spec("lmms_eval"), reason="lmms-eval is not installed: extra [lmms]")

AGAIN = """
import json, sys, warnings
from pathlib import Path
from vau_bench.api import evaluate

checkpoint, tasks, out = sys.argv[1:]
common = {"pretrained": checkpoint, "device": "cpu", "device_map": "cpu", "min_pixels": 3136, "max_pixels": 12544}
common["max_num_frames"] = 8
asked = {"tasks": "tiny_grounding", "out": out, "tasks_dirs": (Path(tasks),), "max_new_tokens": 8, "resamples": 0}
found = {}
for run_id, model, arguments, more in (
    ("killed", "lmms/mortal", {"chunk": 2}, {}),
    ("simple", "lmms/qwen2_5_vl", {"force_simple": True}, {"limit": 2}),
):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        results = evaluate(model, run_id=run_id, model_args={**common, **arguments}, **asked, **more)
    found[run_id] = {
        "outcomes": results.tasks[0]["outcomes"],
        "warned": [str(w.message) for w in warned if w.category.__name__ == "ToldTimesWarning"],
    }
print("found", json.dumps(found))
"""


def journal(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "responses.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def killed(environment, tiny_tasks, tiny_qwen25_checkpoint, tmp_path_factory):
    """A run that was killed when it began its second chunk, and its journal then."""
    out = tmp_path_factory.mktemp("runs")
    small = "device=cpu,device_map=cpu,min_pixels=3136,max_pixels=12544,max_num_frames=8"
    arguments = f"pretrained={tiny_qwen25_checkpoint},{small},chunk=2"
    command = [sys.executable, "-m", "vau_bench", "evaluate", "--model", "lmms/mortal", "--model-args", arguments]
    command += ["--tasks", "tiny_grounding", "--tasks-dir", tiny_tasks, "--out", out, "--run-id", "killed"]
    command += ["--max-new-tokens", "8", "--resamples", "0", "--no-report"]
    done = subprocess.run(command, capture_output=True, text=True, env={**environment, "MORTAL": "1"}, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    return out, journal(out / "killed")


@pytest.fixture(scope="module")
def resumed(killed, environment, tiny_tasks, tiny_qwen25_checkpoint):
    """What `AGAIN` found in the same folder of runs."""
    command = [sys.executable, "-c", AGAIN, tiny_qwen25_checkpoint, tiny_tasks, killed[0]]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("found ") and len(done.stdout.splitlines()) == 1, "only results go to stdout"
    return json.loads(done.stdout.removeprefix("found "))


@needs_lmms_eval
@pytest.mark.slow
@pytest.mark.xdist_group("lmms_eval")
class TestCheckpoint:
    def test_a_chunk_is_in_the_journal_before_the_next_begins(self, killed) -> None:
        assert len(killed[1]) == 2

    def test_a_run_goes_on_behind_the_last_chunk(self, killed, resumed) -> None:
        lines = journal(killed[0] / "killed")
        assert lines[:2] == killed[1]
        assert len({line["key"] for line in lines}) == len(lines) == 6
        assert sum(resumed["killed"]["outcomes"].values()) == 6 and not resumed["killed"]["outcomes"]["errored"]

    def test_frames_are_recorded_where_they_can_be_known(self, killed) -> None:
        for line in killed[1]:
            seen = line["seen"]
            assert len(seen["indices"]) == len(seen["times"]) == 8
            assert seen["times"][0] == 0.0 and 11.0 < seen["times"][-1] < seen["duration"] == 12.0
            assert seen["width"] % 28 == seen["height"] % 28 == 0 and seen["width"] * seen["height"] <= 12544
            assert line["outcome"] == "truncated" and line["usage"]["completion_tokens"] == 8

    def test_what_cannot_be_known_is_marked(self, killed, resumed) -> None:
        for line in journal(killed[0] / "simple"):
            assert line["seen"] == {
                "indices": [],
                "times": [],
                "width": 0,
                "height": 0,
                "decoder": "unknown",
                "duration": 12.0,
            }
        assert resumed["simple"]["outcomes"]["errored"] == 0

    def test_wrong_times_are_warned_of_and_stand_in_the_manifest(self, killed, resumed) -> None:
        assert resumed["killed"]["warned"] == [], "the chat adapter tells the right ones"
        (warning,) = resumed["simple"]["warned"]
        assert warning.startswith("lmms/qwen2_5_vl: in its simple form it says that two frames last 0.083 s")
        manifests = {run: json.loads((killed[0] / run / "manifest.json").read_text()) for run in ("killed", "simple")}
        assert "0.083" in manifests["simple"]["model_identity"]["times"]
        assert manifests["killed"]["model_identity"]["pretrained"].startswith("sha256:")
        assert manifests["killed"]["tasks"][0]["frames"] == "chosen by lmms-eval"


@needs_lmms_eval
class TestNames:
    def test_a_mistyped_name(self) -> None:
        with pytest.raises(UnknownNameError, match=r"'qwen2_5_v'; did you mean qwen2_5_vl"):
            adapter_of("lmms/qwen2_5_v")

    def test_aliases_are_known(self) -> None:
        assert adapter_of("lmms/openai_compatible").summary == "the chat adapter openai_compatible of lmms-eval"

    def test_the_key_is_that_of_the_command_line(self) -> None:
        typed = model_config("lmms/dummy", {"read_bytes": "0", "allow_remote": "True"})
        assert typed == model_config("lmms/dummy", {"read_bytes": 0, "allow_remote": True})

    def test_secrets_are_refused(self) -> None:
        with pytest.raises(UsageError, match="api_key would stand in the manifest"):
            model_config("lmms/openai", {"api_key": "sk-1"})
        assert model_config("lmms/openai", {"max_new_tokens": 3, "chunk": "4"}).model_extra == {"max_new_tokens": "3"}


def test_without_lmms_eval_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.cache_clear()
    monkeypatch.setitem(sys.modules, "lmms_eval.models", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vau-bench\[lmms\]'"):
        adapter_of("lmms/qwen2_5_vl_never_looked_up")
    registry.cache_clear()


@pytest.mark.parametrize(
    ("name", "form", "transformers", "told"),
    [
        ("qwen2_5_vl", "chat", "5.20.2", None),
        ("qwen2_5_vl", "simple", "5.20.2", "0.083"),
        ("qwen2_5_vl", "chat", "4.57.6", "1.0 s"),
        ("qwen2_5_vl", "chat", "5.4.0", "at one time"),
        ("openai", "chat", "5.20.2", "without their times"),
        ("llava_hf", "chat", "5.20.2", None),
    ],
)
def test_what_is_known_of_times(name, form, transformers, told, monkeypatch) -> None:
    monkeypatch.setattr("vau_bench.models.lmms_registry.version", lambda package: transformers)
    problem = times_problem(name, form)
    assert problem is None if told is None else told in problem


def test_a_request_in_their_form() -> None:
    messages = (Message("system", "Look."), Message("user", "When?", video=True))
    chat = chat_of(messages, Path("a.mp4"))
    assert chat[1]["content"] == [{"type": "video", "url": "a.mp4"}, {"type": "text", "text": "When?"}]
    assert chat_of(messages, None)[1]["content"] == [{"type": "text", "text": "When?"}]
    assert text_of(messages) == "Look.\n\nWhen?"
    assert settings_of(Generation(max_new_tokens=5)) == {
        "max_new_tokens": 5,
        "temperature": 0.0,
        "do_sample": False,
        "until": [],
    }


@needs_lmms_eval
@pytest.mark.parametrize(
    ("option", "told"),
    [(("--frames", "uniform(4)"), "has no effect"), (("--windows", "8s/4s"), "cannot be asked about windows")],
)
def test_what_would_have_no_effect_is_refused(option, told, tiny_tasks, environment, tmp_path) -> None:
    command = [sys.executable, "-m", "vau_bench", "evaluate", "--model", "lmms/dummy", "--tasks", "tiny_grounding"]
    command += ["--tasks-dir", str(tiny_tasks), "--out", str(tmp_path), *option]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr


class Processed:
    """Fetches as `process_vision_info` does, and hands on as adapters do."""

    class Model:
        class config:
            class vision_config:
                patch_size = 14

        def generate(self, **inputs):
            return inputs

    def __init__(self) -> None:
        self.model = self.Model()

    def run(self, told: float, pairs: int = 2) -> None:
        talk = [[{"role": "user", "content": [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": "When?"}]}]]
        sys.modules[__name__].process_vision_info(talk, return_video_metadata=True)
        self.model.generate(video_grid_thw=[(pairs, 4, 6)], second_per_grid_ts=[told])


def process_vision_info(conversations, return_video_metadata=False):
    about = {"frames_indices": [0, 25, 50, 75], "fps": 25.0, "total_num_frames": 100, "video_backend": "decord"}
    return None, [("frames", about)]


def test_frames_and_times_are_watched() -> None:
    adapter, fetch = Processed(), process_vision_info
    with watching(adapter) as seen:
        adapter.run(told=2.0)
    assert seen == {"a.mp4": Seen((0, 25, 50, 75), (0.0, 1.0, 2.0, 3.0), 84, 56, "lmms-eval, decord", 4.0)}
    assert sys.modules[__name__].process_vision_info is fetch and "generate" not in vars(adapter.model)


def test_a_measured_wrong_pace_is_warned_of() -> None:
    adapter = Processed()
    with watching(adapter), pytest.warns(ToldTimesWarning, match=r"last 0.083 s, they last 2.000 s"):
        adapter.run(told=0.083)


def test_frames_that_were_chosen_anew_are_not_known() -> None:
    adapter = Processed()
    with watching(adapter) as seen:
        adapter.run(told=2.0, pairs=1)
    assert seen == {}


def test_they_are_listed_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    from vau_bench.cli.models import models

    models.main(["list"], standalone_mode=False)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("lmms/")]
    assert line.split(maxsplit=1) == ["lmms/NAME", "any lmms-eval model"]
