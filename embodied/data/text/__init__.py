"""Text for a language model that begins from nothing: found, judged, rid of copies and of what is private, and packed.

After the roads of GPT-3 and Gopher (Brown et al. 2020, appendix A; Rae et al. 2021, appendix A): `documents` finds,
`quality` judges, `duplicates` and `privacy` take out, `road` goes the whole way, `packing` lays end to end.
"""
