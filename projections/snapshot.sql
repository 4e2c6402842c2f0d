-- name: cluster_id
SELECT id FROM cluster;

-- name: has_cluster
SELECT to_regclass('public.cluster') IS NOT NULL;

-- name: head
SELECT position, hash, recorded_at FROM events ORDER BY position DESC LIMIT 1;
