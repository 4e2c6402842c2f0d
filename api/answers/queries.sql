-- name: head
SELECT position, hash FROM events ORDER BY position DESC LIMIT 1;

-- name: states
-- What waiters wait for.
SELECT id, state, final, version FROM jobs WHERE id = ANY(%(ids)s);

-- name: job
SELECT j.id, j.name, j.state,
       CASE
           WHEN j.reason IS NOT NULL THEN j.reason
           WHEN j.state = 'PENDING' AND NOT EXISTS (SELECT FROM nodes WHERE state <> 'REMOVED') THEN 'NoNodes'
           WHEN j.state = 'RUNNING' AND NOT EXISTS (
               SELECT FROM node_leases l WHERE l.node_name = a.node_name AND l.expires_at > clock_timestamp())
               THEN 'NodeDown'
       END AS reason,
       j.final, j.user_name, j.account, j.submitted_by, j.script_sha256,
       j.environment_id, j.work_dir, j.ntasks_per_node, j.cpus_per_task, j.total_cpus_required, j.allocated_cpus,
       j.memory_mb, j.time_limit, j.time_limit_seconds, j.priority, j.held, j.requeue, j.begin_time, j.dependency,
       j.array_job_id, j.array_task_id, j.submit_time, j.eligible_time, j.start_time, j.end_time,
       j.cancel_requested_at, j.exit_code, j.exit_signal, j.stdout_path, j.stderr_path, j.comment, j.attempt,
       j.version, j.signal, j.array_spec, j.nodelist, j.labels, j.exclusive, j.gres,
       EXTRACT(EPOCH FROM coalesce(j.start_time, j.end_time, now()) - j.submit_time)::double precision
           AS wait_seconds,
       EXTRACT(EPOCH FROM coalesce(j.end_time, now()) - j.start_time)::double precision AS run_seconds,
       CASE WHEN a.id IS NOT NULL THEN (
           SELECT row_to_json(r) FROM (
               SELECT a.id, a.job_id, a.attempt, a.node_name, a.allocated_cpus, a.cpu_ids, a.memory_mb, a.status,
                      a.process_id, a.boot_id, a.pid_namespace, a.process_start_ticks, a.reservation_time,
                      a.expires_at, a.allocation_time, a.release_time, a.release_reason, a.exit_code,
                      a.exit_signal, a.cpu_seconds, a.memory_peak_mb, a.version, a.gres, a.unsupervised) r
       ) END AS resource_allocation
FROM jobs j
LEFT JOIN resource_allocations a ON a.job_id = j.id
WHERE j.id = %(job_id)s;

-- name: job_after_command
-- What a person who has just acted on a job wants to see.
SELECT id AS job_id, array_job_id, array_task_id, state, reason, held, priority, attempt, cancel_requested_at, final,
       version
FROM jobs WHERE id = %(job_id)s;

-- name: jobs_after_command
SELECT id AS job_id, array_job_id, array_task_id, state, reason, held, priority, attempt, cancel_requested_at, final, version
FROM jobs WHERE id = ANY(%(job_ids)s) ORDER BY array_task_id;

-- name: array_tasks
-- NULL: all of them. The number of another task than the first is no array's.
SELECT id, array_task_id, state, final
FROM jobs
WHERE array_job_id = %(job_id)s AND (%(task_ids)s::integer[] IS NULL OR array_task_id = ANY(%(task_ids)s))
ORDER BY array_task_id;

-- name: array_states
SELECT state, count(*) AS jobs FROM jobs WHERE array_job_id = %(job_id)s GROUP BY state ORDER BY state;

-- name: array_overview
-- How many tasks are in which state, and the first of each.
SELECT state, count(*) AS jobs, min(id) AS first_id
FROM jobs WHERE array_job_id = %(job_id)s GROUP BY state ORDER BY state;

-- name: last_said
-- The last event of these kinds in a stream, up to a position: who, when, and why.
SELECT at, data->>'reason' AS reason, metadata->>'actor' AS actor
FROM events
WHERE stream = %(stream)s AND type = ANY(%(types)s) AND position <= %(position)s
ORDER BY version DESC
LIMIT 1;

