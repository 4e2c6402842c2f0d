"""The HTTP API: requests become commands for the handler, rows become answers.

Read `routes` first: every path on one screen. Then `security` (who may ask), `bodies` and `submission` (what was
asked), `jobs` (what is done about it), `problems` and `texts` (how a refusal reads). Starlette is known here
and nowhere else; what a command means is not known here at all.
"""
