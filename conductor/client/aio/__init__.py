"""The client for programs with an event loop, and the original of the other one.

What stands here is written by hand; the modules of the same names one folder up are made from it by
`scripts/write_sync_client.py`, which leaves the waiting out.
"""
