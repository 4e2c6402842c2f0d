-- name: altered_scripts
-- Bodies may be deleted, never altered.
SELECT s.sha256, found.sha256
FROM scripts s, encode(sha256(convert_to(s.body, 'UTF8')), 'hex') AS found (sha256)
WHERE found.sha256 <> s.sha256
ORDER BY s.sha256;
