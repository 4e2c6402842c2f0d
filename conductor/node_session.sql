-- name: reservations
-- What this node has been promised and does not hold yet, with everything needed to start it.
SELECT a.id, a.job_id, a.attempt, a.cpu_ids,
       j.name, j.account, j.user_name, j.ntasks_per_node, j.cpus_per_task, j.memory_mb, j.work_dir,
       j.time_limit_seconds, j.stdout_path, j.stderr_path, j.array_job_id, j.array_task_id,
       j.requeue, j.signal, j.submitted_by, s.body, e."values"
FROM resource_allocations a
JOIN jobs j ON j.id = a.job_id
JOIN scripts s ON s.sha256 = j.script_sha256
LEFT JOIN environments e ON e.id = j.environment_id
WHERE a.node_name = %(node_name)s
  AND a.status = 'reserved'
  AND NOT a.id = ANY(%(held)s)
ORDER BY a.id;

-- name: cancels
-- Running here, and asked to end.
SELECT a.id
FROM resource_allocations a
JOIN jobs j ON j.id = a.job_id
WHERE a.node_name = %(node_name)s AND a.status = 'allocated' AND j.cancel_requested_at IS NOT NULL;

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
