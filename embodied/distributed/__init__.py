"""Ray's only home: training jobs and episode workers on many processes. Every Ray call of the project is made here.

May import every room of the mind but the command line.
"""
