"""A decoder of this project's own, in transformers' form, whose layers are chosen by its configuration.

`configuration` names what may be chosen, `checks` refuses what does not fit, `patterns` says who attends to whom,
`attention` computes no more than that, `mixture` is a feed-forward network of experts, `model` puts layers together.
Importing the package itself loads no heavy library.
"""
