-- name: last_position
SELECT coalesce(max(position), 0) FROM events;

-- name: log
-- In order, with the bytes each hash is made of.
SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata, hash,
       event_text(position, stream, version, type, schema_version, at, recorded_at, data, metadata)
FROM events
WHERE position > %(after)s AND (%(until)s::bigint IS NULL OR position <= %(until)s)
ORDER BY position;
