-- name: roles
-- The roles are named after the database as it was called at first; the owner owns our tables.
SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.conductor_migrations');

-- name: settings
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'statement_timeout', 'idle_session_timeout',
               'transaction_timeout', 'default_transaction_isolation', 'max_connections', 'log_min_error_statement',
               'log_statement', 'log_min_duration_statement');

-- name: server
-- Connections of all databases, counted by the statistics, which everybody may read.
SELECT current_setting('server_version_num')::integer AS version,
       pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean AS read_only,
       current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
           - (SELECT sum(numbackends) FROM pg_stat_database)::integer AS connections_free;

-- name: applied
SELECT number, name, sha256 FROM conductor_migrations ORDER BY number;

-- name: known_roles
SELECT rolname::text, rolcanlogin, rolsuper FROM pg_roles WHERE rolname = ANY(%(roles)s);

-- name: may_become
SELECT pg_has_role(session_user, %(role)s, 'MEMBER');

-- name: may_write
SELECT DISTINCT relname::text FROM pg_class, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) wish
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
  AND pg_get_userbyid(relowner) = %(owner)s AND has_table_privilege(%(role)s, oid, wish)
ORDER BY 1;

-- name: may_not_read
SELECT relname::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
  AND pg_get_userbyid(relowner) = %(owner)s AND NOT has_table_privilege(%(role)s, oid, 'SELECT')
ORDER BY 1;

-- name: may_not_call
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND proname = ANY(%(names)s)
  AND pg_get_userbyid(proowner) = %(owner)s AND NOT has_function_privilege(%(role)s, oid, 'EXECUTE')
ORDER BY 1;

-- name: guards
SELECT tgrelid::regclass || '.' || tgname FROM pg_trigger
WHERE NOT tgisinternal AND tgenabled = 'A' AND tgrelid IN (to_regclass('public.events'), to_regclass('public.cluster'));

-- name: cluster
SELECT coalesce((SELECT max(position) FROM events), 0) AS position,
       (SELECT recorded_at FROM events ORDER BY position DESC LIMIT 1) AS newest_at,
       (SELECT extract(epoch FROM clock_timestamp() - recorded_at)::double precision
        FROM events ORDER BY position DESC LIMIT 1) AS newest_seconds,
       (SELECT holder FROM scheduler_lease) AS leader,
       (SELECT nullif(greatest(extract(epoch FROM clock_timestamp() - expires_at), 0), 0)::double precision
        FROM scheduler_lease) AS leader_silent_seconds,
       (SELECT extract(epoch FROM clock_timestamp() - at)::double precision FROM events
        WHERE stream = 'scheduler' AND type = 'LeaderElected' ORDER BY version DESC LIMIT 1) AS leader_since_seconds,
       (SELECT count(*) FROM jobs WHERE state = 'PENDING' AND reason IS NULL) AS waiting,
       (SELECT coalesce(sum(total_cpus), 0) FROM nodes WHERE state = 'UP')
           - (SELECT coalesce(sum(allocated_cpus), 0) FROM resource_allocations WHERE status <> 'released') AS free_cpus,
       (SELECT count(*) FROM events c
        WHERE c.stream = 'tokens' AND c.type = 'TokenCreated'
          AND c.data ->> 'role' IN ('submitter', 'operator', 'admin')
          AND coalesce((c.data ->> 'expires_at')::timestamptz, 'infinity') > clock_timestamp()
          AND NOT EXISTS (SELECT FROM events r WHERE r.stream = 'tokens' AND r.type = 'TokenRevoked'
                          AND r.data ->> 'name' = c.data ->> 'name')) AS submitting_tokens;

-- name: nodes
-- A node that never renewed counts from its registration.
SELECT n.name, n.state,
       nullif(greatest(extract(epoch FROM clock_timestamp() - coalesce(
           CASE WHEN l.incarnation = n.incarnation THEN l.expires_at END,
           n.registered_at + interval '30 seconds')), 0), 0)::double precision AS silent_seconds,
       extract(epoch FROM c.node_time - c.told_at)::double precision AS skew_seconds,
       c.release
FROM nodes n
LEFT JOIN node_leases l ON l.node_name = n.name
LEFT JOIN node_clocks c ON c.node_name = n.name AND c.incarnation = n.incarnation
WHERE n.state <> 'REMOVED'
ORDER BY n.name;

-- name: head
SELECT coalesce(max(position), 0) FROM events;

-- name: notify
SELECT pg_notify(%(channel)s, 'canary');

-- name: queue_usage
SELECT pg_notification_queue_usage();

-- name: backend
SELECT pg_backend_pid();

-- name: clock
SELECT extract(epoch FROM clock_timestamp())::double precision;
