-- name: cluster_id
SELECT id FROM cluster;

-- name: head
SELECT position, hash, recorded_at FROM events ORDER BY position DESC LIMIT 1;
