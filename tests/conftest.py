"""Fixtures of the whole suite; what is heavy is imported inside them."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # as many workers as cores: threads of one would wait for cores that the others hold
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes, unless it is asked for."""
    if "thorough" in config.option.markexpr or os.environ.get("VAU_BENCH_THOROUGH") == "1":
        return
    for item in items:
        if item.get_closest_marker("thorough"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; run it with -m thorough"))


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Build tiny Qwen-VL checkpoints: `tiny_qwen("qwen3_vl")`; see `tests/models/tiny_qwen.py`."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    source = Path(__file__).parent / "models" / "tiny_qwen.py"
    spec = importlib.util.spec_from_file_location("tiny_qwen", source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    @cache
    def build(family: str) -> Path:
        folder: Path = module.build(tmp_path_factory.mktemp(family), family)
        return folder

    return build


@pytest.fixture(scope="session")
def tiny_qwen25_checkpoint(tiny_qwen: Callable[[str], Path]) -> Path:
    """A Qwen2.5-VL checkpoint with 0.2 million random weights. Read it, do not write into it."""
    return tiny_qwen("qwen2_5_vl")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of real data, which is no part of the project, and rows in the form of what is not at hand."""
    root = os.environ.get("VAU_BENCH_SHARED") or Path(__file__).resolve().parents[1] / ".." / "shared"
    folder = Path(root) / "data"
    if not (folder / "vau_bench").is_dir():
        pytest.skip(f"needs the released annotations under {folder}")
    joined = tmp_path_factory.mktemp("shared")
    for entry in folder.iterdir():
        (joined / entry.name).symlink_to(entry.resolve())
    return write_unreleased(joined)


@pytest.fixture
def unreleased(tmp_path: Path) -> Path:
    """A data root with rows in the form of VANE-Bench, UCA, TAU-106K and others, whose own files are not at hand."""
    return write_unreleased(tmp_path)


def write_unreleased(root: Path) -> Path:
    """Write those rows below a data root, and return it."""
    words = "Which of these is odd? A) the shadow B) a wall that bends C) nothing D) two suns"
    for n, (clip, answer) in enumerate(
        {"real/park/walk_1": "A)", "ai/maker/1_subset_1": "D", "ai/maker/2": "C)"}.items()
    ):
        path = root / "vane_bench" / "VQA_Data" / f"{clip}_qa.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(repr([{"Q": f"{n}: {words}", "A": answer}, {"Q": words, "A": "B"}]))
    told = {"duration": 20.5, "timestamps": [[4.1, 9.3], [0.2, 5.0]], "sentences": [" A man bows.", "It rains"]}
    (root / "uca").mkdir()
    (root / "uca" / "UCFCrime_Test.json").write_text(json.dumps({f"Abuse00{n}_x264": told for n in range(3)}))
    kinds = ("normal", "single vehicle accident", "multiple motor vehicle accident")
    spans: list[list[object]] = [[], [["0.4", "0.53"]], [[0.84, 1.0]]]
    rows = [
        {"videoPath": f"videos/road_{n}.mp4", "accident_type": kinds[n % 3], "accident_segments": spans[n % 3]}
        for n in range(9)
    ]
    (root / "tau_106k").mkdir()
    (root / "tau_106k" / "video_annotations_all_test.json").write_text(json.dumps(rows))
    lengths = "".join(f"road_{n}.mp4,{8.25 + n}\n" for n in range(9))
    (root / "tau_106k" / "durations.csv").write_text(f"video,duration\n{lengths}")
    write_frame_level(root)
    write_reasoned(root)
    write_described(root)
    write_instructions(root)
    return root


def write_frame_level(root: Path) -> None:
    """Write rows in the form of XD-Violence, MSAD, ShanghaiTech and UBnormal below a data root."""
    import numpy as np

    def table(dataset: str, names: list[str]) -> None:
        (root / dataset).mkdir()
        rows = "".join(f"{name}.mp4,{300 + n},25\n" for n, name in enumerate(names))
        (root / dataset / "frames.csv").write_text(f"video,frames,fps\n{rows}")

    violent = [f"v=abc{n}__#1_label_{('B1-0-0', 'B2-G-0')[n % 2]}" for n in range(6)]
    table("xd_violence", [*violent, *(f"v=xyz{n}__#1_label_A" for n in range(6))])
    lines = "".join(f"{name} {n} 90 150 {200 + n}\n" for n, name in enumerate(violent))
    (root / "xd_violence" / "annotations.txt").write_text(lines)

    table("msad", [*(f"Fire_{n}" for n in range(6)), *(f"MSAD_normal_testing_{n}" for n in range(6))])
    rows = "".join(f"Fire_{n},shop,{300 + n},{n + 1},{100 + n}\n" for n in range(6))
    header = "name,scenario,total frames,starting frame of anomaly,ending frame of anomaly"
    (root / "msad" / "anomaly_annotation.csv").write_text(f"{header}\n{rows}")

    masks = root / "shanghaitech" / "testing" / "test_frame_mask"
    masks.mkdir(parents=True)
    for n in range(12):
        np.save(masks / f"01_{n:04d}.npy", np.arange(300 + n) // 60 % 2 * (n % 2))

    scenes = [f"scene_1_scenario_{n}" for n in range(6)]
    table("ubnormal", [f"{kind}_{scene}" for kind in ("abnormal", "normal") for scene in scenes])
    for n, scene in enumerate(scenes):
        folder = root / "ubnormal" / "Scene1" / f"abnormal_{scene}_annotations"
        folder.mkdir(parents=True)
        (folder / f"abnormal_{scene}_tracks.txt").write_text(f"0.0,{n}.0,90.0\n1.0,60.0,120.0\n")


def write_reasoned(root: Path) -> None:
    """Write rows in the form of Vad-Reasoning below a data root."""
    folder = root / "vad_reasoning"
    folder.mkdir()
    rows: list[dict[str, object]] = [
        {"source": "SH", "video": f"lane_{n}", "anomaly_type": "Normal", "total_frames": 500 + n} for n in range(12)
    ]
    for n, row in enumerate(rows[::2]):
        row |= {"anomaly_type": "Fire", "start": 7 * n, "end": 400 + n}
    (folder / "Vad-Reasoning-SFT-test.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    lengths = "".join(f"lane_{n}.avi,{20.5 + n}\n" for n in range(12))
    (folder / "durations.csv").write_text(f"video,duration\n{lengths}")


def write_described(root: Path) -> None:
    """Write rows in the form of CUVA and of ECVA's own table below a data root."""
    said = [f"A cart {verb} the red gate and spills {n} apples." for n, verb in enumerate(("hits", "rams", "bends"), 2)]
    rows = [
        {
            "instruction": f"{task}, please?",
            "visual_input": f"{n:05d}.mp4",
            "output": output,
            "task": task,
            "ID": str(n),
        }
        for n in range(1, 12)
        for task, output in {
            "Detection": "YES",
            "Classification": f"[{n:02d}]",
            "Timestamp": f"[{n:04d},{100 + n:04d}]",
            **dict.fromkeys(("Cause", "Result", "Description"), said[n % 3]),
        }.items()
    ]
    (root / "cuva").mkdir()
    (root / "cuva" / "cuva_test.json").write_text(json.dumps(rows))
    (root / "ecva").mkdir()
    header = 'video_id,A1 Classification,A2 - reason,A2 - result,"A3,moment",A3 - description,A4 - key sentences'
    table = [f'{n},1,{said[n % 3]},{said[n % 3]},"[0005,0011],[0022,01{n}]",[{said[n % 3]}],x' for n in range(10, 22)]
    (root / "ecva" / "Video_Annotation.csv").write_text("\n".join([header, *table]) + "\n")


def write_instructions(root: Path) -> None:
    """Write rows in the form of the instructions of HIVAU-70k below a data root."""
    told = ("There is no anomaly in the yard this morning.", "An anomaly is seen: a bin burns.")
    rows: list[dict[str, object]] = []
    for n in range(24):
        level = ("clip", "event", "video")[n % 3]
        for task in ("caption", "description", "analysis", "judgement"):
            text = told[n % 2] if task == "judgement" else f"Cart number {n} turns {'left' * (n + 1)} past the gate."
            turns = [{"from": "human", "value": f"<video>\n{task}, please?"}, {"from": "gpt", "value": text}]
            video = f"ucf-crime/{level}s/test/Yard{n:03d}_x264_E{n}.mp4"
            rows.append({"id": len(rows), "type": level, "task": task, "video": video, "conversations": turns})
    path = root / "hivau" / "instruction" / "merge_instruction_test_final.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.fixture
def smarthome(tmp_path: Path) -> Path:
    """A data root with rows in the form of SmartHome-Bench, whose own file is not at hand."""
    tags = ("Normal", "Abnormal", "Vague Abnormal", "Normal")
    rows = [f'smartbench_{n:04d},"Security, Kid Monitoring",{tags[n % 4]},"Words, words.",Words' for n in range(1, 13)]
    file = tmp_path / "smarthome_bench" / "Video_Annotation.csv"
    file.parent.mkdir()
    header = "Title,Category,Anomaly Tag,Video Description,Reasoning behind Normality/Anomalies"
    file.write_text("\n".join([header, *rows]) + "\n")
    return tmp_path


@pytest.fixture
def wordnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where NLTK looks for its data, with nothing in it yet."""
    nltk = pytest.importorskip("nltk")
    corpus = importlib.import_module("nltk.corpus")
    reader = importlib.import_module("nltk.corpus.reader")
    other_languages = corpus.LazyCorpusLoader("omw-2.0", reader.CorpusReader, "nothing")
    fresh = corpus.LazyCorpusLoader("wordnet", reader.WordNetCorpusReader, other_languages)
    monkeypatch.setattr(corpus, "wordnet", fresh)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    yield tmp_path / "corpora" / "wordnet"
    for file in vars(fresh).get("_data_file_map", {}).values():
        file.close()


@pytest.fixture
def small_wordnet(wordnet: Path) -> Path:
    """A WordNet of one synset: car, auto."""
    wordnet.mkdir(parents=True)
    entry = "02958343 06 n 02 car 0 auto 0 000 | a vehicle  \n"
    head = "  1 a small lexicon for a test  \n"
    line = f"{len(head):08d}{entry[8:]}"
    for part in ("adj", "adv", "verb", "noun"):
        (wordnet / f"data.{part}").write_text(head + (line if part == "noun" else ""))
        (wordnet / f"{part}.exc").write_text("")
        names = ("auto", "car") if part == "noun" else ()
        (wordnet / f"index.{part}").write_text(head + "".join(f"{n} n 1 0 1 0 {len(head):08d}  \n" for n in names))
    (wordnet / "lexnames").write_text("".join(f"{n:02d}\tnoun.artifact\t1\n" for n in range(45)))
    (wordnet / "cntlist.rev").write_text("")
    (wordnet / "index.sense").write_text("")
    return wordnet