-- name: awaited_states
-- How the jobs stand that another waits for: a job, every task of the array that a number heads, or one task.
SELECT asked.job_id, asked.task_id, j.state, count(*) AS jobs
FROM unnest(%(job_ids)s::bigint[], %(task_ids)s::integer[]) asked (job_id, task_id)
CROSS JOIN LATERAL (
    SELECT * FROM jobs one WHERE asked.task_id IS NULL AND one.id = asked.job_id
    UNION ALL
    SELECT * FROM jobs task
    WHERE asked.task_id IS NULL AND task.array_job_id = asked.job_id AND task.id <> asked.job_id
    UNION ALL
    SELECT * FROM jobs task WHERE task.array_job_id = asked.job_id AND task.array_task_id = asked.task_id
) j
GROUP BY asked.job_id, asked.task_id, j.state;

-- name: awaited_open
-- The first few of those that have not ended.
SELECT asked.job_id, asked.task_id, j.id, j.array_job_id, j.array_task_id, j.state, j.reason, j.start_time,
       j.time_limit_seconds
FROM unnest(%(job_ids)s::bigint[], %(task_ids)s::integer[]) asked (job_id, task_id)
CROSS JOIN LATERAL (
    SELECT * FROM (
    SELECT * FROM jobs one WHERE asked.task_id IS NULL AND one.id = asked.job_id
    UNION ALL
    SELECT * FROM jobs task
    WHERE asked.task_id IS NULL AND task.array_job_id = asked.job_id AND task.id <> asked.job_id
    UNION ALL
    SELECT * FROM jobs task WHERE task.array_job_id = asked.job_id AND task.array_task_id = asked.task_id
    ) member
    WHERE NOT member.final
    ORDER BY member.id
    LIMIT %(most)s
) j
ORDER BY j.id;

-- name: standing_before
-- For a singleton: earlier jobs of its name and user that have not ended.
SELECT id, array_job_id, array_task_id, state, reason, start_time, time_limit_seconds
FROM jobs
WHERE user_name = %(user_name)s AND name = %(name)s AND id < %(job_id)s AND NOT final
ORDER BY id
LIMIT %(most)s;

-- name: jobs
-- Newest first; the cursor is the last id that was shown. `ids`: only these. Planned anew each time, when what is not
-- asked for is known to be NULL. The newest of states or of a user are found by their own indexes (`by_state`,
-- `by_user`): the planner would walk down all numbers, trusting that such jobs lie everywhere, or sort all of a state.
SELECT j.id, j.name, j.state,
       CASE
           WHEN j.reason IS NOT NULL THEN j.reason
           WHEN j.state = 'PENDING' AND NOT EXISTS (SELECT FROM nodes WHERE state <> 'REMOVED') THEN 'NoNodes'
           WHEN j.state = 'RUNNING' AND NOT EXISTS (
               SELECT FROM node_leases l WHERE l.node_name = a.node_name AND l.expires_at > clock_timestamp())
               THEN 'NodeDown'
       END AS reason,
       j.final, j.user_name, j.account, j.submitted_by, j.script_sha256,
       j.environment_id, j.work_dir, j.ntasks_per_node, j.cpus_per_task, j.total_cpus_required, j.allocated_cpus,
       j.memory_mb, j.time_limit, j.time_limit_seconds, j.priority, j.held, j.requeue, j.begin_time, j.dependency,
       j.array_job_id, j.array_task_id, j.submit_time, j.eligible_time, j.start_time, j.end_time,
       j.cancel_requested_at, j.exit_code, j.exit_signal, j.stdout_path, j.stderr_path, j.comment, j.attempt,
       j.version, j.signal, j.array_spec, j.nodelist, j.labels, j.exclusive, j.gres,
       a.node_name, a.process_id
