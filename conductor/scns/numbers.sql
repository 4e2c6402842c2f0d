-- name: owner
SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = to_regclass('public.conductor_migrations');

-- name: hold_job_ids
-- Nobody draws a number until the transaction ends; changes nothing.
ALTER SEQUENCE job_ids INCREMENT BY 1;

-- name: hold_allocation_ids
ALTER SEQUENCE allocation_ids INCREMENT BY 1;

-- name: drawn
SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM job_ids),
       (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM allocation_ids),
       NOT EXISTS (SELECT FROM events WHERE type = 'JobSubmitted');

-- name: move_job_ids
SELECT setval('job_ids', %(until)s);

-- name: move_allocation_ids
SELECT setval('allocation_ids', %(until)s);

-- name: first_events
-- Who has some of the numbers, and by which command it got them.
SELECT substr(stream, 5)::bigint, metadata ->> 'command_id', data ->> 'name'
FROM events WHERE stream = ANY(%(streams)s) AND version = 1;

-- name: sources
-- The databases that jobs were imported from, the first one first.
SELECT data ->> 'source' FROM events WHERE type = 'JobImported' GROUP BY 1 ORDER BY min(position);
