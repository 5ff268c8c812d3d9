#!/usr/bin/env bash
# Several nodes without a scheduler; the same command on each node, NODE_RANK from 0 on:
#   NODES=2 NODE_RANK=0 MASTER=10.0.0.1 launch/torchrun.sh sft qwen2_5_vl_3b [--out DIR] [--set FIELD=VALUE]...
# Spread by plain DDP; for sharded weights use `accelerate launch` with zero3.yaml or fsdp2.yaml.
set -euo pipefail
stage="${1:?stage: sft or grpo}"
shift
exec torchrun \
  --nnodes "${NODES:-1}" --node_rank "${NODE_RANK:-0}" --nproc_per_node "${GPUS:-8}" \
  --master_addr "${MASTER:-127.0.0.1}" --master_port "${MASTER_PORT:-29500}" \
  -m vau_bench train "$stage" "$@"
