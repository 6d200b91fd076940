"""stub"""
class CheckedPlanner:
    def __init__(self, planner, domain): self.p=planner
    def plan(self,*a): return self.p.plan(*a)