FROM jobs j
LEFT JOIN resource_allocations a ON a.job_id = j.id
WHERE (NOT %(by_state)s OR j.id = ANY(ARRAY(
           SELECT newest.id
           FROM unnest(%(states)s::text[]) asked (state)
           CROSS JOIN LATERAL (
               SELECT k.id FROM jobs k
               WHERE k.state = asked.state
                 AND (%(user_name)s::text IS NULL OR k.user_name = %(user_name)s)
                 AND (%(name)s::text IS NULL OR k.name = %(name)s)
                 AND (%(node_name)s::text IS NULL OR EXISTS (
                     SELECT FROM resource_allocations h WHERE h.job_id = k.id AND h.node_name = %(node_name)s))
                 AND (%(array_job_id)s::bigint IS NULL OR k.array_job_id = %(array_job_id)s)
                 AND (%(since)s::timestamptz IS NULL OR k.submit_time >= %(since)s)
                 AND (%(until)s::timestamptz IS NULL OR k.submit_time < %(until)s)
                 AND (%(cursor)s::bigint IS NULL OR k.id < %(cursor)s)
               ORDER BY k.id DESC
               LIMIT %(limit)s) newest
           ORDER BY newest.id DESC
           LIMIT %(limit)s)))
  AND (NOT %(by_user)s OR j.id = ANY(ARRAY(
           SELECT newest.id
           FROM unnest(ARRAY[%(user_name)s::text]) asked (user_name)
           CROSS JOIN LATERAL (
               SELECT k.id FROM jobs k
               WHERE k.user_name = asked.user_name
                 AND (%(states)s::text[] IS NULL OR k.state || '' = ANY(%(states)s))
                 AND (%(since)s::timestamptz IS NULL OR k.submit_time >= %(since)s)
                 AND (%(until)s::timestamptz IS NULL OR k.submit_time < %(until)s)
                 AND (%(cursor)s::bigint IS NULL OR k.id < %(cursor)s)
               ORDER BY k.id DESC
               LIMIT %(limit)s) newest)))
  AND (%(states)s::text[] IS NULL OR j.state || '' = ANY(%(states)s))
  AND (%(user_name)s::text IS NULL OR j.user_name = %(user_name)s)
  AND (%(name)s::text IS NULL OR j.name = %(name)s)
  AND (%(node_name)s::text IS NULL OR a.node_name = %(node_name)s)
  AND (%(array_job_id)s::bigint IS NULL OR j.array_job_id = %(array_job_id)s)
  AND (%(since)s::timestamptz IS NULL OR j.submit_time >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR j.submit_time < %(until)s)
  AND (%(cursor)s::bigint IS NULL OR j.id < %(cursor)s)
  AND (%(ids)s::bigint[] IS NULL OR j.id = ANY(%(ids)s))
ORDER BY j.id DESC
LIMIT %(limit)s;

-- name: script
SELECT s.body FROM jobs j JOIN scripts s ON s.sha256 = j.script_sha256 WHERE j.id = %(job_id)s;

-- name: environment
-- An empty environment has no row of its own; one that was forgotten has none left.
SELECT j.environment_id, e."values"
FROM jobs j LEFT JOIN environments e ON e.id = j.environment_id
WHERE j.id = %(job_id)s;

-- name: output_place
-- Where the output lies of the attempt asked for, else of the last one that had a process.
SELECT j.id, j.name, j.user_name, j.work_dir, j.array_job_id, j.array_task_id, j.stdout_path, j.stderr_path,
       j.state, j.final, j.end_time, j.version, a.attempt, a.node_name, n.spool_id,
       coalesce(s.seen_at > clock_timestamp() - interval '15 seconds', false) AS served
FROM jobs j
LEFT JOIN LATERAL (
    SELECT h.attempt, h.node_name
    FROM allocation_history h
    WHERE h.job_id = j.id AND h.process_id IS NOT NULL
      AND (%(attempt)s::integer IS NULL OR h.attempt = %(attempt)s)
    ORDER BY h.id DESC LIMIT 1
) a ON true
LEFT JOIN nodes n ON n.name = a.node_name
LEFT JOIN output_servers s ON s.node_name = a.node_name
WHERE j.id = %(job_id)s;

-- name: ask_for_output
SELECT ask_for_output(
    %(request)s, %(node_name)s, %(job_id)s, %(attempt)s::integer, %(stream)s, %(first_byte)s::bigint,
    %(most_bytes)s::integer, %(wait_seconds)s, %(channel)s);

-- name: take_outputs
SELECT * FROM take_outputs(%(requests)s, %(withdrawn)s);

-- name: events
-- A job's event is about a node from the reservation there to the release, and when it is late news of that.
SELECT * FROM (
    SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata,
           encode(hash, 'hex') AS hash,
           CASE WHEN NOT %(with_node)s THEN NULL
                WHEN starts_with(stream, 'node-') THEN substr(stream, 6)
                WHEN type = 'ResourcesReserved' THEN data ->> 'node_name'
                WHEN type = 'LateReport' THEN (
                    SELECT r.data ->> 'node_name' FROM events r
                    WHERE r.stream = events.stream AND r.type = 'ResourcesReserved'
                      AND r.data -> 'allocation_id' = events.data -> 'allocation_id'
                    LIMIT 1)
                WHEN starts_with(stream, 'job-') AND version > 1 THEN (
                    SELECT CASE WHEN r.type = 'ResourcesReserved' THEN r.data ->> 'node_name' END FROM events r
                    WHERE r.stream = events.stream AND r.version < events.version
                      AND r.type IN ('ResourcesReserved', 'ResourcesReleased')
                    ORDER BY r.version DESC
                    LIMIT 1)
           END AS node_name
    FROM events
    WHERE position > %(after)s
      AND (%(until)s::bigint IS NULL OR position <= %(until)s)
      AND (%(stream)s::text IS NULL OR stream = %(stream)s)
      AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s))
) found
WHERE %(node_name)s::text IS NULL OR node_name = %(node_name)s
ORDER BY position
LIMIT %(limit)s;

