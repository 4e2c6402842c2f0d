"""What a person types.

`app` is the list of commands; each file beside it is one subject. `screen` is how anything gets onto a screen,
`texts` what it says, `exits` how a command ends. Client commands know the HTTP API alone; `services` start the
parts of the system.
"""
