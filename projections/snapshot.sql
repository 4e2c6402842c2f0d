-- name: cluster_id
SELECT id FROM cluster;

-- name: has_cluster
SELECT to_regclass('public.cluster') IS NOT NULL;

-- name: head
SELECT position, hash, recorded_at FROM events ORDER BY position DESC LIMIT 1;

-- name: lock_tables
LOCK TABLE jobs, resource_allocations, past_allocations, nodes IN ACCESS SHARE MODE;

-- name: settings
-- The whole log is read, so a cursor's plan must be the best for all of it, and a sort should not be starved. A sort
-- tells its client nothing for a while, so the server looks whether that is still there.
SELECT set_config('TimeZone', 'UTC', true), set_config('jit', 'off', true), set_config('work_mem', '64MB', true),
       set_config('cursor_tuple_fraction', '1', true), set_config('client_connection_check_interval', '1s', true);
