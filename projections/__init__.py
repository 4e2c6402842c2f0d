"""State becomes rows: each table is a fold of the log, and `replay` proves it.

`jobs`, `allocations` and `nodes` say what a folded state looks like as a row; `rows` joins them for the write
path, `tables` for everything that replays; `log_stream` reads the log in order; `replay` compares every row with
the fold of the whole log.
`moment` folds up to any position or time; `survey` lists and `past_schema` tabulates what stood then.
`stream_folds` folds the log stream by stream: `rebuild` mends rows by it, `reshape` builds a table of another shape.
"""
