-- name: cluster_id
SELECT id FROM cluster;

-- name: has_cluster
SELECT to_regclass('public.cluster') IS NOT NULL;

-- name: head
SELECT position, hash, recorded_at FROM events ORDER BY position DESC LIMIT 1;

-- name: lock_tables
LOCK TABLE jobs, resource_allocations, past_allocations, nodes IN ACCESS SHARE MODE;

-- name: is_whole
-- Positions up to one without gaps are as many as it says.
SELECT count(*) = %(until)s FROM events WHERE position <= %(until)s;

-- name: first_missing
SELECT min(position) FROM (
    SELECT 1 AS position WHERE NOT EXISTS (SELECT FROM events WHERE position = 1)
    UNION ALL
    SELECT e.position + 1 FROM events e
    WHERE e.position < %(until)s AND NOT EXISTS (SELECT FROM events n WHERE n.position = e.position + 1)
) missing;

-- name: first_altered
-- The first event, up to one, that has not the hash that it and the one before it make. After a gap that is not known.
SELECT e.position FROM events e LEFT JOIN events p ON p.position = e.position - 1
WHERE e.position <= %(until)s AND (p.position IS NOT NULL OR e.position = 1)
  AND e.hash <> sha256(coalesce(p.hash, '') || convert_to(event_text(
      e.position, e.stream, e.version, e.type, e.schema_version, e.at, e.recorded_at, e.data, e.metadata), 'UTF8'))
ORDER BY e.position LIMIT 1;

-- name: no_time_limit
SET LOCAL statement_timeout = 0;

-- name: settings
-- The whole log is read, so a cursor's plan must be the best for all of it, and a sort should not be starved. A sort
-- tells its client nothing for a while, so the server looks whether that is still there.
SELECT set_config('TimeZone', 'UTC', true), set_config('jit', 'off', true), set_config('work_mem', '64MB', true),
       set_config('cursor_tuple_fraction', '1', true), set_config('client_connection_check_interval', '1s', true);

-- name: array_tasks
-- The jobs that are these tasks of an array. All of an array were submitted with its first, so they are soon found.
SELECT (data ->> 'job_id')::bigint, (data ->> 'array_task_id')::integer
FROM events
WHERE position >= (SELECT position FROM events WHERE stream = %(stream)s AND version = 1)
  AND type = 'JobSubmitted' AND data -> 'array_job_id' = to_jsonb(%(job_id)s::bigint)
  AND data -> 'array_task_id' = ANY(SELECT to_jsonb(id) FROM unnest(%(task_ids)s::integer[]) id)
ORDER BY position
LIMIT cardinality(%(task_ids)s::integer[]);
