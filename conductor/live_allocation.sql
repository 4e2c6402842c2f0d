-- name: live_by_the_log
-- Which of these allocations were promised and not released, whatever a table says.
SELECT (promised.data ->> 'allocation_id')::bigint
FROM events promised
WHERE promised.stream = ANY(%(streams)s) AND promised.type = 'ResourcesReserved'
  AND (promised.data ->> 'allocation_id')::bigint = ANY(%(ids)s)
  AND NOT EXISTS (SELECT FROM events e
                  WHERE e.stream = promised.stream AND e.type = 'ResourcesReleased'
                    AND e.data -> 'allocation_id' = promised.data -> 'allocation_id');

-- name: live_here
-- With the spool folder of the incarnation that started it: the log has both.
SELECT a.id, a.status, a.boot_id, a.process_id, a.process_start_ticks, a.pid_namespace, (
    SELECT node.data ->> 'spool_id'
    FROM events started
    JOIN events node ON node.stream = 'node-' || a.node_name AND node.type = 'NodeRegistered'
                    AND node.data ->> 'incarnation' = started.data ->> 'incarnation'
    WHERE started.stream = 'job-' || a.job_id AND started.type = 'ResourcesAllocated'
      AND (started.data ->> 'allocation_id')::bigint = a.id) AS spool_id
FROM resource_allocations a
WHERE a.node_name = %(node_name)s AND a.status <> 'released';

-- name: still_allocated
SELECT FROM resource_allocations WHERE id = %(id)s AND status = 'allocated';
