"""The robot-control API: a server in front of robots, safe enough to leave running, and a page to watch and stop them.

Owns the wire format, sessions and leases, the safety filter, bridges to others' protocols, the console and the client.
May import agents, data, planning, prompt and `envs.interface`; `client` and `safety` need numpy alone. Worlds are
reached through gymnasium, each in a process of its own.
"""
