"""The world: what can be sensed, what can be done, what counts as done. Has never heard of a neural network.

Importing it registers nothing and loads no heavy library; `import envs.registration` happens through gymnasium's entry
points when an id is made.
"""
