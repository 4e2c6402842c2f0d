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
