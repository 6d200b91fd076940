"""How a model writes its answers: a loop of its own over a preallocated cache; what was read once is not read again.

`loop` writes, `decoders` run a language model over the cache of `cache`, `prefixes` keeps how prompts began and
`pictures` what pictures became. The loop never sees a grammar: it asks a `Guide` what may come next.
"""
