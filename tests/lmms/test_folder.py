"""The folder that `--include_path` reads. lmms-eval need not be there."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, PluginWarning
from vau_bench.lmms import folder
from vau_bench.lmms.documents import Answer, asked_for
from vau_bench.lmms.folder import builtin_names, evaluator_problem, write_folder
from vau_bench.records import Outcome, Response


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text().replace("!function ", ""))


def test_one_small_file_a_task() -> None:
    catalogue = Catalogue()
    written = write_folder(catalogue)
    assert {path.stem for path in written.iterdir()} == set(catalogue)
    assert read(written / "msad_grounding.yaml") == {
        "task": "msad_grounding",
        "class": "vau_bench.lmms.tasks.VauTask",
        "folder": str(catalogue.folder("msad_grounding").resolve()),
    }


def test_the_same_again_is_the_same_folder_and_mended(tiny_tasks: Path) -> None:
    first = write_folder(Catalogue())
    (first / "msad_mcq.yaml").write_text("")
    assert write_folder(Catalogue()) == first and read(first / "msad_mcq.yaml")["task"] == "msad_mcq"
    more = write_folder(Catalogue([tiny_tasks]))
    assert more != first and (more / "tiny_mcq.yaml").is_file()


def test_settings_stand_in_the_files(tmp_path: Path) -> None:
    written = write_folder(Catalogue(), data=tmp_path, style="think", split="test")
    told = read(written / "msad_mcq.yaml")
    assert (told["data"], told["style"], told["split"]) == (str(tmp_path.resolve()), "think", "test")


def test_a_name_of_theirs_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "builtin_names", lambda: {"msad_mcq"})
    with pytest.warns(PluginWarning, match="'msad_mcq' is left out: lmms-eval has one of this name"):
        written = write_folder(Catalogue())
    assert not (written / "msad_mcq.yaml").exists() and (written / "msad_grounding.yaml").exists()


def test_none_of_the_shipped_tasks_has_a_name_of_theirs() -> None:
    assert not set(Catalogue()) & builtin_names()


def test_names_are_found_however_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "a.yaml").write_text('"task": "one"  # first\ntag:\n  - two\n  - "three"\nmetric_list:\n  - metric: acc\n')
    (tasks / "_b_yaml").write_text("group: [four, 'five']\ntask:\n  - task: six\n    dataset_name: x\n")
    monkeypatch.setattr(folder, "installed", lambda: tmp_path)
    assert builtin_names() == {"one", "two", "three", "four", "five", "six"}


def test_the_manifest_imports_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lmms_eval", reason="lmms-eval is not installed: extra [lmms]")
    manifest = importlib.import_module("vau_bench.lmms.manifest")
    before = {name for name in sys.modules if name.startswith("vau_bench.")}
    found = {m.model_id: m for m in manifest.manifests()}
    assert {name for name in sys.modules if name.startswith("vau_bench.")} == before
    assert set(found) == {"vau_qwen_vl", "srvau_r1", "motion"}


def test_the_command_prints_the_folder_and_imports_nothing_heavy(tmp_path: Path) -> None:
    code = """
import sys
sys.argv = ["vau-bench", "tasks", "lmms-path"]
from vau_bench.cli.main import main
try:
    main()
finally:
    heavy = {"lmms_eval", "torch", "transformers", "datasets", "av"} & {name.partition(".")[0] for name in sys.modules}
    print(sorted(heavy), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).parent == tmp_path / "cache" / "lmms-tasks"
    assert done.stderr.splitlines()[-1] == "[]"


def test_what_lmms_eval_lacks_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "find_spec", lambda name: None)
    assert evaluator_problem() == "lmms-eval is not installed: pip install 'vau-bench[lmms]'"
    monkeypatch.setattr(folder, "installed", lambda: Path())
    assert evaluator_problem() == "lmms-eval cannot run tasks with this filelock: pip install 'vau-bench[lmms]'"


def test_where_the_data_are_is_asked_in_the_words_of_lmms_eval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = {"folder": str(Catalogue().folder("clips_grounding"))}
    monkeypatch.delenv("VAU_BENCH_EVALUATE_DATA", raising=False)
    with pytest.raises(DataError, match="lmms-eval takes the data root from VAU_BENCH_EVALUATE_DATA"):
        asked_for(config)
    (tmp_path / "clips.csv").write_text("Video Name,Start Time,End Time\na.mp4,1,5\n")
    monkeypatch.setenv("VAU_BENCH_EVALUATE_DATA", str(tmp_path))
    monkeypatch.setenv("VAU_BENCH_EVALUATE_STYLE", "think")
    assert asked_for(config).run.style == "think"
    assert asked_for({**config, "style": "reflect"}).run.style == "reflect", "the file comes before the variable"


def test_an_answer_is_a_text_that_keeps_its_outcome() -> None:
    cut = Response("", "t", "s", "direct", 0, "Well", Outcome.TRUNCATED)
    assert Answer(cut) == "Well" and Answer(cut).response is cut
