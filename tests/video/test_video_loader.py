"""The loader: in order, ahead of time, and untouched by what a file does to the process that decodes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from vau_bench.errors import (
    UsageError,
    VideoError,
    VideoMissingError,
    VideoTimeoutError,
    VideoUnreadableError,
)
from vau_bench.video import ClipLoader, decode, probe
from vau_bench.video.worker import Worker

ROOT = Path(__file__).resolve().parents[2]


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def worker_pid(loader: ClipLoader) -> int:
    """The process of a loader with one worker, started if it was not."""
    pid = loader._workers[0].pid
    assert pid is not None
    return pid


def test_a_loaded_clip_is_the_decoded_one(clip_file: Path) -> None:
    with ClipLoader() as loader:
        clip = loader.load(clip_file, "uniform(5)")
        info = loader.probe(clip_file)
    here = decode(clip_file, "uniform(5)")
    assert np.array_equal(clip.frames, here.frames)
    assert (clip.indices, clip.times, clip.info) == (here.indices, here.times, here.info)
    assert info == probe(clip_file)
    assert clip.frames.flags.writeable, "so that tensors may share their memory"


def test_frames_outlive_the_loader(clip_file: Path, numbers) -> None:
    with ClipLoader() as loader:
        clip = loader.load(clip_file, "uniform(5)")
    clip.frames[0, -1, -1] = 0
    assert numbers(clip.frames) == list(clip.indices)


def test_the_cache_answers_without_any_process(clip_file: Path, tmp_path: Path, monkeypatch) -> None:
    with ClipLoader(tmp_path / "cache") as loader:
        first = loader.load(clip_file, "uniform(5)")
    monkeypatch.setattr(Worker, "decode", None)
    with ClipLoader(tmp_path / "cache") as loader:
        again = loader.load(clip_file, " uniform( 5 )")
        assert loader._workers[0].pid is None
    assert np.array_equal(first.frames, again.frames)
    assert (first.indices, first.times, first.info) == (again.indices, again.times, again.info)


def test_an_unwritable_cache_does_not_stop_a_run(clip_file: Path) -> None:
    with (
        ClipLoader(clip_file / "cache") as loader,
        pytest.warns(UserWarning, match="not cached any more"),
    ):
        assert len(loader.load(clip_file, "uniform(5)")) == 5
        assert len(loader.load(clip_file, "uniform(4)")) == 4


def test_errors_keep_their_type_and_sentence(tmp_path: Path, clip_file: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with ClipLoader() as loader:
        with pytest.raises(VideoMissingError, match=r"gone\.mp4"):
            loader.load(tmp_path / "gone.mp4", "uniform(5)")
        with pytest.raises(VideoUnreadableError, match=r"text\.mp4"):
            loader.load(text, "uniform(5)")
        with pytest.raises(VideoUnreadableError):
            loader.load(tmp_path, "uniform(5)")
        with pytest.raises(UsageError, match="uniform"):
            loader.load(clip_file, "unifrom(5)")


def test_stream_keeps_the_order_and_passes_errors_on(clip_file: Path, tmp_path: Path) -> None:
    plans = ["uniform(40)", "uniform(1)", "gone", "uniform(3)", "uniform(2)"]

    def locate(plan: str) -> tuple[Path, str]:
        return (tmp_path / "gone.mp4", "uniform(1)") if plan == "gone" else (clip_file, plan)

    with ClipLoader(workers=2) as loader:
        results = list(loader.stream(plans, locate))
    assert [item for item, _ in results] == plans
    assert [result if isinstance(result, VideoError) else len(result) for _, result in results] == [
        40,
        1,
        results[2][1],
        3,
        2,
    ]
    assert isinstance(results[2][1], VideoMissingError)


def test_stream_takes_items_only_as_far_ahead_as_it_has_workers(clip_file: Path) -> None:
    taken = []

    def items():
        for i in range(100):
            taken.append(i)
            yield i

    with ClipLoader(workers=2) as loader:
        stream = loader.stream(items(), lambda i: (clip_file, "uniform(2)"))
        next(stream)
        next(stream)
        assert len(taken) <= 2 + 2
        stream.close()


def test_a_bad_plan_in_a_stream_is_a_mistake_of_the_caller(clip_file: Path) -> None:
    with ClipLoader() as loader, pytest.raises(UsageError):
        list(loader.stream([1], lambda i: (clip_file, "nonsense")))


def test_a_worker_that_hangs_costs_one_video_and_is_replaced(clip_file: Path) -> None:
    with ClipLoader(timeout=1.0) as loader:
        loader.load(clip_file, "uniform(5)")
        pid = worker_pid(loader)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(VideoTimeoutError, match=r"plain\.mp4 took longer than 1 s"):
            loader.load(clip_file, "uniform(6)")
        assert not is_running(pid)
        loader.timeout = 60.0
        assert len(loader.load(clip_file, "uniform(6)")) == 6


def test_a_worker_that_is_killed_in_the_middle_costs_one_video(clip_file: Path) -> None:
    with ClipLoader() as loader:
        loader.load(clip_file, "uniform(5)")
        pid = worker_pid(loader)
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        with pytest.raises(VideoUnreadableError, match=r"crashed on .*plain\.mp4"):
            loader.load(clip_file, "uniform(6)")
        assert len(loader.load(clip_file, "uniform(6)")) == 6
        assert worker_pid(loader) != pid


def test_a_worker_that_died_between_two_videos_costs_none(clip_file: Path) -> None:
    with ClipLoader() as loader:
        loader.load(clip_file, "uniform(5)")
        os.kill(worker_pid(loader), signal.SIGKILL)
        process = loader._workers[0]._process
        assert wait_until(lambda: process.poll() is not None)
        assert len(loader.load(clip_file, "uniform(6)")) == 6


def test_one_process_serves_many_videos(clip_file: Path) -> None:
    with ClipLoader() as loader:
        loader.load(clip_file, "uniform(5)")
        pid = worker_pid(loader)
        for n in range(1, 10):
            loader.load(clip_file, f"uniform({n})")
        assert worker_pid(loader) == pid
    assert not is_running(pid)


def test_threads_may_share_a_loader(clip_file: Path) -> None:
    lengths: dict[int, int] = {}

    def load(n: int) -> None:
        lengths[n] = len(loader.load(clip_file, f"uniform({n})"))

    with ClipLoader(workers=2) as loader:
        threads = [threading.Thread(target=load, args=(n,)) for n in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert lengths == {n: n for n in range(1, 9)}


def test_closing_ends_the_process_in_the_middle_of_a_video(clip_file: Path) -> None:
    loader = ClipLoader()
    loader.load(clip_file, "uniform(5)")
    pid = worker_pid(loader)
    os.kill(pid, signal.SIGSTOP)
    failed: list[BaseException] = []

    def load() -> None:
        try:
            loader.load(clip_file, "uniform(6)")
        except VideoError as error:
            failed.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    time.sleep(0.2)
    loader.close()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(failed[0], VideoUnreadableError)
    assert not is_running(pid)
    with pytest.raises(VideoUnreadableError, match="closed"):
        loader.load(clip_file, "uniform(7)")


PARENT = """
import sys, time
from pathlib import Path
from vau_bench.video import ClipLoader
loader = ClipLoader()
loader.load(Path(sys.argv[1]), "uniform(2)")
print(loader._workers[0].pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_its_parent_nor_prints(clip_file: Path, end: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(clip_file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        if end == signal.SIGINT:
            os.killpg(parent.pid, end)  # as the terminal does: to the whole group
        else:
            parent.send_signal(end)
        _, errors = parent.communicate(timeout=20)
    assert wait_until(lambda: not is_running(pid))
    assert errors.count("Traceback") == (1 if end == signal.SIGINT else 0), "the parent's own, or none"


def test_the_worker_loads_neither_torch_nor_what_the_parent_has_loaded(clip_file: Path) -> None:
    code = (
        "import sys, json, vau_bench.video.decoding, vau_bench.video.worker;"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout
    assert not {"torch", "transformers", "pandas", "matplotlib", "pydantic"} & set(json.loads(output))


def test_importing_the_package_does_not_load_ffmpeg() -> None:
    code = "import sys, vau_bench.video; print('av' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout
    assert output.strip() == b"False"


def test_neighbours_about_one_video_and_plan_share_a_clip(clip_file: Path) -> None:
    plans = ["uniform(2)", "uniform(2)", "uniform(3)", "uniform(2)"]
    with ClipLoader(workers=2) as loader:
        first, second, other, again = (clip for _, clip in loader.stream(plans, lambda plan: (clip_file, plan)))
        assert first is second and other is not first and again is not first
        assert {stage.name: stage.times for stage in loader.profile.stages()} == {"decode": 3}
