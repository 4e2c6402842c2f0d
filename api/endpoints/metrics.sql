-- name: system
-- One statement: what the cluster is at this moment. Reads what is live, nodes, and the ends of two indexes.
WITH held AS (
    SELECT n.name,
           count(*) FILTER (WHERE a.status = 'allocated') AS used,
           count(*) FILTER (WHERE a.status = 'reserved') AS reserved,
           count(*) FILTER (WHERE cpu = ANY(n.cpu_ids)) AS own
    FROM resource_allocations a JOIN nodes n ON n.name = a.node_name, unnest(a.cpu_ids) cpu
    WHERE a.status <> 'released'
    GROUP BY n.name
)
SELECT pg_notification_queue_usage() AS queue_usage,
       coalesce((SELECT max(position) FROM events), 0) AS position,
       (SELECT EXTRACT(EPOCH FROM expires_at - clock_timestamp())::double precision FROM scheduler_lease)
           AS leader_remaining,
       (SELECT (data ->> 'term')::bigint FROM events
        WHERE stream = 'scheduler' AND type = 'LeaderElected' ORDER BY version DESC LIMIT 1) AS term,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', n.name, 'state', n.state,
                   'used', coalesce(h.used, 0), 'reserved', coalesce(h.reserved, 0),
                   'free', n.total_cpus - coalesce(h.own, 0),
                   'age', EXTRACT(EPOCH FROM clock_timestamp() - l.renewed_at),
                   'remaining', EXTRACT(EPOCH FROM l.expires_at - clock_timestamp())) ORDER BY n.name), '[]')
        FROM nodes n
        LEFT JOIN held h ON h.name = n.name
        LEFT JOIN node_leases l ON l.node_name = n.name
        WHERE n.state <> 'REMOVED') AS nodes;