-- name: hash_at
SELECT encode(hash, 'hex') AS hash FROM events WHERE position = %(position)s;

-- name: count_recorded_commands
-- How many of these commands are in the log; one query for one key.
SELECT count(DISTINCT metadata ->> 'command_id')::integer AS recorded
FROM events
WHERE metadata ->> 'command_id' = ANY(%(command_ids)s) AND metadata ? 'command_id';

-- name: allocations
SELECT id, job_id, attempt, node_name, allocated_cpus, cpu_ids, memory_mb, status, process_id, boot_id,
       pid_namespace, process_start_ticks, reservation_time, expires_at, allocation_time, release_time,
       release_reason, exit_code, exit_signal, cpu_seconds, memory_peak_mb, version, gres, a.unsupervised
FROM resource_allocations a
WHERE status = ANY(%(statuses)s)
  AND (%(node_name)s::text IS NULL OR node_name = %(node_name)s)
  AND (%(cursor)s::bigint IS NULL OR id < %(cursor)s)
ORDER BY id DESC
LIMIT %(limit)s;

-- name: makers_then
-- The last starts of jobs and registrations of nodes up to a position: whether an executor of another make told of them.
SELECT DISTINCT ON (stream) stream, (data ->> 'allocation_id')::bigint AS allocation_id,
       metadata ->> 'channel' NOT LIKE 'executor@%%' AS unsupervised
FROM events
WHERE stream = ANY(%(streams)s) AND position <= %(position)s AND type IN ('ResourcesAllocated', 'NodeRegistered')
ORDER BY stream, version DESC;

-- name: launches
-- What allocations do not say of their jobs, and who starts them has to know.
SELECT id, name, user_name, submitted_by, account, work_dir, script_sha256, environment_id, ntasks_per_node, cpus_per_task,
       memory_mb, time_limit_seconds, stdout_path, stderr_path, array_job_id, array_task_id, array_spec, requeue, signal,
       cancel_requested_at
FROM jobs WHERE id = ANY(%(job_ids)s);

-- name: processes
-- Newest first; alive at an instant are those that had started and not ended. The job's first event says who submitted
-- it; its release, which the allocation's version names, was caused by whoever ended it.
SELECT p.id AS allocation_id, p.job_id, p.attempt, j.name AS job_name, j.user_name, j.account, p.node_name,
       p.process_id, p.boot_id, p.pid_namespace, p.process_start_ticks, p.allocation_time AS start_time,
       p.release_time AS end_time, p.exit_code, p.exit_signal, p.release_reason, j.submitted_by,
       submitted.metadata ->> 'channel' AS submitted_through,
       ender.metadata ->> 'actor' AS ended_by, ender.metadata ->> 'channel' AS ended_through
FROM (
    SELECT *
    FROM allocation_history
    WHERE process_id IS NOT NULL
      AND (%(pid)s::bigint IS NULL OR process_id = %(pid)s)
      AND (%(node_name)s::text IS NULL OR node_name = %(node_name)s)
      AND (%(at)s::timestamptz IS NULL
           OR allocation_time <= %(at)s AND (release_time > %(at)s OR release_time IS NULL))
      AND (%(cursor)s::bigint IS NULL OR id < %(cursor)s)
    ORDER BY CASE WHEN %(at)s::timestamptz IS NULL THEN id ELSE id + 0 END DESC  -- at an instant, by its index
    LIMIT %(limit)s
) p
JOIN jobs j ON j.id = p.job_id
LEFT JOIN events submitted ON submitted.stream = 'job-' || p.job_id AND submitted.version = 1
LEFT JOIN events released ON released.stream = 'job-' || p.job_id AND released.version = p.version
     AND p.release_reason IN ('cancelled', 'node_lost', 'repaired') AND released.type = 'ResourcesReleased'
LEFT JOIN events ender ON (ender.stream, ender.version) = (
    split_part(coalesce(released.metadata ->> 'causation', released.stream || '@' || released.version), '@', 1),
    split_part(coalesce(released.metadata ->> 'causation', released.stream || '@' || released.version), '@', 2)::integer)
     AND ender.type <> 'NodeRegistered'
