-- name: reservations
-- What this node has been promised and does not hold yet, with everything needed to start it.
SELECT a.id, a.job_id, a.attempt, a.cpu_ids,
       j.name, j.account, j.user_name, j.ntasks_per_node, j.cpus_per_task, j.memory_mb, j.work_dir,
       j.time_limit_seconds, j.stdout_path, j.stderr_path, j.array_job_id, j.array_task_id,
       j.requeue, j.signal, j.submitted_by, s.body, e."values", a.gres, j.array_spec,
       r.metadata ->> 'trace_id', r.metadata ->> 'span_id'
FROM resource_allocations a
JOIN jobs j ON j.id = a.job_id
JOIN scripts s ON s.sha256 = j.script_sha256
LEFT JOIN environments e ON e.id = j.environment_id
LEFT JOIN events r ON r.stream = 'job-' || a.job_id AND r.version = a.version  -- the reservation, for its trace
WHERE a.node_name = %(node_name)s
  AND a.status = 'reserved'
  AND NOT a.id = ANY(%(held)s)
ORDER BY a.id;

-- name: cancels
-- Running here, and asked to end.
SELECT a.id, jsonb_build_object('position', c.position, 'correlation', c.metadata ->> 'correlation')
FROM resource_allocations a
JOIN jobs j ON j.id = a.job_id
-- A wrong row must not end a job: the log has to say so as well.
CROSS JOIN LATERAL (SELECT e.position, e.metadata FROM events e
                    WHERE e.stream = 'job-' || j.id AND e.type = 'CancelRequested' AND e.version > a.version
                    ORDER BY e.version LIMIT 1) c
WHERE a.node_name = %(node_name)s AND a.status = 'allocated' AND j.cancel_requested_at IS NOT NULL;
