"""A model shared out between processes: `layout` says how, `tensor` and `pipeline` divide a decoder's layers, `divided`
is the placement that trains it. From torch's own parts: device mesh, DTensor, FSDP2, ZeroRedundancyOptimizer."""
