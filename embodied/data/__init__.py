"""What happened, and what is learned from it: episodes on disk, collection, examples, batches.

May import embodied.planning, embodied.prompt and envs.interface. Weights come in as callables: this room has never
heard of a model.
"""
