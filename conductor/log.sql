-- name: read_streams
-- Whole streams, folded by the caller.
SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata
FROM events
WHERE stream = ANY(%(streams)s)
ORDER BY stream, version;

-- name: read_command
-- What a command that was recorded before came to.
SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata
FROM events
WHERE metadata ->> 'command_id' = ANY(%(command_ids)s) AND metadata ? 'command_id'
ORDER BY position;

-- name: read_after
SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata
FROM events
WHERE position > %(after)s
  AND (%(stream)s::text IS NULL OR stream = %(stream)s)
  AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s))
ORDER BY position
LIMIT %(limit)s;

-- name: head
SELECT position, hash FROM events ORDER BY position DESC LIMIT 1;

-- name: draw_job_ids
SELECT nextval('job_ids') FROM generate_series(1, %(count)s);

-- name: draw_allocation_ids
SELECT nextval('allocation_ids') FROM generate_series(1, %(count)s);

-- name: draw_cpu_blocks
-- Blocks of 2^20 CPU numbers, one a node.
SELECT nextval('cpu_blocks') * 1048576 FROM generate_series(1, %(count)s);

-- name: commit_batch
SELECT last_position, recorded_at
FROM commit_batch(%(at)s, %(streams_read)s, %(events)s, %(rows)s, %(bodies)s, %(channels)s);
