-- name: publish_metrics
SELECT publish_metrics(%(process)s, %(node)s, %(pid)s, %(metrics)s::jsonb);

-- name: published
-- Of the others that told of themselves lately.
SELECT process, node_name, pid, position, metrics
FROM process_metrics
WHERE updated_at > clock_timestamp() - interval '15 seconds'
ORDER BY process, node_name, pid;
