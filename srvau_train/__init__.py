"""Training of SRVAU-R1-type models: RoCoT data, supervised and reinforcement fine-tuning.

This package may import `vau_bench`; never the reverse. What is heavy is imported by the stage that needs it.
"""
