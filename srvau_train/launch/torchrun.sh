#!/usr/bin/env bash
# Plain DDP, for what fits whole on each GPU (`train plan CONFIG --set hardware.strategy=ddp` says so); else accelerate.sh.
# One node, or several without a scheduler; the same command on each node, NODE_RANK from 0 on:
#   NODES=2 NODE_RANK=0 MASTER=10.0.0.1 launch/torchrun.sh sft qwen2_5_vl_3b [--out DIR] [--set FIELD=VALUE]...
# GPUS are those of a node (8).
set -euo pipefail
: "${1:?stage: sft or grpo}"
exec torchrun \
  --nnodes "${NODES:-1}" --node_rank "${NODE_RANK:-0}" --nproc_per_node "${GPUS:-8}" \
  --master_addr "${MASTER:-127.0.0.1}" --master_port "${MASTER_PORT:-29500}" \
  -m vau_bench train "$@"
