-- name: owner
SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.events');

-- name: clock
SELECT clock_timestamp();

-- name: script
INSERT INTO scripts (sha256, body) VALUES (%(sha256)s, %(body)s) ON CONFLICT DO NOTHING;

-- name: append
SELECT append_events(%(at)s, %(events)s::jsonb, %(at)s::timestamptz + interval '2 milliseconds');

-- name: append_to_jobs
-- One event to each of so many jobs: the template, and what differs from job to job.
SELECT append_events(%(at)s, jsonb_agg(jsonb_build_object(
    'stream', 'job-' || job_id,
    'version', %(version)s::integer,
    'type', %(type)s::text,
    'schema_version', %(schema_version)s::integer,
    'metadata', %(metadata)s::jsonb,
    'data', (CASE WHEN job_id %% %(fails_every)s::bigint = 0 THEN %(failed)s::jsonb ELSE %(succeeded)s::jsonb END)
        || CASE %(type)s
            WHEN 'JobSubmitted' THEN jsonb_build_object(
                'job_id', job_id, 'name', 'job_' || job_id, 'user_name', 'user-' || job_id %% 20)
            WHEN 'ResourcesReserved' THEN jsonb_build_object(
                'allocation_id', job_id, 'node_name', 'node-' || place / %(cpus)s,
                'cpu_ids', jsonb_build_array(place %% %(cpus)s), 'cpu_block', place / %(cpus)s * %(block)s::bigint)
            WHEN 'ResourcesAllocated' THEN jsonb_build_object(
                'allocation_id', job_id, 'process', jsonb_build_object(
                    'pid', 1000 + job_id %% 4000000, 'boot_id', 'boot', 'start_ticks', 100 * job_id,
                    'pid_namespace', NULL))
            ELSE jsonb_build_object('allocation_id', job_id)
        END
    ) ORDER BY job_id), %(at)s::timestamptz + interval '2 milliseconds')
FROM (
    SELECT job_id, (job_id - 1) %% (%(nodes)s * %(cpus)s::bigint) AS place
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) job_id
) job;

-- name: write_jobs
INSERT INTO jobs
SELECT row.*
FROM generate_series(%(first)s::bigint, %(last)s::bigint) job_id,
     jsonb_populate_record(NULL::jobs,
         (CASE WHEN job_id %% %(fails_every)s::bigint = 0 THEN %(failed)s::jsonb ELSE %(succeeded)s::jsonb END)
         || jsonb_build_object('id', job_id, 'name', 'job_' || job_id, 'user_name', 'user-' || job_id %% 20)) row
ORDER BY job_id;

-- name: write_allocations
INSERT INTO resource_allocations
SELECT row.*
FROM (
    SELECT job_id, (job_id - 1) %% (%(nodes)s * %(cpus)s::bigint) AS place
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) job_id
) job, jsonb_populate_record(NULL::resource_allocations,
    (CASE WHEN job_id %% %(fails_every)s::bigint = 0 THEN %(failed)s::jsonb ELSE %(succeeded)s::jsonb END)
    || jsonb_build_object(
        'id', job_id, 'job_id', job_id, 'node_name', 'node-' || place / %(cpus)s,
        'cpu_ids', jsonb_build_array(place %% %(cpus)s),
        'process_id', 1000 + job_id %% 4000000, 'process_start_ticks', 100 * job_id,
        'cpu_spans', format('{[%%s,%%s)}',
            place / %(cpus)s * %(block)s::bigint + place %% %(cpus)s,
            place / %(cpus)s * %(block)s::bigint + place %% %(cpus)s + 1))) row
ORDER BY job_id;

-- name: write_nodes
SELECT write_nodes(%(rows)s::jsonb);

-- name: draw
-- As if every id had been drawn in turn.
SELECT setval('job_ids', greatest(%(jobs)s::bigint, 1)), setval('allocation_ids', greatest(%(jobs)s::bigint, 1)),
       setval('cpu_blocks', %(nodes)s::bigint - 1);

-- name: count
-- As if every batch had counted what it ended.
SELECT recount_ended();
