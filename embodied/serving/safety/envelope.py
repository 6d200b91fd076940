"""stub"""
class Envelope:
    @classmethod
    def of(cls, robot): return cls()