ORDER BY p.id DESC;

-- name: nodes
-- A CPU that a lowered TOTAL_CPUS took away is still used by the job that holds it, and free no more.
SELECT n.name, n.state, n.reason, n.total_cpus, n.cpu_ids, n.memory_mb, n.labels, n.gres, n.numa, n.incarnation, n.boot_id,
       n.spool_id, n.registered_at, n.version, n.unsupervised,
       coalesce(held.used, 0)::integer AS used_cpus,
       coalesce(held.reserved, 0)::integer AS reserved_cpus,
       (n.total_cpus - coalesce(held.own, 0))::integer AS free_cpus,
       coalesce(held.running_jobs, 0)::integer AS running_jobs,
       coalesce(held_memory.mb, 0)::bigint AS held_memory_mb,
       coalesce(held_gres.counts, '{}') AS held_gres,
       l.renewed_at AS lease_renewed_at,
       l.expires_at AS lease_expires_at,
       coalesce(l.expires_at > now() AND l.incarnation = n.incarnation, false) AS lease_live
FROM nodes n
LEFT JOIN node_leases l ON l.node_name = n.name
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE a.status = 'allocated') AS used,
           count(*) FILTER (WHERE a.status = 'reserved') AS reserved,
           count(*) FILTER (WHERE cpu = ANY(n.cpu_ids)) AS own,
           count(DISTINCT a.id) FILTER (WHERE a.status = 'allocated') AS running_jobs
    FROM resource_allocations a, unnest(a.cpu_ids) cpu
    WHERE a.node_name = n.name AND a.status <> 'released'
) held ON true
LEFT JOIN LATERAL (
    SELECT sum(a.memory_mb) AS mb
    FROM resource_allocations a
    WHERE a.node_name = n.name AND a.status <> 'released'
) held_memory ON true
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(counted.gres, counted.held) AS counts
    FROM (
        SELECT one.key AS gres, sum(jsonb_array_length(one.value)) AS held
        FROM resource_allocations a, jsonb_each(a.gres) one
        WHERE a.node_name = n.name AND a.status <> 'released'
        GROUP BY one.key) counted
) held_gres ON true
WHERE %(node_name)s::text IS NULL OR n.name = %(node_name)s
ORDER BY n.name;

-- name: node_after_command
SELECT name AS node_name, state, reason, incarnation, version FROM nodes WHERE name = %(node_name)s;

-- name: stats
-- One statement, so one snapshot: the sums are equal because they are of the same moment. Those that have ended, a
-- million perhaps, are counted by the batches that end them; the others are few and counted here.
WITH held AS (
    SELECT n.name,
           count(*) FILTER (WHERE a.status = 'allocated') AS used,
           count(*) FILTER (WHERE a.status = 'reserved') AS reserved,
           count(*) FILTER (WHERE cpu = ANY(n.cpu_ids)) AS own
    FROM resource_allocations a JOIN nodes n ON n.name = a.node_name, unnest(a.cpu_ids) cpu
    WHERE a.status <> 'released'
    GROUP BY n.name
), cpus AS (
    SELECT n.state, coalesce(h.used, 0) AS used, coalesce(h.reserved, 0) AS reserved,
           n.total_cpus - coalesce(h.own, 0) AS free
    FROM nodes n LEFT JOIN held h ON h.name = n.name
), by_node_state AS (
    SELECT coalesce(jsonb_object_agg(state, count), '{}') AS nodes
    FROM (SELECT state, count(*) FROM nodes GROUP BY state) s
), by_job_state AS (
    SELECT coalesce(jsonb_object_agg(state, jobs), '{}') AS jobs_by_state
    FROM (
        SELECT state, count(*) AS jobs FROM jobs WHERE state IN ('PENDING', 'RESERVED', 'RUNNING') GROUP BY state
        UNION ALL
        SELECT c.key, c.value::bigint
        FROM (SELECT counts FROM ended_jobs ORDER BY position DESC LIMIT 1) e, jsonb_each(e.counts) c
    ) s
)
SELECT coalesce(sum(used), 0)::bigint AS used_cpus,
       coalesce(sum(reserved), 0)::bigint AS reserved_cpus,
       coalesce(sum(free) FILTER (WHERE state = 'UP'), 0)::bigint AS available_cpus,
       coalesce(sum(free) FILTER (WHERE state IN ('DRAINED', 'LOST')), 0)::bigint AS unavailable_cpus,
       (SELECT nodes FROM by_node_state) AS nodes,
       (SELECT jobs_by_state FROM by_job_state) AS jobs_by_state,
       (SELECT EXTRACT(EPOCH FROM now() - submit_time)::double precision
        FROM jobs WHERE state = 'PENDING' ORDER BY id LIMIT 1) AS oldest_pending_seconds,
       coalesce((SELECT max(position) FROM events), 0) AS position
