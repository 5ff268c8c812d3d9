#!/usr/bin/env bash
# Several nodes under Slurm: sbatch --nodes=2 launch/slurm.sh sft qwen2_5_vl_7b [--out DIR] [--set FIELD=VALUE]...
# ACCELERATE names the accelerate configuration; default: zero3.yaml beside this script.
#SBATCH --job-name=srvau-r1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --requeue
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
stage="${1:?stage: sft or grpo}"
shift
hosts="$(scontrol show hostnames "$SLURM_JOB_NODELIST")"
head_node="${hosts%%$'\n'*}"
gpus="${SLURM_GPUS_ON_NODE:-8}"
# A requeued job goes on from its last whole checkpoint.
srun bash -c "accelerate launch \\
  --config_file '${ACCELERATE:-$here/zero3.yaml}' \\
  --num_machines $SLURM_NNODES --num_processes $((SLURM_NNODES * gpus)) \\
  --machine_rank \$SLURM_NODEID --main_process_ip $head_node --main_process_port ${MASTER_PORT:-29500} \\
  --rdzv_backend c10d -m vau_bench train $stage $*"
