#!/usr/bin/env bash
# Several nodes under Slurm: sbatch --nodes=2 launch/slurm.sh sft qwen2_5_vl_7b [--out DIR] [--set FIELD=VALUE]...
# Runs accelerate.sh on each node; ACCELERATE names the accelerate configuration; default: zero3.yaml beside it.
#SBATCH --job-name=srvau-r1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --requeue
set -euo pipefail
: "${1:?stage: sft or grpo}"
# Slurm runs a copy of this script; what it needs lies in the installed package.
launch="$(python -c 'import pathlib, srvau_train; print(pathlib.Path(srvau_train.__file__).parent / "launch")')"
hosts="$(scontrol show hostnames "$SLURM_JOB_NODELIST")"
export NODES="$SLURM_NNODES" GPUS="${SLURM_GPUS_ON_NODE:-8}" MASTER="${hosts%%$'\n'*}"
# srun does not take it from the job by itself.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-64}"
# A requeued job goes on from its last whole checkpoint.
srun bash -c 'NODE_RANK="$SLURM_NODEID" exec bash "$@"' bash "$launch/accelerate.sh" "$@"
