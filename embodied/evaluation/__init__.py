"""Judging: suites of seeded episodes, success with intervals, whose fault a failure was, videos and the report.

May import embodied.agents, embodied.data, embodied.planning and envs.interface. Only this room reads an environment's
privileged `attribution_view`, after the decision it judges, and hands none of it to a planner.
"""
