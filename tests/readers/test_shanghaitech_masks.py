"""ShanghaiTech: a mask a video, pictures that become a video, and other test videos by a table."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.kinds.detection import Detection, rasterised
from vau_bench.readers.shanghaitech_masks import read_shanghaitech_masks

ARGS = {"annotations": {"test": "masks"}, "pictures": "frames", "fps": 24}
MIXED = [0, 1, 1, 0, 0, 1]


def mask(folder: Path, name: str, values: object, dtype: str = "uint8") -> None:
    (folder / "masks").mkdir(exist_ok=True)
    np.save(folder / "masks" / f"{name}.npy", np.array(values, dtype=dtype))


def read(folder: Path, table: str = "", **args: object):
    if table:
        (folder / "table.csv").write_text(table)
        args["frames"] = {"test": "table.csv"}
    return read_shanghaitech_masks(folder, "test", {**ARGS, **args})


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
def test_a_run_of_ones_is_an_event_and_a_mask_without_is_normal(tmp_path: Path, dtype: str) -> None:
    mask(tmp_path, "02_0003", [0] * 48, dtype)
    mask(tmp_path, "01_0014", [1] * 24 + [0] * 24 + [1] * 12, dtype)
    event, normal = read(tmp_path).samples
    assert (event.id, event.target.label, event.target.segments) == ("01_0014", "Anomaly", ((0.0, 1.0), (2.0, 2.5)))
    assert (normal.id, normal.target.label, normal.target.segments) == ("02_0003", "Normal", ())
    assert normal.fields == {"frames": 48, "fps": 24, "duration": 2.0}


def test_the_mask_comes_back_frame_by_frame(tmp_path: Path) -> None:
    masks = np.random.default_rng(3).integers(0, 2, (9, 500))
    for number, values in enumerate(masks):
        mask(tmp_path, f"01_{number:04d}", values)
    found = [rasterised(Detection().truth(s), 500, 24) for s in read(tmp_path).samples]
    assert np.array_equal(found, masks)


def test_by_a_table_a_video_without_a_mask_is_normal_and_others_are_not_tested(tmp_path: Path) -> None:
    mask(tmp_path, "01_0014", MIXED)
    mask(tmp_path, "01_0015", MIXED)
    dataset = read(tmp_path, "video,frames\n05_020.avi,70\n01_0014,6\n")
    assert [(s.id, s.target.label, s.fields["frames"]) for s in dataset.samples] == [
        ("05_020", "Normal", 70),
        ("01_0014", "Anomaly", 6),
    ]


def test_the_digest_knows_masks_and_table(tmp_path: Path) -> None:
    mask(tmp_path, "01_0014", MIXED)
    digests = [read(tmp_path).digest, read(tmp_path, "video,frames\n01_0014,6\n").digest]
    digests.append(read(tmp_path, "video,frames\n01_0014,6\n05_020,7\n").digest)
    mask(tmp_path, "01_0014", MIXED[::-1])
    assert len({*digests, read(tmp_path).digest}) == 4


def test_a_file_comes_first_then_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    av = pytest.importorskip("av")
    from vau_bench.video import decode

    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    for name in ("01_0014", "01_0015", "01_0016"):
        mask(tmp_path, name, MIXED)
    (tmp_path / "01_0015.avi").touch()
    (tmp_path / "frames" / "01_0014").mkdir(parents=True)
    for number in range(len(MIXED)):
        with av.open(str(tmp_path / "frames" / "01_0014" / f"{number:03d}.jpg"), "w", format="image2") as picture:
            stream = picture.add_stream("mjpeg", rate=1)
            stream.width, stream.height, stream.pix_fmt = 32, 16, "yuvj420p"
            grey = np.full((16, 32, 3), 40 * number, np.uint8)
            picture.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            picture.mux(stream.encode())
    dataset = read(tmp_path)
    joined, file, absent = (dataset.find_video(s) for s in dataset.samples)
    assert (file, absent) == (tmp_path / "01_0015.avi", None)
    assert joined is not None
    clip = decode(joined, "uniform(6)")
    assert clip.indices == tuple(range(6))
    assert clip.times == pytest.approx([n / 24 for n in range(6)], abs=1e-3), "the container counts milliseconds"
    assert clip.frames[:, 8, 16, 0].tolist() == pytest.approx([40 * n for n in range(6)], abs=2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", r"01_0014.npy: not a NumPy array of one number a frame"),
        (b"0 1 1", r"01_0014.npy: not a NumPy array"),
        (b"PK\x03\x04", r"01_0014.npy: not a NumPy array"),
        ([], r"01_0014.npy: not a NumPy array"),
        ([[0, 1]], r"01_0014.npy: not a NumPy array"),
        (["0", "1"], r"01_0014.npy: not a NumPy array"),
        ([None, 1], r"01_0014.npy: not a NumPy array"),
        ([0, 1, 255], r"01_0014.npy: frame 2 is neither 0 nor 1: 255"),
        ([0, 0.5], r"01_0014.npy: frame 1 is neither 0 nor 1: 0.5"),
        ([float("nan"), 1], r"01_0014.npy: frame 0 is neither 0 nor 1: nan"),
    ],
)
def test_a_broken_mask_is_told_with_its_file(tmp_path: Path, content: object, told: str) -> None:
    if not isinstance(content, bytes):
        buffer = io.BytesIO()
        np.save(buffer, np.array(content))
        content = buffer.getvalue()
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "01_0014.npy").write_bytes(content)
    with pytest.raises(DataError, match=told):
        read(tmp_path)


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"no folder .*masks"):
        read(tmp_path)
    with pytest.raises(DataError, match="pass --data DIR"):
        read_shanghaitech_masks(None, "test", ARGS)
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match=r"masks holds no mask"):
        read(tmp_path)
    mask(tmp_path, "01_0014", MIXED)
    with pytest.raises(DataError, match=r"table.csv:2: 01_0014 has 7 frames, its mask 6"):
        read(tmp_path, "video,frames\n01_0014,7\n")
    with pytest.raises(DataError, match=r"dataset.args"):
        read(tmp_path, fps=0)
