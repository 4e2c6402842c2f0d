-- name: log_size
SELECT coalesce(max(position), 0) FROM events;

-- name: log
-- The whole log in order, with the bytes each hash is made of.
SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata, hash,
       event_text(position, stream, version, type, schema_version, at, recorded_at, data, metadata)
FROM events
ORDER BY position;

-- name: jobs
SELECT * FROM jobs;

-- name: resource_allocations
SELECT * FROM resource_allocations;

-- name: past_allocations
SELECT * FROM past_allocations;

-- name: nodes
SELECT * FROM nodes;

-- name: altered_scripts
-- Bodies may be deleted, never altered.
SELECT sha256 FROM scripts WHERE encode(sha256(convert_to(body, 'UTF8')), 'hex') <> sha256;
