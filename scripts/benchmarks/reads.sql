-- name: owner
SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.events');

-- name: ended_jobs
-- A finished job, so many times; a few of them are found by their name alone.
INSERT INTO jobs
SELECT row.*
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n, jobs template,
     jsonb_populate_record(template, jsonb_build_object(
         'id', 1000000 + n, 'name', CASE WHEN n %% 100000 = 7 THEN 'rare' ELSE 'job_' || n END,
         'user_name', 'user-' || n %% 20, 'state', CASE WHEN n %% 16 = 0 THEN 'FAILED' ELSE 'COMPLETED' END)) row
WHERE template.id = %(template)s;

-- name: ended_allocations
INSERT INTO resource_allocations
SELECT row.*
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n, resource_allocations template,
     jsonb_populate_record(template, jsonb_build_object(
         'id', 1000000 + n, 'job_id', 1000000 + n,
         'node_name', CASE WHEN n %% 250000 = 3 THEN 'node-rare' ELSE 'node-' || n %% 8 END)) row
WHERE template.job_id = %(template)s;

-- name: count
-- As if every batch had counted what it ended.
SELECT recount_ended();
