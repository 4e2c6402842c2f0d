-- name: relations
-- Tables, of any schema, whose name may be one of the two, whatever made them: `jobs`, `job`, `resource_allocations`,
-- `resourceallocation`.
SELECT n.nspname AS schema, c.relname AS name, array_agg(a.attname::text) AS columns
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
GROUP BY n.nspname, c.relname
ORDER BY n.nspname <> 'public', n.nspname, c.relname;

-- name: is_conductor
SELECT to_regclass('public.conductor_migrations') IS NOT NULL;
