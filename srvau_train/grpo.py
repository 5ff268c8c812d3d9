"""Reinforcement fine-tuning by GRPO on prompts with real video: TRL's trainer, with eyes.

TRL's own trainer knows images alone: with a video in the prompt it would generate with it and compute log-probabilities
without it. Here each prompt is what `InputBuilder` makes of it, and both see the same tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trl import GRPOConfig, GRPOTrainer
from trl.trainer.utils import RepeatSampler

from srvau_train.batches import (
    IGNORED,
    ClipSource,
    DecodedHere,
    ExampleDataset,
    Features,
    PromptBuilder,
    check_rows,
    family_of_model,
    input_builder,
    load_base,
    visual_tensors,
)
from srvau_train.checkpoints import FINAL, MetricsLog, WholeCheckpoints, claim, finish, keep_off_stdout, latest
from srvau_train.config import TrainConfig
from srvau_train.examples import Example
from srvau_train.profile import Profiled
from srvau_train.rewards import reward_functions
from srvau_train.rollouts import SHOWN, SKIPPED, TRUTH, Prompts, effect_shares, reflection_start
from srvau_train.sft import arguments, lora, prepare_weights, step_arguments
from srvau_train.shown_images import shown_images
from srvau_train.skips import CountsSkips, SkipCount
from srvau_train.sources import training_rows
from srvau_train.weights import RewardWeights
from vau_bench.errors import ModelError, UsageError


class PromptOrder(RepeatSampler):  # type: ignore[misc]
    """TRL's order of the prompts; an epoch has the same one whether the training began before it or within it."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        if self.shuffle:
            self.generator.manual_seed(self.seed + epoch)


