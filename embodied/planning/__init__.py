"""Plans as data: their language, the grammar made from the skill signatures, the decoding mask, and the closed loop.

May import `embodied.prompt`, `envs.interface` and `envs.skills.signatures`; torch only in `constrain`.
"""
