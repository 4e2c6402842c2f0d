-- name: long_ended
-- Of these jobs, those that ended long enough ago for their files to go.
SELECT id FROM jobs
WHERE id = ANY(%(job_ids)s) AND final AND end_time < now() - make_interval(days => %(keep_days)s);
