-- name: audit_now
SELECT clock_timestamp(), coalesce((SELECT max(position) FROM events), 0);

-- name: audit_allocations
-- Whoever holds CPUs, with the job, what its node's newest incarnation last saw, and what could not be killed.
SELECT a.id, a.job_id, a.attempt, a.node_name, a.cpu_ids, a.status, a.process_id, a.expires_at, a.allocation_time,
       j.state AS job_state, j.final, j.reason AS job_reason, j.cancel_requested_at, j.version AS job_version,
       o.observed_at, coalesce(a.status = 'allocated' AND a.id = ANY(o.missing), false) AS missing,
       CASE WHEN j.reason = 'Cleanup' THEN (
           SELECT e.data -> 'pids' FROM events e
           WHERE e.stream = 'job-' || a.job_id AND e.type = 'CleanupBlocked' ORDER BY e.version DESC LIMIT 1
       ) END AS blocked_pids
FROM resource_allocations a
LEFT JOIN jobs j ON j.id = a.job_id
LEFT JOIN nodes n ON n.name = a.node_name
LEFT JOIN node_observations o ON o.node_name = n.name AND o.incarnation = n.incarnation
WHERE a.status <> 'released'
ORDER BY a.id;

-- name: audit_nodes
-- With the last that the log says of those that are lost or removed.
SELECT n.name, n.state, n.incarnation, n.registered_at, l.expires_at AS lease_expires_at,
       l.incarnation AS lease_incarnation, e.at AS left_at, coalesce((e.data ->> 'jobs_lost')::boolean, false) AS jobs_lost,
       EXISTS (SELECT FROM events WHERE stream = 'node-' || n.name) AS in_log
FROM nodes n
LEFT JOIN node_leases l ON l.node_name = n.name
LEFT JOIN LATERAL (
    SELECT at, data FROM events
    WHERE n.state IN ('LOST', 'REMOVED') AND stream = 'node-' || n.name ORDER BY version DESC LIMIT 1
) e ON true
ORDER BY n.name;

-- name: audit_strays
-- Processes with our mark, each with what became of its allocation.
SELECT o.node_name, o.observed_at, s.pid, s.start_ticks, s.mark, s.job_id, s.attempt, s.allocation_id, s.command,
       a.release_time, coalesce(a.status <> 'released' AND a.node_name = o.node_name, false) AS live
FROM node_observations o
JOIN nodes n ON n.name = o.node_name AND n.incarnation = o.incarnation,
     jsonb_to_recordset(o.strays) AS s (
         pid bigint, start_ticks bigint, mark text, job_id bigint, attempt integer, allocation_id bigint, command text)
LEFT JOIN allocation_history a ON a.id = s.allocation_id
ORDER BY o.node_name, s.pid;

-- name: audit_memories
-- Nodes that remember another event than the log has.
SELECT o.node_name, o.remembered_position, encode(o.remembered_hash, 'hex') AS remembered_hash,
       encode(e.hash, 'hex') AS hash
FROM node_observations o
LEFT JOIN events e ON e.position = o.remembered_position
WHERE o.remembered_position IS NOT NULL AND e.hash IS DISTINCT FROM o.remembered_hash
ORDER BY o.remembered_position;

-- name: audit_acknowledgements
SELECT data ->> 'code' AS code, data ->> 'subject' AS subject, data ->> 'reason' AS reason, position, at,
       metadata ->> 'actor' AS actor
FROM events WHERE stream = 'audit' AND type = 'FindingAcknowledged' ORDER BY version;

-- name: audit_imported
-- What the original system never gave back, and nobody has closed since; with what it said of it.
SELECT a.id, a.job_id, a.node_name, a.allocated_cpus, a.process_id, a.reservation_time, j.version AS job_version,
       e.data ->> 'state' AS state, e.data ->> 'source' AS source, e.data -> 'allocation' ->> 'status' AS status
FROM (
    SELECT * FROM resource_allocations WHERE status = 'released' AND release_reason IS NULL
    UNION ALL
    SELECT * FROM past_allocations WHERE status = 'released' AND release_reason IS NULL
) a
JOIN jobs j ON j.id = a.job_id
JOIN events e ON e.stream = 'job-' || a.job_id AND e.version = 2 AND e.type = 'JobImported'
ORDER BY a.id;

