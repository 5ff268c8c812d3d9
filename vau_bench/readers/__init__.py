"""Dataset readers, one file per format, found by the name that `task.yaml` gives."""

from vau_bench.readers.base import Dataset, Reader
from vau_bench.registry import Registry

READERS: Registry[Reader] = Registry("reader", group="vau_bench.readers", accepts=callable)
READERS.add("cuva_json", "vau_bench.readers.cuva_json:read_cuva_json")
READERS.add("ecva_csv", "vau_bench.readers.ecva_csv:read_ecva_csv")
READERS.add("hivau_jsonl", "vau_bench.readers.hivau_jsonl:read_hivau_jsonl")
READERS.add("msad_frames", "vau_bench.readers.msad_frames:read_msad_frames")
READERS.add("shanghaitech_masks", "vau_bench.readers.shanghaitech_masks:read_shanghaitech_masks")
READERS.add("smarthome_csv", "vau_bench.readers.smarthome_csv:read_smarthome_csv")
READERS.add("tau_json", "vau_bench.readers.tau_json:read_tau_json")
READERS.add("ubnormal_tracks", "vau_bench.readers.ubnormal_tracks:read_ubnormal_tracks")
READERS.add("uca_json", "vau_bench.readers.uca_json:read_uca_json")
READERS.add("ucf_frames", "vau_bench.readers.ucf_frames:read_ucf_frames")
READERS.add("vad_reasoning_jsonl", "vau_bench.readers.vad_reasoning_jsonl:read_vad_reasoning_jsonl")
READERS.add("vane_qa", "vau_bench.readers.vane_qa:read_vane_qa")
READERS.add("vau_csv", "vau_bench.readers.vau_csv:read_vau_csv")
READERS.add("vau_synth", "vau_bench.readers.vau_synth:read_vau_synth")
READERS.add("xd_frames", "vau_bench.readers.xd_frames:read_xd_frames")

__all__ = ["READERS", "Dataset", "Reader"]
