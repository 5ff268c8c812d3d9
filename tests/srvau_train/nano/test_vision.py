"""The vision lesson: what counts how much, which pairs are drawn, that it teaches and resumes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from srvau_train.nano.frames import Look

pytest.importorskip("trl")
torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]

LOOK = Look()


class TestVision:
    def test_a_mirrored_pair_shows_the_other_side(self):
        from srvau_train.nano.vision import SIDES, mirror

        rng = np.random.default_rng(0)
        frames, shown = rng.integers(0, 255, (3, 2, 4, 6, 3), np.uint8), rng.random((3, 2, 5, len(SIDES)), np.float32)
        turned, said = mirror(frames, shown)
        assert (turned[:, :, :, 0] == frames[:, :, :, -1]).all()
        left, right = SIDES.index("left"), SIDES.index("right")
        assert (said[..., left] == shown[..., right]).all() and (said[..., right] == shown[..., left]).all()
        assert (said[..., 0] == shown[..., 0]).all()

    def test_in_a_mirror_nobody_drives_the_wrong_way(self):
        from srvau_train.nano.vision import KINDS, SIDES, sights_loss

        rng = np.random.default_rng(0)
        shown = (rng.random((2, 2, len(KINDS), len(SIDES))) < 0.5).astype(np.float32)
        logits = torch.from_numpy(rng.normal(size=shown.shape).astype(np.float32)).requires_grad_()
        (gradient,) = torch.autograd.grad(sights_loss(logits, shown, np.array([False, True])), logits)
        wrong_way = KINDS.index("Wrong-way")
        assert bool((gradient[0] != 0).all())
        assert bool((gradient[1, :, wrong_way] == 0).all())
        gradient[1, :, wrong_way] = 1
        assert bool((gradient != 0).all())

    def test_which_way_traffic_goes_counts_more_where_it_is_judged(self):
        from srvau_train.nano.vision import KINDS, SIDES, sights_loss

        logits = torch.zeros((1, 2, len(KINDS), len(SIDES)), requires_grad=True)
        shown = np.ones(logits.shape, np.float32)
        (gradient,) = torch.autograd.grad(sights_loss(logits, shown, np.array([False])), logits)
        wrong_way = KINDS.index("Wrong-way")
        assert torch.allclose(gradient[0, :, wrong_way], 4 * gradient[0, :, wrong_way - 1])

    def test_pairs_of_which_one_frame_shows_something_are_drawn_more_often(self):
        from srvau_train.nano.vision import _BalancedPairs

        early = np.zeros((1, 3, 1), np.float32)
        late = early.copy()
        early[0, 1:] = late[0, 1] = 1  # nothing, both, the first one alone
        drawn = _BalancedPairs(early, late)(np.random.default_rng(0), 20_000)
        counts = np.bincount([pair for _, pair in drawn], minlength=3)
        assert counts[2] / counts[1] == pytest.approx(2, rel=0.1) and counts[0] > 0

    def test_a_patch_begins_as_what_differs_most_and_stays_so(self, made, model, store, tmp_path):
        from srvau_train.nano.pictures import patches
        from srvau_train.nano.vision import VisionLesson, teach_vision

        visual = made[1].video_processor
        teach_vision(model, made[1], store, VisionLesson(steps=2, batch=4), tmp_path, seed=0)
        weight = model.model.visual.patch_embed.proj.weight.detach().flatten(1)
        pairs = np.concatenate([store.frames[:, k : k + 2] for k in range(15)])
        pixels, _ = patches(pairs, visual.patch_size, visual.merge_size, visual.image_mean, visual.image_std)
        said = torch.from_numpy(pixels) @ weight.T
        likeness = (said.T @ said / len(said)).abs()
        half = len(weight) // 2
        power = likeness.diagonal()
        assert 0.5 < float(power[half // 2 : half].mean()) < 1.5 and 0.5 < float(power[-half // 2 :].mean()) < 1.5
        assert float((likeness[:half, :half] - likeness[:half, :half].diag().diag()).mean()) < 0.1
        early, late = weight.view(len(weight), 3, 2, -1).unbind(2)
        assert torch.allclose(early[:half], late[:half]) and torch.allclose(early[half:], -late[half:])

    def test_cut_off_it_ends_with_the_same_weights(self, made, store, tmp_path, monkeypatch):
        import copy

        from srvau_train.nano import lesson
        from srvau_train.nano.vision import VisionLesson, teach_vision

        told = []

        def teach(out, model):
            told.clear()
            teach_vision(
                model, made[1], store, VisionLesson(steps=6, batch=4), out, seed=0, advance=lambda: told.append(1)
            )
            return model.state_dict()

        whole = teach(tmp_path / "whole", copy.deepcopy(made[0]))
        saved = lesson._save

        def cut(out, step, *rest):
            saved(out, step, *rest)
            raise KeyboardInterrupt

        original = lesson.teach
        monkeypatch.setattr("srvau_train.nano.vision.teach", partial(original, save_every=3))
        monkeypatch.setattr(lesson, "_save", cut)
        with pytest.raises(KeyboardInterrupt):
            teach(tmp_path / "cut", copy.deepcopy(made[0]))
        monkeypatch.setattr(lesson, "_save", saved)
        again = teach(tmp_path / "cut", copy.deepcopy(made[0]))
        assert all(torch.equal(again[name], weight) for name, weight in whole.items())
        assert len(told) == 6, "the steps of before are told as done"
