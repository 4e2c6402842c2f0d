-- name: jobs_missing
SELECT id FROM unnest(%(jobs)s::bigint[]) id
WHERE NOT EXISTS (SELECT FROM events WHERE stream = 'job-' || id AND version = 1)
ORDER BY id;

-- name: positions_of_jobs
-- What the story of some jobs needs: their own events; of each node that held one, from the registration that was
-- in force when it was promised until it was released; the leader who placed it, and the policy by which he did; the
-- causes that an event names.
WITH own AS (
    SELECT e.position, e.type, e.data, e.metadata
    FROM unnest(%(jobs)s::bigint[]) id JOIN events e ON e.stream = 'job-' || id
), held AS (
    SELECT o.position AS since, 'node-' || (o.data ->> 'node_name') AS node, (o.data ->> 'term')::bigint AS term,
           (SELECT min(r.position) FROM own r
            WHERE r.type = 'ResourcesReleased' AND r.data -> 'allocation_id' = o.data -> 'allocation_id') AS until
    FROM own o WHERE o.type = 'ResourcesReserved'
), wanted AS (
    SELECT position FROM own
    UNION
    SELECT e.position FROM held h JOIN events e ON e.stream = h.node
    WHERE e.position >= (SELECT r.position FROM events r
                         WHERE r.stream = h.node AND r.type = 'NodeRegistered' AND r.position < h.since
                         ORDER BY r.version DESC LIMIT 1)
      AND (h.until IS NULL OR e.position <= h.until)
    UNION
    SELECT e.position FROM held h JOIN events e ON e.stream = 'scheduler' AND (e.data ->> 'term')::bigint = h.term
    WHERE e.type = 'LeaderElected'
    UNION
    SELECT position FROM events WHERE stream = 'policy' AND position < (SELECT max(since) FROM held)
    UNION
    SELECT e.position FROM own o
    JOIN events e ON e.stream = substring(o.metadata ->> 'causation' FROM '^(.*)@[0-9]+$')
                 AND e.version = substring(o.metadata ->> 'causation' FROM '@([0-9]+)$')::integer
)
SELECT position FROM wanted ORDER BY position;

-- name: texts
-- Each event with the bytes its hash is made of, and the hash of the one before it.
SELECT e.position,
       event_text(e.position, e.stream, e.version, e.type, e.schema_version, e.at, e.recorded_at, e.data, e.metadata),
       e.hash, coalesce(p.hash, '')
FROM events e LEFT JOIN events p ON p.position = e.position - 1
WHERE e.position BETWEEN %(first)s AND %(last)s
  AND (%(positions)s::bigint[] IS NULL OR e.position = ANY(%(positions)s))
ORDER BY e.position;

-- name: scripts
SELECT sha256, body FROM scripts
WHERE sha256 IN (SELECT data ->> 'script_sha256' FROM events
                 WHERE type = 'JobSubmitted' AND position BETWEEN %(first)s AND %(last)s
                   AND (%(positions)s::bigint[] IS NULL OR position = ANY(%(positions)s)))
ORDER BY sha256;

-- name: environments
SELECT id::text, "values" FROM environments
WHERE id IN (SELECT (data ->> 'environment_id')::uuid FROM events
             WHERE type = 'JobSubmitted' AND position BETWEEN %(first)s AND %(last)s
               AND (%(positions)s::bigint[] IS NULL OR position = ANY(%(positions)s)))
ORDER BY id;
