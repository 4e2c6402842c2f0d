-- name: existing_schema
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %(schema)s;

-- name: table_comment
SELECT obj_description(%(relation)s::regclass, 'pg_class');

-- name: column_comments
SELECT a.attname::text, col_description(a.attrelid, a.attnum)
FROM pg_attribute a
WHERE a.attrelid = %(relation)s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum;

-- name: view_definition
-- Without schemas, as the search path is `public` alone: so the same text means the new schema's tables.
SELECT pg_get_viewdef(%(relation)s::regclass);

-- name: owner
SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = 'public.events'::regclass;