class VideoGRPOTrainer(WholeCheckpoints, Profiled, CountsSkips, GRPOTrainer):  # type: ignore[misc]
    """TRL's trainer over prompts with video.

    Attributes:
        weights: of the reward, for the shares of what reflections did.
        drop_flat_groups: leave out prompts whose completions all earn the same.
        reflection_only: let only tokens from `<reflect>` on learn.
    """

    weights: RewardWeights
    drop_flat_groups: bool = False
    reflection_only: bool = False

    _shown: list[Features]
    _which: list[int]
    _store: dict[str, Any]

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> PromptOrder:
        usual = super()._get_train_sampler(*args, **kwargs)
        return PromptOrder(
            usual.data_source, usual.mini_repeat_count, usual.batch_size, usual.repeat_count, usual.shuffle, usual.seed
        )

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        self._shown = [record.pop(SHOWN) for record in inputs]
        self._which = list(range(len(inputs)))
        skipped = [item for record in inputs for item in record.pop(SKIPPED, ())]
        self.skips.count(len({record["prompt"] for record in inputs}) + len(skipped), skipped)
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        batch["clip"] = torch.arange(len(inputs))
        if self.reflection_only:
            batch["tool_mask"] = self._reflection_mask(batch)
        if self.drop_flat_groups:
            self._drop_flat_groups(batch)
        mask = batch["completion_mask"] * batch.get("tool_mask", 1)
        batch["num_items_in_batch"] = self.accelerator.gather(mask.sum()).sum()
        return batch

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Return the tokens of the prompts and the tensors that belong to them, as the model gets them."""
        rows = [f.prompt.inputs for f in self._shown]
        kinds = [row["mm_token_type_ids"][0].tolist() for row in rows]
        return (
            [row["input_ids"][0].tolist() for row in rows],
            None,
            {"mm_token_type_ids": kinds, **visual_tensors(self._shown, self._store)},
        )

    def _generate_single_turn(self, prompt_ids: Any, images: Any, *args: Any, **kwargs: Any) -> Any:
        if self.use_vllm:  # it makes its own tensors, of the same pixels
            images = [shown_images(f.prompt.inputs, self.processing_class) for f in self._shown]
        return self._timed("generate", super()._generate_single_turn, prompt_ids, images, *args, **kwargs)

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, ids: Any) -> Any:
        rewards = self._timed("rewards", super()._calculate_rewards, inputs, prompts, completions, ids)
        shares = effect_shares(completions, [record[TRUTH] for record in inputs], self.weights)
        for name, share in shares.items():
            self._metrics["train"][f"reflection/{name}"].append(share)
        return rewards

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        self._which = inputs["clip"].tolist()
        return self._timed("forward", super()._compute_loss, model, inputs)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Any,
        attention_mask: Any,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **unused: Any,
    ) -> tuple[Any, Any, None]:
        """Return log-probabilities and entropies, (rows, `logits_to_keep`), of completions behind what they saw.

        A row whose completion is masked as a whole, such as one of a flat group, is not computed: it gets zeros. One of
        each `batch_size` rows is computed even where all are masked, since every process has to take part in each pass.
        """
        import torch

        size, live = batch_size or len(input_ids), attention_mask[:, -logits_to_keep:].any(dim=1)
        chosen, logps, entropies = [], [], []
        for start in range(0, len(input_ids), size):
            among = live[start : start + size].nonzero()[:, 0]
            rows = start + (among if len(among) else among.new_zeros(1))
            chosen.append(rows)
            ids, mask = input_ids[rows], attention_mask[rows]
            shown = [self._shown[self._which[row]] for row in rows.tolist()]
            labels = ids.masked_fill(mask == 0, IGNORED)
            labels[:, :-logits_to_keep] = IGNORED
            visual = {name: tensor.to(ids.device) for name, tensor in visual_tensors(shown).items()}
            with self.accelerator.autocast():
                out = model(
                    input_ids=ids,
                    attention_mask=mask,
                    mm_token_type_ids=_token_types(shown, ids, logits_to_keep),
                    labels=labels,
                    fused_lm_head=True,
                    use_cache=False,
                    **visual,
                )
            logps.append(out.log_probs[:, -logits_to_keep:])
            if compute_entropy:
                entropies.append(out.entropy[:, -logits_to_keep:])

        def whole(parts: list[Any]) -> Any:
            computed = torch.cat(parts)
            return computed.new_zeros(len(input_ids), logits_to_keep).index_copy(0, torch.cat(chosen), computed)

        return whole(logps), whole(entropies) if compute_entropy else None, None

    def _reflection_mask(self, batch: dict[str, Any]) -> Any:
        """Return 1 for the tokens from `<reflect>` on; all of a completion without one."""
        import torch

        mask = batch["completion_mask"].clone()
        for row, ids in enumerate(batch["completion_ids"]):
            tokens = ids[batch["completion_mask"][row].bool()].tolist()
            mask[row, : reflection_start(self._tokenizer, tokens)] = 0
        return torch.as_tensor(mask)

    def _drop_flat_groups(self, batch: dict[str, Any]) -> None:
        """Take prompts whose completions all earn the same out of the loss and of what it is divided by."""
        live = (batch["advantages"].view(-1, self.num_generations) != 0).any(dim=1)
        rows = live.repeat_interleave(self.num_generations)
        batch["completion_mask"] = batch["completion_mask"] * rows[:, None]
        if self.loss_type != "dapo" and rows.any():
            # the other losses are means over all rows
            batch["advantages"] = batch["advantages"] * (len(rows) / rows.sum())


def _token_types(shown: Sequence[Features], ids: Any, completion: int) -> Any:
    """Return which tokens are visual, (rows, tokens): of the prompts, padded on the left as `ids` are."""
    import torch

    types = torch.zeros_like(ids)
    end = ids.shape[1] - completion
    for row, features in enumerate(shown):
        own = features.prompt.inputs["mm_token_type_ids"][0]
        types[row, end - len(own) : end] = own.to(ids.device)
    return types


def train_grpo(
    config: TrainConfig,
    out: Path,
    *,
    rows: Sequence[Example] | None = None,
    clips: ClipSource | None = None,
    model: Any = None,
    processor: Any = None,
    builder: PromptBuilder | None = None,
    callbacks: Sequence[Any] = (),
    bar: bool = True,
) -> Path:
    """Train, or go on where it stopped, and return the folder of the finished checkpoint.

    Args:
        config: of the training.
        out: its folder.
        rows: prompts with their truth; default: those of the tasks that `config.data` names.
        clips: where frames come from; default: the video files.
        model: to train; default: the checkpoint that the configuration names.
        processor: of the model.
        builder: of the prompts; default: as the configuration says.
        callbacks: of transformers' trainer.
        bar: show one of steps.

    Raises:
        UsageError: for a configuration that cannot be.
        DataError: for rows that may not be trained on.
        ModelError: for a checkpoint that cannot be trained, a loss that is no number, or too many rows without video.
        RunError: if the folder belongs to another training or cannot be written.
    """
    if (out / FINAL).is_dir():
        claim(out, config)
        return out / FINAL
    given = list(rows) if rows is not None else training_rows(config.data, responses=False)
    check_rows(given, responses=False)
    if len(given) < config.grpo.prompts:  # the sampler would drop them all, and each step with them
        raise UsageError(
            f"{len(given)} rows are fewer than the {config.grpo.prompts} prompts of a step; lower grpo.prompts"
        )
    if config.grpo.beta and model is not None:
        raise UsageError(
            "grpo.beta needs the first checkpoint beside the trained one: save the model, and name its folder"
        )
    if model is None:
        model, processor, family = load_base(config.model)
    else:
        family = family_of_model(model)
    claim(out, config)
    builder = builder or input_builder(processor, model, family, config.data)
    dataset = ExampleDataset(given, builder, processor.tokenizer, clips or DecodedHere())
    prepare_weights(model, config)
    trainer = _trainer(config, out, model, processor, dataset, callbacks)
    keep_off_stdout(trainer, bar=bar)
    last = latest(out)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    trainer.tell_skipped()
    return finish(trainer, out, processor, model_arguments=arguments(config))


def _trainer(
    config: TrainConfig, out: Path, model: Any, processor: Any, dataset: ExampleDataset, callbacks: Sequence[Any]
) -> VideoGRPOTrainer:
    from datasets import Dataset

    grpo, weights = config.grpo, config.reward.weights()
    try:
        trainer = VideoGRPOTrainer(
            model=model,
            reward_funcs=reward_functions(weights),
            args=GRPOConfig(**step_arguments(config, grpo, out), **_grpo_arguments(config, model, weights)),
            train_dataset=Dataset.from_dict({"prompt": [""] * len(dataset), "row": list(range(len(dataset)))}),
            processing_class=processor,
            peft_config=lora(config),
            callbacks=[MetricsLog(out), *callbacks],
        )
    except OSError as error:
        raise ModelError(f"the first checkpoint cannot be loaded a second time, for grpo.beta: {error}") from error
    trainer.data_collator = Prompts(dataset)
    trainer.weights, trainer.kept, trainer._store = weights, grpo.keep, {}
    trainer.skips = SkipCount(config.data.most_skipped)
    trainer.drop_flat_groups = grpo.drop_flat_groups
    trainer.reflection_only = grpo.advantage_on == "reflection"
    return trainer


def _grpo_arguments(config: TrainConfig, model: Any, weights: RewardWeights) -> dict[str, Any]:
    from accelerate import PartialState

    grpo = config.grpo
    world = PartialState().num_processes
    own, rest = divmod(grpo.prompts * grpo.rollouts, world)
    micro = grpo.micro_batch or own
    if rest or own % micro:
        raise UsageError(
            f"{grpo.prompts} prompts of {grpo.rollouts} completions cannot be shared by {world} processes in batches "
            f"of {micro}"
        )
    return {
        "max_steps": grpo.steps,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": own // micro,
        "steps_per_generation": own // micro,
        "num_generations": grpo.rollouts,
        "num_iterations": grpo.updates_per_batch,
        "max_completion_length": grpo.max_new_tokens,
        "temperature": grpo.temperature,
        "top_p": grpo.top_p,
        "beta": grpo.beta,
        "loss_type": grpo.loss_type,
        "epsilon": grpo.epsilon,
        "epsilon_high": grpo.epsilon_high,
        "scale_rewards": grpo.scale_rewards,
        "reward_weights": weights.listed(),
        **_generation(config, model),
    }


def _generation(config: TrainConfig, model: Any) -> dict[str, Any]:
    """Return who writes completions, and what they may not hold.

    Raises:
        UsageError: if vLLM is asked for and not installed.
    """
    grpo, visual = config.grpo, _visual_tokens(model.config)
    if not grpo.vllm:
        return {"generation_kwargs": {"suppress_tokens": visual}}
    if find_spec("vllm") is None:
        raise UsageError("grpo.vllm needs vLLM, in a version that TRL names: pip install 'trl[vllm]'")
    return {
        "use_vllm": True,
        "generation_kwargs": {"logit_bias": dict.fromkeys(visual, -100.0)},
        "vllm_mode": "server" if grpo.vllm_server else "colocate",
        "vllm_server_base_url": grpo.vllm_server,
        "vllm_gpu_memory_utilization": grpo.vllm_memory,
    }


def _visual_tokens(config: Any) -> list[int]:
    """Return the tokens that only a prompt may hold."""
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return [int(token) for name in names if (token := getattr(config, name, None)) is not None]
