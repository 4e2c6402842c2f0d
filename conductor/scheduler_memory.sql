-- name: live_job_events
-- Every event of every job that has not ended: what the scheduler's memory is folded from at its start. Job by job and
-- each in order by the index, so that nothing is sorted and the first come at once.
SELECT e.stream, e.version, e.type, e.schema_version, e.at, e.data
FROM jobs j
CROSS JOIN LATERAL (
    SELECT stream, version, type, schema_version, at, data::text
    FROM events
    WHERE stream = 'job-' || j.id
    ORDER BY version
) e
WHERE NOT j.final;

-- name: cluster_events
-- Nodes, the policy and who leads.
SELECT stream, version, type, schema_version, at, data::text
FROM events
WHERE stream IN ('scheduler', 'policy') OR stream IN (SELECT 'node-' || name FROM nodes)
ORDER BY stream, version;

-- name: clock
SELECT clock_timestamp();

-- name: lock_tables
-- Before the snapshot is taken: a table that a migration swapped in after it would look empty.
LOCK TABLE jobs, resource_allocations, past_allocations, nodes IN ACCESS SHARE MODE;

-- name: follow
-- Everything from the cursor on, the event at the cursor included: its hash shows whether this is still the history
-- that was read before.
SELECT position, stream, version, type, schema_version, at, data::text, hash, clock_timestamp()
FROM events
WHERE position >= %(cursor)s
ORDER BY position
LIMIT %(limit)s;

-- name: heard_from
-- Nodes whose lease lives and whose executor has not been told to stop.
SELECT node_name FROM node_leases WHERE accepting AND expires_at > clock_timestamp();
