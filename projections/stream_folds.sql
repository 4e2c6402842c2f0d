-- name: log_by_stream
-- Whole streams, one after the other.
SELECT position, stream, version, type, schema_version, at, recorded_at, data::text, metadata::text, hash
FROM events
ORDER BY stream, version;

-- name: moved_streams
SELECT DISTINCT stream FROM events WHERE position > %(after)s;

-- name: extent
-- Positions without gaps are as many as the last one says.
SELECT count(*), coalesce(max(position), 0) FROM events;
