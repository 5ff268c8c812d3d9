"""The rows and frames of the nano model say and show what the scenes hold."""

from __future__ import annotations

import errno
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from srvau_train.nano.frames import Look, draw_frames
from srvau_train.nano.recipe import Recipe
from srvau_train.nano.rows import chains, direct, prompt
from srvau_train.rocot import wording
from vau_bench.errors import DataError, RunError, VideoMissingError
from vau_bench.parsing import parse_grammar
from vau_bench.synth import CLASSES, labels_at, scene_at

pytest.importorskip("trl")
torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]

LOOK = Look()


class TestRows:
    @pytest.mark.parametrize("number", range(6))
    def test_a_walk_answers_and_says_at_each_time_what_the_scene_shows(self, number):
        from srvau_train.nano.watching import walk

        response = walk(number, LOOK).response
        assert response.startswith(direct(number, "classification", LOOK).response)
        assert direct(number, "grounding", LOOK).response in response
        response = response.rpartition(">")[2]
        parts = response[response.index(":") + 2 : -1].split("; ")
        scene = scene_at("train", number)
        times = [float(part.split(" s ")[0]) for part in parts]
        assert sorted(times) == [float(t) for t in range(16)] and times != sorted(times)
        for label, part in zip(labels_at(scene, times), parts, strict=True):
            seen = part.split(" s ", 1)[1]
            named = {kind for kind in CLASSES if seen.startswith(wording.SEEN[kind])}
            assert named == ({label} - {"Normal"}), part

    def test_answers_lie_half_way_between_the_frames_that_show_it_and_those_that_do_not(self):
        for number in range(40):
            scene = scene_at("train", number)
            shown = [t for t, label in zip(LOOK.times, labels_at(scene, LOOK.times), strict=True) if label != "Normal"]
            if shown:
                row = direct(number, "grounding", LOOK)
                assert row.response.endswith(f"[{shown[0] - 0.5:.1f}, {shown[-1] + 0.5:.1f}]</glue>"), scene.event

    def test_chains_of_a_folder_become_rows_that_mask_wrong_first_answers(self, tmp_path):
        from srvau_train.nano.train import Training

        training = Training(tmp_path, replace(Recipe(), taught=4))
        rows = chains(training.taught, LOOK)
        assert len(rows) == 12 and all(parse_grammar(row.response).last is not None for row in rows)
        lines = [json.loads(line) for line in (tmp_path / "rocot-taught" / "chains.jsonl").read_text().splitlines()]
        assert all((row.loss_from > 0) == (not line["first_right"]) for row, line in zip(rows, lines, strict=True))


class TestFrames:
    def test_they_are_drawn_once_and_told_apart_by_their_look(self, store, tmp_path):
        first = draw_frames(tmp_path, "train", 2, LOOK, workers=1)
        stamp = first.path.stat().st_mtime_ns
        assert draw_frames(tmp_path, "train", 2, LOOK, workers=1).path.stat().st_mtime_ns == stamp
        assert np.array_equal(first.frames, store.frames[:2])
        other = draw_frames(tmp_path, "train", 2, Look(64, 48), workers=1)
        assert other.frames.shape == (2, 16, 48, 64, 3)

    def test_a_disk_without_room_is_told_before_a_clip_is_drawn(self, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.posix_fallocate", full)
        with pytest.raises(RunError, match=r"train.npy, which takes 0.0 GB: No space left"):
            draw_frames(tmp_path, "train", 2, LOOK, workers=1)
        assert not list(tmp_path.iterdir())

    def test_the_first_of_them_are_a_store_of_their_own_in_another_process_too(self, store):
        few = store.first(3)
        for some in (few, pickle.loads(pickle.dumps(few))):
            assert len(some) == 3 and np.array_equal(some.frames, store.frames[:3])
            assert np.array_equal(some.load(Path("train-00002.mp4"), LOOK.plan).frames, store.frames[2])
            with pytest.raises(VideoMissingError, match="train-00003 was not drawn"):
                some.load(Path("train-00003.mp4"), LOOK.plan)

    def test_a_video_is_shown_in_evaluation_as_clips_are_in_training(self, made, tmp_path):
        from srvau_train.batches import family_of_model, input_builder
        from vau_bench.synth import ensure_videos
        from vau_bench.video import decode

        model, processor = made
        builder = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)
        (video,) = ensure_videos(tmp_path / "videos", "test", 1, workers=1).glob("*.mp4")
        drawn = draw_frames(tmp_path / "drawn", "test", 1, LOOK, workers=1)
        request = prompt(0, "grounding", "direct", LOOK).request
        shown, learnt = (
            builder.build(request, clip) for clip in (decode(video, LOOK.plan), drawn.load(video, LOOK.plan))
        )
        assert (shown.seen.width, shown.seen.height, shown.seen.times) == (96, 96, LOOK.times)
        assert torch.equal(shown.inputs["input_ids"], learnt.inputs["input_ids"])
        apart = shown.inputs["pixel_values_videos"] - learnt.inputs["pixel_values_videos"]
        assert apart.abs().mean() < 0.1  # the codec loses a little

    def test_what_was_not_drawn(self, store):
        from pathlib import Path

        with pytest.raises(VideoMissingError):
            store.load(Path("train-0099.mp4"), LOOK.plan)
        with pytest.raises(DataError, match="not for uniform"):
            store.load(Path("train-0001.mp4"), "uniform(4)")
