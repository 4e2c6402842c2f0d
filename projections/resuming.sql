-- name: streams_in_question
-- Those with events after a position, those of everything that holds or may hold CPUs, and how many licences there are.
SELECT stream FROM events WHERE position > %(position)s
UNION
SELECT 'job-' || id FROM jobs WHERE NOT final
UNION
SELECT 'job-' || job_id FROM resource_allocations WHERE status <> 'released'
UNION
SELECT 'node-' || name FROM nodes
UNION
SELECT stream FROM events WHERE stream = 'policy' AND version = 1;
