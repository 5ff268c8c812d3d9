"""RoCoT: reflection-oriented chains of thought, built offline from samples, first answers and a teacher.

A chain is initial reasoning and answer, a reflection on them, revised reasoning and answer. First answers come from the
policy itself, or from a declared error model; the scene teacher writes the rest from the state of a vau_synth scene.
"""
