"""Dataset readers, one file per format, found by the name that `task.yaml` gives."""

from vau_bench.readers.base import Dataset, Reader
from vau_bench.registry import Registry

READERS: Registry[Reader] = Registry("reader", group="vau_bench.readers", accepts=callable)
READERS.add("smarthome_csv", "vau_bench.readers.smarthome_csv:read_smarthome_csv")
READERS.add("tau_json", "vau_bench.readers.tau_json:read_tau_json")
READERS.add("uca_json", "vau_bench.readers.uca_json:read_uca_json")
READERS.add("ucf_frames", "vau_bench.readers.ucf_frames:read_ucf_frames")
READERS.add("vane_qa", "vau_bench.readers.vane_qa:read_vane_qa")
READERS.add("vau_csv", "vau_bench.readers.vau_csv:read_vau_csv")
READERS.add("vau_synth", "vau_bench.readers.vau_synth:read_vau_synth")

__all__ = ["READERS", "Dataset", "Reader"]
