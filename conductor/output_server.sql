-- name: wanted_outputs
-- What is asked of this node, and what its file's name is made of. `ran_here` guards the node's other files: a job
-- whose process this node never started has no output here, whatever paths it names.
SELECT w.id AS request_id, w.stream, w.first_byte, w.most_bytes, w.wait_seconds,
       j.id, j.name, j.user_name, j.submitted_by, j.work_dir, j.array_job_id, j.array_task_id, j.stdout_path, j.stderr_path,
       w.node_name,
       EXISTS (
           SELECT FROM allocation_history a
           WHERE a.job_id = w.job_id AND a.node_name = w.node_name AND a.process_id IS NOT NULL) AS ran_here
FROM wanted_outputs(%(node_name)s) w
JOIN jobs j ON j.id = w.job_id;

-- name: answer_output
SELECT answer_output(
    %(request_id)s, %(first_byte)s::bigint, %(data)s::bytea, %(total_bytes)s::bigint, %(missing)s::text,
    %(path)s::text, %(channel)s);
