#!/usr/bin/env bash
# One node, or several without a scheduler; the same command on each node, NODE_RANK from 0 on:
#   NODES=2 NODE_RANK=0 MASTER=10.0.0.1 launch/accelerate.sh grpo qwen2_5_vl_7b [--out DIR] [--set FIELD=VALUE]...
# GPUS are those of a node (8). ACCELERATE names the accelerate configuration; default: zero3.yaml beside this script.
set -euo pipefail
: "${1:?stage: sft or grpo}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
nodes="${NODES:-1}"
exec accelerate launch \
  --config_file "${ACCELERATE:-$here/zero3.yaml}" \
  --num_machines "$nodes" --num_processes "$((nodes * ${GPUS:-8}))" --machine_rank "${NODE_RANK:-0}" \
  --main_process_ip "${MASTER:-127.0.0.1}" --main_process_port "${MASTER_PORT:-29500}" \
  -m vau_bench train "$@"
