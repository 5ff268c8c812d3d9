"""The rows that a configuration names: videos of a user, nothing held out, nothing out of distribution."""

from __future__ import annotations

import shutil

import pytest

from srvau_train.batches import check_rows
from srvau_train.command import config_of
from srvau_train.config import DataSection
from srvau_train.rocot.build import build
from srvau_train.rocot.config import TaskConfig
from srvau_train.sources import training_rows
from vau_bench.errors import DataError, UsageError


@pytest.fixture
def section(yard):
    def make(*kinds: str, **fields) -> DataSection:
        tasks = [f"yard_{kind}" for kind in kinds]
        return DataSection(tasks=tasks, answers=tasks, data=yard.root, tasks_dirs=[yard.tasks], **fields)

    return make


def test_videos_lie_beside_the_annotations_or_where_the_user_says(yard, section, tmp_path) -> None:
    rows = training_rows(section("mcq"), responses=True)
    assert len(rows) == 12
    assert {row.request.video.parent for row in rows} == {yard.videos}
    elsewhere = tmp_path / "footage"
    elsewhere.mkdir()
    shutil.move(yard.videos / "yard_3.mp4", elsewhere / "yard_3.mp4")
    rows = training_rows(section("mcq"), responses=True)
    assert sum(row.request.video is None for row in rows) == 1
    rows = training_rows(section("mcq", videos=[elsewhere, yard.videos]), responses=True)
    assert [row.request.video.parent == elsewhere for row in rows] == [n == 3 for n in range(12)]


def test_answers_are_learnt_as_they_are_asked_directly_and_prompts_in_the_style_of_the_reward(section) -> None:
    answers, prompts = (training_rows(section("mcq"), responses=responses) for responses in (True, False))
    assert {(row.request.style, row.response is None) for row in answers} == {("direct", False)}
    assert {(row.request.style, row.response is None) for row in prompts} == {("reflect", True)}
    only = section("mcq").model_copy(update={"answers": []})
    assert not training_rows(only, responses=True), "prompts of grpo are no answers for sft"


def test_chains_find_their_videos_there_too(yard, section, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    build(tmp_path / "chains", yard.config("mcq"), teacher(server.url))
    elsewhere = yard.videos.rename(tmp_path / "footage")
    found = {
        len(videos): [row.request.video for row in training_rows(
            section(chains=[tmp_path / "chains"], videos=videos), responses=True)]
        for videos in ([], [elsewhere])
    }  # fmt: skip
    assert found[0] == [None] * len(found[0])
    assert found[1] and all(video.parent == elsewhere for video in found[1])


def test_without_the_test_annotation_nothing_is_trained_on(yard, section) -> None:
    (yard.root / "test.csv").unlink()
    with pytest.raises(DataError, match="whether videos of yard_mcq are held out cannot be checked"):
        training_rows(section("mcq"), responses=True)


def test_a_test_annotation_that_is_damaged_is_no_excuse(yard, section) -> None:
    (yard.root / "test.csv").write_text("Video Name\n")
    with pytest.raises(DataError):
        training_rows(section("mcq"), responses=True)


def test_grounding_on_ucf_crime_has_to_be_allowed(yard, section) -> None:
    spec = yard.tasks / "yard_grounding" / "task.yaml"
    spec.write_text(spec.read_text().replace("name: Yard", "name: UCF-Crime"))
    with pytest.raises(UsageError, match="yard_grounding is the out-of-distribution test"):
        training_rows(section("grounding"), responses=False)
    assert training_rows(section("grounding", ucf_grounding=True), responses=False)


def test_the_shipped_configurations_find_rows_for_both_trainings(
    real, shared, teacher, chat_server, say, good, tmp_path
) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    videos = shared / "real_clips" / "videos"
    config = TaskConfig(tasks=("msad_grounding", "ecva_mcq"), data=real, videos=(videos,))
    build(tmp_path / "rocot", config, teacher(server.url, "uniform(4) short_side=112"))
    for name in ("qwen2_5_vl_3b", "qwen2_5_vl_7b", "qwen3_vl_8b"):
        changes = [f"data.data={real}", f"data.chains=[{tmp_path / 'rocot'}]", f"data.videos=[{videos}]"]
        data = config_of(name, changes).data
        chains, prompts = (training_rows(data, responses=responses) for responses in (True, False))
        check_rows(chains, responses=True)
        assert {row.request.task for row in chains} == {"msad_grounding", "ecva_mcq"}
        assert {row.request.task for row in prompts} == set(data.tasks)
        assert {row.request.style for row in (*chains, *prompts)} == {"reflect"}
        assert all(row.request.video for row in (*chains, *prompts))
