"""Coming from the original system, SCNS-Conductor: its jobs and allocations as events of this log.

original      its database, read in one snapshot and never written
translation   one of its jobs as the command that takes it in; pure
numbers       its numbers, kept: they must be free here, and numbering goes on behind them
importing     all of it, in order; what was imported before is recognised
"""
