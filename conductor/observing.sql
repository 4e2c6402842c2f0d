-- name: still_allocated
SELECT id FROM resource_allocations
WHERE id = ANY(%(ids)s) AND node_name = %(node_name)s AND status = 'allocated';

-- name: allocations_of_marks
SELECT id, job_id, attempt, status <> 'released' AS live FROM allocation_history WHERE id = ANY(%(ids)s);

-- name: log_says
-- Of a remembered event, and of a fork: one statement, so one snapshot. No row: the log is empty.
SELECT head.position, head.hash,
       (SELECT hash FROM events WHERE position = %(seen)s) AS at_seen,
       (SELECT hash FROM events WHERE position = %(fork)s) AS at_fork,
       EXISTS (SELECT FROM events
               WHERE stream = 'audit' AND type = 'FindingAcknowledged' AND position > %(fork)s
                 AND data ->> 'code' = 'history_forked'
                 AND data ->> 'subject' = 'node-' || %(node_name)s || ' position ' || %(seen)s::bigint) AS acknowledged
FROM events head
ORDER BY head.position DESC
LIMIT 1;

-- name: observe_node
SELECT observe_node(%(node_name)s, %(incarnation)s, %(missing)s::bigint[], %(strays)s::jsonb,
                    %(position)s::bigint, %(hash)s::bytea);

-- name: tell_clock
SELECT tell_clock(%(node_name)s, %(incarnation)s, %(sent_at)s, %(release)s);
