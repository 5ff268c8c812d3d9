"""Whether a served model gets what is sent to it: frames, their order, their times."""
