"""What a run will cost, reckoned before it: tokens, operations, memory, decoding, disk, money, hours.

Pure functions over requests on paper; only `workload`, `measuring` and `against` look at files. No figure comes without
the assumption that it rests on.
"""
