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
