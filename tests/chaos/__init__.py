"""`make chaos`: mail flows while everything that can break does.

Real processes, real far ends that write down each message they took, and mischief
drawn from a seed. At the end every message is accounted for.
"""
