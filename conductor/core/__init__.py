"""The pure core: what the words of the domain mean, without a clock, a database or a process.

Read in this order: `identifiers`, `errors`, `events`, `commands`, `job`, `node`, `leadership`, `decider`,
`cluster`, `placement`. Time and new ids are always arguments. Nothing here imports anything but value modules
of the standard library.
"""