FROM cpus;

-- name: renew_lease
-- One transaction, so that nobody sees a node that accepts jobs in between.
SELECT renew_lease(%(node_name)s, %(incarnation)s, %(lease_seconds)s, %(allocations)s) AS expires_at,
       CASE WHEN NOT %(accepting)s THEN stop_accepting(%(node_name)s, %(incarnation)s)::text END AS told;

-- name: to_cancel
-- What a node should end: jobs somebody cancelled, and whatever it holds that is no longer its own. A wrong row must not
-- end a job: the log has to say so as well. All of it is looked through only for what has no row at all.
SELECT a.id
FROM resource_allocations a JOIN jobs j ON j.id = a.job_id
WHERE a.node_name = %(node_name)s AND a.status = 'allocated' AND j.cancel_requested_at IS NOT NULL
  AND EXISTS (SELECT FROM events e
              WHERE e.stream = 'job-' || j.id AND e.type = 'CancelRequested' AND e.version > a.version)
UNION
SELECT held.id
FROM unnest(%(allocations)s::bigint[]) held (id)
LEFT JOIN LATERAL (
    SELECT h.job_id FROM allocation_history h WHERE h.id = held.id LIMIT 1
) row ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN row.job_id IS NOT NULL THEN 'job-' || row.job_id ELSE (
        SELECT e.stream FROM events e
        WHERE e.type = 'ResourcesReserved' AND (e.data ->> 'allocation_id')::bigint = held.id LIMIT 1) END AS name
) stream ON true
WHERE NOT EXISTS (
    SELECT FROM resource_allocations a
    WHERE a.id = held.id AND a.node_name = %(node_name)s AND a.status <> 'released')
  AND NOT EXISTS (
    SELECT FROM events promised
    WHERE promised.stream = stream.name AND promised.type = 'ResourcesReserved'
      AND (promised.data ->> 'allocation_id')::bigint = held.id AND promised.data ->> 'node_name' = %(node_name)s
      AND NOT EXISTS (
        SELECT FROM events e
        WHERE e.stream = promised.stream AND e.type = 'ResourcesReleased'
          AND e.data -> 'allocation_id' = promised.data -> 'allocation_id'))
ORDER BY 1;

-- name: health
SELECT (SELECT json_build_object('holder', holder, 'lease_expires_at', expires_at, 'live', expires_at > now())
        FROM scheduler_lease) AS scheduler,
       (SELECT coalesce(json_agg(json_build_object(
                   'name', n.name, 'state', n.state, 'lease_expires_at', l.expires_at,
                   'live', coalesce(l.expires_at > now() AND l.incarnation = n.incarnation, false)) ORDER BY n.name),
               '[]')
        FROM nodes n LEFT JOIN node_leases l ON l.node_name = n.name
        WHERE n.state <> 'REMOVED') AS nodes,
       coalesce((SELECT max(position) FROM events), 0) AS position,
       current_setting('server_version') AS server_version;

-- name: last_policy_change
-- Every change holds the whole policy, so that the last one up to a position is all there is to read.
SELECT position, version, type, schema_version, at, data, metadata
FROM events
WHERE stream = 'policy' AND (%(until)s::bigint IS NULL OR position <= %(until)s)
ORDER BY version DESC
LIMIT 1;

-- name: clock
SELECT clock_timestamp() AS now;

-- name: tokens_since
-- The tokens' stream from a version on, that one too: its hash tells whether it is still the same log.
SELECT version, type, schema_version, at, data, metadata, hash, clock_timestamp() AS now
FROM events
WHERE stream = 'tokens' AND version >= %(version)s
ORDER BY version;

-- name: waiting_jobs_of
-- Counted no further than it matters.
SELECT count(*)::integer AS jobs
FROM (SELECT FROM jobs WHERE user_name = %(user_name)s AND state = 'PENDING' LIMIT %(most)s) waiting;

-- name: whose_job
SELECT j.user_name, a.node_name, a.status
FROM jobs j LEFT JOIN resource_allocations a ON a.job_id = j.id
WHERE j.id = %(job_id)s;
