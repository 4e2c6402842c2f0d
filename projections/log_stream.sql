-- name: last_position
SELECT coalesce(max(position), 0) FROM events;

-- name: log
SELECT position, stream, version, type, schema_version, at, recorded_at, data::text, metadata::text, hash
FROM events
WHERE position > %(after)s AND position <= %(until)s
ORDER BY position;

-- name: streams
-- Some streams, before a position.
SELECT position, stream, version, type, schema_version, at, recorded_at, data::text, metadata::text, hash
FROM events
WHERE stream = ANY(%(streams)s) AND position < %(before)s
ORDER BY stream, version;
