-- name: altered_scripts
-- Bodies may be deleted, never altered.
SELECT sha256 FROM scripts WHERE encode(sha256(convert_to(body, 'UTF8')), 'hex') <> sha256;