-- name: audit_events
-- The last events of some streams, and events at some positions.
SELECT e.position, e.at, e.type, e.metadata ->> 'actor' AS actor, e.stream
FROM unnest(%(streams)s::text[]) s (stream),
     LATERAL (SELECT * FROM events WHERE events.stream = s.stream ORDER BY version DESC LIMIT %(most)s) e
UNION
SELECT e.position, e.at, e.type, e.metadata ->> 'actor', e.stream
FROM events e WHERE e.position = ANY(%(positions)s)
ORDER BY 1;

-- name: events_at
-- With the node that an event of an allocation concerns.
SELECT e.position, e.stream, coalesce(e.data ->> 'node_name', a.node_name, substring(e.stream FROM '^node-(.*)$')) AS node
FROM events e
LEFT JOIN allocation_history a ON a.id = (e.data ->> 'allocation_id')::bigint
WHERE e.position = ANY(%(positions)s);

-- name: next_position
SELECT min(position) FROM events WHERE position > %(position)s;

-- name: streams_with_gaps
-- Streams whose versions are not 1, 2, 3 ...: something of them is gone.
SELECT stream FROM events GROUP BY stream HAVING max(version) <> count(*) OR min(version) <> 1;

-- name: nodes_of_streams
-- Nodes that some streams concern, also by what is left of them in the tables alone.
SELECT data ->> 'node_name' AS node FROM events WHERE stream = ANY(%(streams)s) AND type = 'ResourcesReserved'
UNION
SELECT node_name FROM allocation_history WHERE 'job-' || job_id = ANY(%(streams)s)
UNION
SELECT substring(s.stream FROM '^node-(.*)$') FROM unnest(%(streams)s::text[]) s (stream);

-- name: log_versions
SELECT s.stream, coalesce(e.version, 0) AS version
FROM unnest(%(streams)s::text[]) s (stream)
LEFT JOIN LATERAL (
    SELECT version FROM events WHERE events.stream = s.stream ORDER BY version DESC LIMIT 1
) e ON true;

-- name: row_versions
-- Rows of the tables, each with its stream and the version that it was written for.
SELECT 'jobs ' || id AS subject, 'job-' || id AS stream, version FROM jobs WHERE id = ANY(%(jobs)s)
UNION ALL
SELECT 'resource_allocations ' || id, 'job-' || job_id, version FROM resource_allocations
WHERE id = ANY(%(allocations)s)
UNION ALL
SELECT 'past_allocations ' || id, 'job-' || job_id, version FROM past_allocations WHERE id = ANY(%(allocations)s)
UNION ALL
SELECT 'nodes ' || name, 'node-' || name, version FROM nodes WHERE name = ANY(%(nodes)s);

-- name: streams_of_allocations
-- Of those that have no row: the log knows where they were promised.
SELECT (data ->> 'allocation_id')::bigint, stream FROM events
WHERE type = 'ResourcesReserved' AND (data ->> 'allocation_id')::bigint = ANY(%(allocations)s);

-- name: clock_steps
-- Places where the clock of the database went backwards.
SELECT position, extract(epoch FROM before - recorded_at)::double precision AS seconds
FROM (SELECT position, recorded_at, lag(recorded_at) OVER (ORDER BY position) AS before FROM events) one
WHERE before - recorded_at > make_interval(secs => %(tolerance_seconds)s)
ORDER BY position;

-- name: jobs_with_script
SELECT script_sha256, array_agg(id ORDER BY id) FROM jobs WHERE script_sha256 = ANY(%(sha256s)s) GROUP BY 1;

-- name: acknowledged
SELECT data ->> 'code', data ->> 'subject' FROM events WHERE stream = 'audit' AND type = 'FindingAcknowledged';

-- name: lock_tables
-- Before the snapshot is taken: a table that a migration swapped in after it would look empty.
LOCK TABLE jobs, resource_allocations, past_allocations, nodes IN ACCESS SHARE MODE;
