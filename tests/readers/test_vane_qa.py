"""VANE-Bench: Python lists of questions that hold their options, and frames that become a video."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from vau_bench.errors import DataError, NoAnnotationError, VideoUnreadableError
from vau_bench.readers.vane_qa import read_vane_qa
from vau_bench.video import decode

ARGS = {"annotations": {"test": "VQA_Data"}}
QUESTION = "What is odd? A) a cup B) two suns C) the dog's tail D) nothing"


def write(folder: Path, clip: str, content: str) -> Path:
    path = folder / "VQA_Data" / f"{clip}_qa.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def read(folder: Path):
    return read_vane_qa(folder, "test", ARGS)


def one(folder: Path, question: str = QUESTION, answer: str = "B"):
    write(folder, "ai/maker/1", repr([{"Q": question, "A": answer}]))
    (sample,) = read(folder).samples
    return sample


def test_a_list_as_python_writes_it_with_either_quote(tmp_path: Path) -> None:
    write(
        tmp_path,
        "ai/maker/walk_1_subset_2",
        f"""\n[{{"Q": "{QUESTION}", 'A': 'B)'}}, {{'Q': 'x? A) y B) z', "A": "A"}}]\n""",
    )
    write(tmp_path, "ai/maker/walk_1_subset_1", repr([{"Q": QUESTION, "A": "D"}]))
    write(tmp_path, "real/yard/walk_1", repr([{"Q": QUESTION, "A": "C)"}]))
    samples = read(tmp_path).samples
    assert [s.id for s in samples] == [
        *("ai/maker/walk_1_subset_1:1", "ai/maker/walk_1_subset_2:1", "ai/maker/walk_1_subset_2:2"),
        "real/yard/walk_1:1",
    ]
    assert [s.target.option for s in samples] == ["D", "B", "A", "C"]
    assert [s.group for s in samples] == [*["ai/maker/walk_1"] * 3, "real/yard/walk_1"]
    assert [s.target.label for s in samples] == ["maker", "maker", "maker", "yard"]


@pytest.mark.parametrize(
    ("text", "question", "options"),
    [
        (QUESTION, "What is odd?", ["a cup", "two suns", "the dog's tail", "nothing"]),
        ("Odd?\nA) x\nB) y\nC) z\nD) w\n", "Odd?", ["x", "y", "z", "w"]),
        ("Odd? (A) x (B) y", "Odd?", ["x", "y"]),
        ("Odd in (B) there? A) x B) the sign 'D)' C) z D) w", "Odd in (B) there?", ["x", "the sign 'D)'", "z", "w"]),
        ("Odd? A) NASA) B) y", "Odd?", ["NASA)", "y"]),
    ],
)  # fmt: skip
def test_options_stand_in_the_question(tmp_path: Path, text: str, question: str, options: list[str]) -> None:
    sample = one(tmp_path, text)
    assert (sample.fields["question"], sample.fields["options"]) == (question, options)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[\n{'Q': ", r"1_qa.txt:\d: not a Python list"),
        ("", r"1_qa.txt:\d: not a Python list"),
        ("{'Q': 'x', 'A': 'B'}", r"1_qa.txt:1: not a Python list of questions"),
        ("[__import__('os').getcwd()]", r"1_qa.txt:1: not a Python list of questions"),
        ("[" * 5000, r"1_qa.txt:\d: not a Python list"),
        ("[" + "1," * 200_000 + "]", r"1_qa.txt:1: not a Python list of questions"),
        ("['x']", r"1_qa.txt, question 1: not a dict of the texts Q and A: 'x'"),
        (f"[{{'Q': {QUESTION!r}, 'A': 'B'}}, {{'Q': 'x'}}]", r"1_qa.txt, question 2: not a dict of the texts"),
        ("[{'Q': 'x? A) y', 'A': 'A'}]", r"question 1: not a question and its options"),
        ("[{'Q': 'A) y B) z', 'A': 'A'}]", r"question 1: not a question and its options"),
        ("[{'Q': 'x? A) B) z', 'A': 'A'}]", r"question 1: not a question and its options"),
        ("[{'Q': 'x? A) y B) z', 'A': 'C'}]", r"question 1: the right option is none of A, B: 'C'"),
        ("[{'Q': 'x? A) y B) z', 'A': ''}]", r"question 1: the right option is none of A, B: ''"),
        ("[{'Q': 'x? A) y B) z', 'A': 'AB'}]", r"question 1: the right option is none of A, B: 'AB'"),
        ("[]", r"VQA_Data holds no question"),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    write(tmp_path, "ai/maker/1", content)
    with pytest.raises(DataError, match=told):
        read(tmp_path)


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "ai/maker/1", "").write_bytes(b"[\n\xff]")
    with pytest.raises(DataError, match=r"1_qa.txt:2: not UTF-8 text"):
        read(tmp_path)


def test_an_absent_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"no folder .*VQA_Data"):
        read(tmp_path)
    with pytest.raises(DataError, match="pass --data DIR"):
        read_vane_qa(None, "test", ARGS)


def test_the_digest_knows_names_and_contents(tmp_path: Path) -> None:
    one(tmp_path)
    digest = read(tmp_path).digest
    path = write(tmp_path, "ai/maker/1", repr([{"Q": QUESTION, "A": "C"}]))
    other = read(tmp_path).digest
    path.rename(path.with_name("2_qa.txt"))
    assert len({digest, other, read(tmp_path).digest}) == 3


# Frames.


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "joined"


def draw(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((16, 32, 3), grey, np.uint8), format="rgb24")))
        container.mux(stream.encode())


def test_frames_are_shown_by_number_all_ten_and_unchanged(tmp_path: Path, cache: Path) -> None:
    sample = one(tmp_path)
    for number in range(1, 11):
        draw(tmp_path / "VQA_Data" / sample.video / f"frame_{number}.jpg", 20 * number)
    (tmp_path / "VQA_Data" / sample.video / "cover.jpg").touch()
    video = read(tmp_path).find_video(sample)
    assert video is not None
    clip = decode(video, "uniform(10)")
    assert clip.indices == tuple(range(10)), "frame_10 comes last"
    assert clip.frames[:, 8, 16].tolist() == [[20 * number] * 3 for number in range(1, 11)]
    assert clip.times == pytest.approx([n / 10 for n in range(10)])


def test_a_video_is_joined_once_and_anew_when_a_frame_changes(tmp_path: Path, cache: Path) -> None:
    sample, folder = one(tmp_path), tmp_path / "VQA_Data" / "ai" / "maker" / "1"
    draw(folder / "frame_1.jpg", 40)
    dataset = read(tmp_path)
    video = dataset.find_video(sample)
    assert video is not None and dataset.find_video(sample) == video
    content = video.read_bytes()
    video.unlink()
    assert dataset.find_video(sample) == video and video.read_bytes() == content, "a joined video is always the same"
    draw(folder / "frame_2.jpg", 80)
    longer = dataset.find_video(sample)
    assert longer is not None and longer != video and decode(longer, "uniform(10)").indices == (0, 1)
    assert sorted(cache.iterdir()) == sorted([video, longer]), "nothing half-written stays"


def test_a_clip_without_frames_is_absent(tmp_path: Path, cache: Path) -> None:
    sample = one(tmp_path)
    assert read(tmp_path).find_video(sample) is None


def test_a_frame_that_is_no_picture_is_named(tmp_path: Path, cache: Path) -> None:
    sample, folder = one(tmp_path), tmp_path / "VQA_Data" / "ai" / "maker" / "1"
    folder.mkdir()
    for content in (b"", b"no picture"):
        (folder / "frame_1.jpg").write_bytes(content)
        with pytest.raises(VideoUnreadableError, match=r"not a JPEG picture: .*frame_1.jpg"):
            read(tmp_path).find_video(sample)
    draw(folder / "frame_1.jpg", 40)
    (folder / "frame_2.jpg").write_bytes(b"no picture")
    with pytest.raises(VideoUnreadableError, match=r"not a JPEG picture: .*frame_2.jpg"):
        read(tmp_path).find_video(sample)
    assert list(cache.iterdir()) == [], "nothing half-written stays"
