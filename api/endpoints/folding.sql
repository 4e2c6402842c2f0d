-- name: folded
-- A page of lines, newest first: every job is one, but the waiting tasks of an array with one reason and priority
-- are one together, which stands where the newest of them would. The walk goes down the numbers once, and each
-- array that waits is read once. `begins`: false of a line that was on a page before.
WITH RECURSIVE walk AS (
    SELECT %(cursor)s::bigint AS id, NULL::bigint AS array_job_id, NULL::text AS reason, 0::bigint AS priority,
           '{}'::text[] AS met, 0 AS line
    UNION ALL
    SELECT j.id, j.folds, j.reason, j.priority,
           CASE WHEN j.folds IS NULL THEN w.met ELSE w.met || j.alike END, w.line + 1
    FROM walk w
    CROSS JOIN LATERAL (
        SELECT f.*
        FROM (
            SELECT j.id, j.reason, j.priority,
                   CASE WHEN j.state = 'PENDING' THEN j.array_job_id END AS folds,
                   j.array_job_id || ' ' || j.priority || ' ' || coalesce(j.reason, '') AS alike
            FROM jobs j
            WHERE (w.id IS NULL OR j.id < w.id)
              AND (%(states)s::text[] IS NULL OR j.state || '' = ANY(%(states)s))  -- not by jobs_by_state: sorted anew at each step
              AND (NOT %(not_ended)s OR NOT j.final)  -- which the states say already, but has an index in the order of numbers
              AND (%(user_name)s::text IS NULL OR j.user_name = %(user_name)s)
              AND (%(name)s::text IS NULL OR j.name = %(name)s)
              AND (%(node_name)s::text IS NULL OR EXISTS (
                  SELECT FROM resource_allocations a WHERE a.job_id = j.id AND a.node_name = %(node_name)s))
              AND (%(array_job_id)s::bigint IS NULL OR j.array_job_id = %(array_job_id)s)
              AND (%(since)s::timestamptz IS NULL OR j.submit_time >= %(since)s)
              AND (%(until)s::timestamptz IS NULL OR j.submit_time < %(until)s)
        ) f
        WHERE f.folds IS NULL  -- most often it is the line before again, which is told by numbers
           OR NOT (f.folds IS NOT DISTINCT FROM w.array_job_id AND f.priority = w.priority
                   AND f.reason IS NOT DISTINCT FROM w.reason)
              AND f.alike <> ALL(w.met)
        ORDER BY f.id DESC
        LIMIT 1
    ) j
    WHERE w.line < %(limit)s
)
SELECT w.id, t.tasks, t.task_ids, w.array_job_id IS NULL OR t.newest = w.id AS begins
FROM walk w
LEFT JOIN LATERAL (
    SELECT sum(tasks)::integer AS tasks, max(newest) AS newest,
           string_agg(CASE WHEN first = last THEN first::text ELSE first || '-' || last END, ',' ORDER BY first) AS task_ids
    FROM (
        SELECT min(task) AS first, max(task) AS last, count(*) AS tasks, max(id) AS newest
        FROM (
            SELECT k.id, k.array_task_id AS task, k.array_task_id - row_number() OVER (ORDER BY k.array_task_id) AS run
            FROM jobs k
            WHERE k.array_job_id = w.array_job_id AND k.state = 'PENDING' AND k.priority = w.priority
              AND k.reason IS NOT DISTINCT FROM w.reason
        ) numbered
        GROUP BY run
    ) runs
) t ON w.array_job_id IS NOT NULL
WHERE w.line > 0
ORDER BY w.line;
