"""State becomes rows: each table is a fold of the log, and `replay` proves it.

    rows        `jobs`, `allocations`, `nodes`: a folded state as a row; `rows` joins them for the write path,
                `tables` for everything that replays
    reading     `snapshot`: the database at one moment, for all that reads the log at length
    proof       `log_stream` reads the log in order, `folded` folds it in bounded memory, `ledger` keeps the
                conservation law, `comparing` looks at the tables, `known` at what was remembered outside,
                `resuming` begins in the middle; `replay` is all of that: verify
    the past    `moment` folds up to a position or time; `survey` lists, `past_schema` tabulates and `past_cluster`
                plans on what stood then;
                `what_happened` makes a workload of the log, to be simulated
    mending     `stream_folds` folds stream by stream; `rebuild` makes rows anew, `reshape` a table of another shape
    audit       `audit_reading` reads what is true now, `audit` judges it, `audit_replay` and `audit_damage` do the same
                for the whole log, `audit_catalogue` has every finding's words
    case files  `case_export` writes, `case_file` reads, `case_proof` proves

What means what is `conductor.core`'s to say: nothing here knows a second `evolve`.
"""
