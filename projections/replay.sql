-- name: altered_scripts
-- Bodies may be deleted, never altered.
SELECT s.sha256, found.sha256
FROM scripts s, encode(sha256(convert_to(s.body, 'UTF8')), 'hex') AS found (sha256)
WHERE found.sha256 <> s.sha256
ORDER BY s.sha256;

-- name: ended_jobs
-- The counts that the batches keep.
SELECT c.key, c.value::bigint
FROM (SELECT counts FROM ended_jobs ORDER BY position DESC LIMIT 1) e, jsonb_each(e.counts) c;

-- name: count_ended
SELECT state, count(*) FROM jobs WHERE final GROUP BY state;
