"""A world in a process of its own: what crashes or hangs there costs one episode and not the program.

May import no other room: it runs whatever it is told to make. POSIX systems only.
"""
