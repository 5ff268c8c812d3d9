"""Broken and foreign files: one clear sentence, or the frames that are still good."""

from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest

from vau_bench.errors import VideoError, VideoUnreadableError
from vau_bench.video import decode, probe


def not_a_video(name: str, folder: Path) -> Path:
    """Make the file of that name."""
    path = folder / name
    match name:
        case "folder.mp4":
            path.mkdir()
        case "empty.mp4":
            path.touch()
        case "zeros.mp4":
            path.write_bytes(bytes(100_000))
        case "text.mp4" | "text.txt":
            path.write_text("this is not a video\n" * 500)
        case "noise.avi":
            path.write_bytes(random.Random(0).randbytes(100_000))
        case "picture.mp4" | "picture.png":
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            frame.save(str(folder / "x.png"))
            (folder / "x.png").rename(path)
        case "playlist.mp4":
            path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.ts\n#EXT-X-ENDLIST\n")
        case "concat.mp4":
            path.write_text("ffconcat version 1.0\nfile other.mp4\n")
        case "sound.mp4" | "header.mp4":
            with av.open(str(path), "w") as file:
                sound = file.add_stream("aac", rate=16000)
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
                silence.sample_rate = 16000
                file.mux(sound.encode(silence))
                file.mux(sound.encode())
            if name == "header.mp4":
                path.write_bytes(path.read_bytes()[:40])
    return path


@pytest.mark.parametrize(
    "name",
    [
        "folder.mp4",
        "empty.mp4",
        "zeros.mp4",
        "text.mp4",
        "text.txt",
        "noise.avi",
        "picture.mp4",
        "picture.png",
        "playlist.mp4",
        "concat.mp4",
        "sound.mp4",
        "header.mp4",
    ],
)
def test_what_is_not_a_video_is_named_in_one_sentence(tmp_path: Path, name: str, capfd) -> None:
    path = not_a_video(name, tmp_path)
    for read in (probe, lambda p: decode(p, "uniform(4)")):
        with pytest.raises(VideoUnreadableError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_file_cut_before_its_index_is_unreadable(clip_file: Path) -> None:
    data = clip_file.read_bytes()
    clip_file.write_bytes(data[: data.index(b"moov")])
    with pytest.raises(VideoUnreadableError, match=r"plain\.mp4"):
        probe(clip_file)


def test_a_video_without_frames_is_unreadable(tmp_path: Path, video) -> None:
    """The packets are there but each of them is overwritten."""
    path = video(tmp_path / "blank.mkv", options={"g": "5"})
    data = path.read_bytes()
    with av.open(str(path)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    for packet in packets:
        data = data.replace(packet, bytes(len(packet)))
    path.write_bytes(data)
    with pytest.raises(VideoUnreadableError, match="no frame"):
        decode(path, "uniform(4)")


def test_frames_before_and_after_a_damaged_group_are_kept(tmp_path: Path, video, numbers) -> None:
    """Where a wanted frame is lost, the last good one before it is shown, and recorded as such."""
    path = video(tmp_path / "hole.mkv", options={"g": "10", "bf": "0", "sc_threshold": "0"})
    data = path.read_bytes()
    with av.open(str(path)) as file:
        packets = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    for packet in packets[20:30]:
        data = data.replace(packet, bytes(len(packet)))
    path.write_bytes(data)
    assert probe(path).frame_count == 60
    clip = decode(path, "uniform(60)")
    assert clip.indices == (*range(20), *range(30, 60))
    assert numbers(clip.frames) == list(clip.indices)
    assert decode(path, "window(1.0, 1.04, 1)").indices == (19,)


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".avi"])
def test_a_truncated_recording_gives_what_is_left(tmp_path: Path, video, numbers, suffix: str) -> None:
    whole = video(tmp_path / f"whole{suffix}", options={"bf": "0", "crf": "1"}).read_bytes()
    for seed in range(6):
        path = tmp_path / f"cut{seed}{suffix}"
        path.write_bytes(whole[: random.Random(seed).randrange(len(whole) // 2, len(whole))])
        clip = decode(path, "uniform(6)")
        assert len(clip) > 0
        assert clip.info.frame_count <= 60
        assert numbers(clip.frames)[:-1] == list(clip.indices)[:-1], "the last packet may be cut"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".h264"])
def test_flipped_bytes_give_frames_or_a_video_error(tmp_path: Path, video, suffix: str, capfd) -> None:
    whole = video(tmp_path / f"whole{suffix}", options={"g": "12"}).read_bytes()
    for seed in range(12):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(chance.choice((1, 10, 200))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path = tmp_path / f"flipped{seed}{suffix}"
        path.write_bytes(data)
        try:
            clip = decode(path, "uniform(6)")
        except VideoError as error:
            assert path.name in str(error)
        else:
            assert len(clip.indices) == len(clip.times) == len(clip.frames) > 0
            assert list(clip.times) == sorted(set(clip.times))
    assert capfd.readouterr().err == ""
