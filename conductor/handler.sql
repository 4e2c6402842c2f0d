-- name: read_streams_and_clock
-- Streams, the time, and for submissions the width of the widest node, in one round trip; one row without a position when
-- there are no events. The clock is read row by row, so the latest of them is later than every event in sight. No width
-- when no node is registered: then a job of any width waits.
SELECT e.position, e.stream, e.version, e.type, e.schema_version, e.at, e.recorded_at, e.data, e.metadata,
       CASE WHEN %(submits)s THEN (SELECT max(total_cpus) FROM nodes WHERE state <> 'REMOVED') END AS widest_node_cpus,
       clock_timestamp()
FROM (SELECT 1) one
LEFT JOIN events e ON e.stream = ANY(%(streams)s)
ORDER BY e.stream, e.version;

-- name: draw_job_ids_and_clock
-- Numbers for submissions that rest on no stream, with the width and the time as above.
SELECT NULL, nextval('job_ids'), (SELECT max(total_cpus) FROM nodes WHERE state <> 'REMOVED') AS widest_node_cpus,
       clock_timestamp()
FROM generate_series(1, %(count)s);

-- name: node_offers
-- What every node has, up or not, for jobs that ask for more than CPUs.
SELECT name, total_cpus, memory_mb, labels, gres FROM nodes WHERE state <> 'REMOVED' ORDER BY name;

-- name: find_allocations
SELECT id, job_id, node_name FROM allocation_history WHERE id = ANY(%(ids)s);

-- name: free_cpus
-- CPUs of a node that no live allocation holds, lowest first.
SELECT cpu
FROM nodes n, unnest(n.cpu_ids) cpu
WHERE n.name = %(node_name)s
  AND NOT EXISTS (
      SELECT FROM resource_allocations a
      WHERE a.node_name = n.name AND a.status <> 'released' AND cpu = ANY(a.cpu_ids))
ORDER BY cpu;

-- name: wanted
-- What a job asks for, and what the node has of it; NULLs for a node that never registered.
SELECT j.total_cpus_required, j.exclusive, j.memory_mb, j.gres, n.total_cpus, n.memory_mb, n.gres
FROM jobs j LEFT JOIN nodes n ON n.name = %(node_name)s
WHERE j.id = %(job_id)s;

-- name: held
-- What live allocations hold of a node besides CPUs; for jobs that want to be alone there.
SELECT a.memory_mb, a.gres, j.gres, a.job_id, j.exclusive
FROM resource_allocations a JOIN jobs j ON j.id = a.job_id
WHERE a.node_name = %(node_name)s AND a.status <> 'released'
ORDER BY a.job_id;

-- name: licences
-- How many of each name the policy in force has, and how many live allocations asked for.
SELECT l.key, l.value::bigint, coalesce((
    SELECT sum((j.gres ->> l.key)::bigint) FROM resource_allocations a JOIN jobs j ON j.id = a.job_id
    WHERE a.status <> 'released'), 0)::bigint
FROM (SELECT data -> 'policy' -> 'licences' AS licences FROM events WHERE stream = 'policy'
      ORDER BY version DESC LIMIT 1) p,
     jsonb_each_text(p.licences) l
WHERE l.key = ANY(%(names)s);

-- name: live_leases
SELECT node_name FROM node_leases WHERE node_name = ANY(%(names)s) AND expires_at > clock_timestamp();

-- name: missing_jobs
-- The first of these that there is not: jobs by number, or tasks by the numbers of their array and their own.
SELECT asked.job_id, asked.task_id
FROM unnest(%(job_ids)s::bigint[], %(task_ids)s::integer[]) WITH ORDINALITY asked (job_id, task_id, place)
WHERE CASE WHEN asked.task_id IS NULL
           THEN NOT EXISTS (SELECT FROM jobs WHERE id = asked.job_id)
           ELSE NOT EXISTS (SELECT FROM jobs WHERE array_job_id = asked.job_id AND array_task_id = asked.task_id)
      END
ORDER BY asked.place
LIMIT 1;
