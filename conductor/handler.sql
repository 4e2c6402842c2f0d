-- name: widest_node_cpus
-- NULL when no node is registered: then a job of any width waits.
SELECT max(total_cpus) FROM nodes WHERE state <> 'REMOVED';

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

-- name: required_cpus
SELECT total_cpus_required FROM jobs WHERE id = %(job_id)s;

-- name: other_holder
-- Another spool that has this node's name, and its lease still lives.
SELECT n.spool_id, l.expires_at
FROM nodes n
JOIN node_leases l ON l.node_name = n.name
WHERE n.name = %(node_name)s AND n.spool_id <> %(spool_id)s AND l.expires_at > clock_timestamp();
