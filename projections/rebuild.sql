-- name: owner
SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.events');

-- name: differing_rows
SELECT row_key, owner, found_xmin, said
FROM differing_rows(%(table)s::text::regclass, %(expected)s::jsonb, %(owners)s::text[])
ORDER BY length(row_key), row_key;

-- name: unexplained_streams
-- Of rows that belong to no stream of the log: the stream that they would belong to.
SELECT DISTINCT stream
FROM (
    SELECT 'job-' || id AS stream FROM jobs
    UNION ALL SELECT 'job-' || job_id FROM resource_allocations
    UNION ALL SELECT 'job-' || job_id FROM past_allocations
    UNION ALL SELECT 'node-' || name FROM nodes
) row
WHERE NOT EXISTS (SELECT FROM events e WHERE e.stream = row.stream);

-- name: colliding_jobs
-- Jobs whose rows stand where these allocations must stand.
SELECT DISTINCT t.job_id
FROM jsonb_populate_recordset(NULL::resource_allocations, %(expected)s::jsonb) e
JOIN resource_allocations t ON t.id <> e.id AND (
    t.job_id = e.job_id OR (t.status <> 'released' AND e.status <> 'released' AND t.cpu_spans && e.cpu_spans));

-- name: clock_and_version
-- With the last version of a stream that nobody needs folded.
SELECT clock_timestamp(), (SELECT coalesce(max(version), 0) FROM events WHERE stream = %(stream)s);

-- name: mend_rows
SELECT mend_rows(%(at)s, %(streams_read)s, %(found)s, %(said)s, %(events)s, %(channels)s);

-- name: watch_client
-- A rebuild that was killed leaves no query behind.
SET client_connection_check_interval = '1s';

-- name: recount_ended
SELECT recount_ended();
