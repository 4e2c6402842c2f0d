"""`conductor doctor`: what a newcomer can get wrong, and what to do about it.

Facts are gathered (`environment`, `machine`, `database`, `server`) and then judged (`judging_*`), so that every
judgement can be tried on facts that no machine at hand has. `catalogue` has every sentence, `checks` the list of
checks. Promises: it changes nothing, anywhere; what it cannot look at, it says; no check keeps another from running.
"""
