"""Where answers come from: a model on this machine, or a recording."""
