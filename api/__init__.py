"""The HTTP API: requests become commands for the handler, rows become answers.

Read `routes` first: every path on one screen. Each room below imports only from those before it.

    answers    how it speaks: JSON, problems, sentences in both languages
    services   what runs or is remembered behind the requests
    guard      who may ask, how much, and for how long
    requests   what was asked, checked, as commands
    endpoints  what is done about it, one file a resource
    document   the OpenAPI document, made of what is served; what names mean
    described  what it says of each operation besides

Starlette is known here and nowhere else; what a command means is not known here at all.
"""
