-- name: live_job_events
-- Every event of every job that has not ended: what the scheduler's memory is folded from at its start.
SELECT e.position, e.stream, e.version, e.type, e.schema_version, e.at, e.recorded_at, e.data, e.metadata
FROM jobs j
JOIN events e ON e.stream = 'job-' || j.id
WHERE NOT j.final
ORDER BY e.position;

-- name: cluster_events
SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata
FROM events
WHERE stream IN ('scheduler', 'policy') OR stream IN (SELECT 'node-' || name FROM nodes)
ORDER BY position;

-- name: follow
-- Everything from the cursor on, the event at the cursor included: its hash shows whether this is still the history
-- that was read before.
SELECT position, stream, version, type, schema_version, at, recorded_at, data, metadata, hash, clock_timestamp()
FROM events
WHERE position >= %(cursor)s
ORDER BY position
LIMIT %(limit)s;

-- name: heard_from
-- Nodes whose lease lives and whose executor has not been told to stop.
SELECT node_name FROM node_leases WHERE accepting AND expires_at > clock_timestamp();

-- name: overdue
-- Nodes not heard from since their lease ended, and a margin more; one that never renewed counts from its registration.
SELECT n.name
FROM nodes n
LEFT JOIN node_leases l ON l.node_name = n.name
WHERE n.state IN ('UP', 'DRAINED')
  AND greatest(l.expires_at, n.registered_at + make_interval(secs => %(lease_seconds)s))
      < clock_timestamp() - make_interval(secs => %(margin_seconds)s);

-- name: take_leadership
SELECT take_leadership(%(holder)s, %(lease_seconds)s);

-- name: give_up_leadership
SELECT give_up_leadership(%(holder)s);

-- name: lock_tables
-- Before the snapshot is taken: a table that a migration swapped in after it would look empty.
LOCK TABLE jobs, resource_allocations, past_allocations, nodes IN ACCESS SHARE MODE;
