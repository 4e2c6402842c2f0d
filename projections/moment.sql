-- name: moment
-- A position or a time as a place in the log, with its end and the clock.
SELECT head.position, asked.position, e.recorded_at, clock_timestamp()
FROM (SELECT coalesce(max(position), 0) AS position FROM events) head
CROSS JOIN LATERAL (
    SELECT coalesce(%(position)s::bigint, position_at(%(instant)s::timestamptz)) AS position
) asked
LEFT JOIN events e ON e.position = asked.position;

-- name: by_stream
-- Whole streams, one after the other, so that one state at a time is enough.
SELECT stream, position, version, type, schema_version, at, data::text
FROM events
WHERE position <= %(until)s
ORDER BY stream, version;

-- name: one_stream
SELECT stream, position, version, type, schema_version, at, data::text
FROM events
WHERE stream = %(stream)s AND position <= %(until)s
ORDER BY version;

-- name: stream_events
SELECT position, stream, version, type, at, data, metadata
FROM events
WHERE stream = %(stream)s AND position <= %(until)s
ORDER BY version;
