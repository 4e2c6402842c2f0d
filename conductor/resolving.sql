-- name: awaited_jobs
-- How the jobs stand that others wait for: a job, every task of the array that a number heads, or one task.
SELECT asked.job_id, asked.task_id, j.id, j.version, j.final OR j.start_time IS NOT NULL, j.final,
       j.state = 'COMPLETED', coalesce(j.end_time, j.start_time)
FROM unnest(%(job_ids)s::bigint[], %(task_ids)s::integer[]) asked (job_id, task_id)
CROSS JOIN LATERAL (
    SELECT * FROM jobs one WHERE asked.task_id IS NULL AND one.id = asked.job_id
    UNION ALL
    SELECT * FROM jobs task
    WHERE asked.task_id IS NULL AND task.array_job_id = asked.job_id AND task.id <> asked.job_id
    UNION ALL
    SELECT * FROM jobs task WHERE task.array_job_id = asked.job_id AND task.array_task_id = asked.task_id
) j;
