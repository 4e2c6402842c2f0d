-- name: refused
-- What hangs on a table and would be lost, because it is not made anew below; and what takes it off.
WITH RECURSIVE shaped AS (
    SELECT unnest(%(tables)s::text[]::regclass[])::oid AS oid
), dependent AS (
    SELECT oid FROM shaped
    UNION
    SELECT r.ev_class
    FROM dependent d
    JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = d.oid AND p.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = p.objid
)
SELECT format('trigger %%s on %%s', tgname, tgrelid::regclass), format('DROP TRIGGER %%I ON %%s', tgname, tgrelid::regclass)
FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM shaped) AND NOT tgisinternal
UNION ALL
SELECT format('foreign key %%s on %%s', conname, conrelid::regclass),
       format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname)
FROM pg_constraint
WHERE contype = 'f' AND (conrelid IN (SELECT oid FROM shaped) OR confrelid IN (SELECT oid FROM shaped))
UNION ALL
SELECT format('policy %%s on %%s', polname, polrelid::regclass), format('DROP POLICY %%I ON %%s', polname, polrelid::regclass)
FROM pg_policy WHERE polrelid IN (SELECT oid FROM shaped)
UNION ALL
SELECT format('inheritance of %%s', inhrelid::regclass),
       format('ALTER TABLE %%s NO INHERIT %%s', inhrelid::regclass, inhparent::regclass)
FROM pg_inherits WHERE inhrelid IN (SELECT oid FROM shaped) OR inhparent IN (SELECT oid FROM shaped)
UNION ALL
SELECT format('rights on column %%s of %%s', attname, attrelid::regclass),
       format('REVOKE ALL (%%I) ON %%s FROM %%s', attname, attrelid::regclass,
              (SELECT string_agg(DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, ', ')
               FROM aclexplode(attacl)))
FROM pg_attribute WHERE attrelid IN (SELECT oid FROM shaped) AND attacl IS NOT NULL
UNION ALL
-- Only a body of BEGIN ATOMIC is bound to the table itself; any other finds the new one by its name.
SELECT DISTINCT format('%%s %%s, whose body is bound to the table', CASE f.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
                       f.oid::regprocedure),
       format('DROP ROUTINE %%s', f.oid::regprocedure)
FROM pg_depend p
JOIN pg_proc f ON f.oid = p.objid
WHERE p.classid = 'pg_proc'::regclass AND p.refclassid = 'pg_class'::regclass AND p.refobjid IN (SELECT oid FROM dependent)
UNION ALL
SELECT format('publication %%s of %%s', pubname, prrelid::regclass),
       format('ALTER PUBLICATION %%I DROP TABLE %%s', pubname, prrelid::regclass)
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE prrelid IN (SELECT oid FROM shaped)
UNION ALL
SELECT format('materialized view %%s', c.oid::regclass), format('DROP MATERIALIZED VIEW %%s', c.oid::regclass)
FROM dependent d JOIN pg_class c ON c.oid = d.oid WHERE c.relkind = 'm';

-- name: build_statements
-- The table once more, beside the old one, with everything of its own by the same names.
WITH old AS (SELECT * FROM pg_class WHERE oid = %(table)s::text::regclass)
SELECT statement FROM (
    SELECT 1 AS step, '' AS name, format(
        'CREATE TABLE conductor_next.%%I (LIKE %%s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS '
        'INCLUDING STORAGE INCLUDING GENERATED INCLUDING IDENTITY INCLUDING STATISTICS INCLUDING COMPRESSION)%%s',
        relname, oid::regclass, ' WITH (' || array_to_string(reloptions, ', ') || ')') AS statement
    FROM old
    UNION ALL
    SELECT 2, contype::text || conname, format('ALTER TABLE conductor_next.%%I ADD CONSTRAINT %%I %%s',
                                         relname, conname, pg_get_constraintdef(c.oid))
    FROM old JOIN pg_constraint c ON c.conrelid = old.oid AND c.contype IN ('p', 'u', 'x')
    UNION ALL
    SELECT 3, i.indexrelid::regclass::text,
           regexp_replace(pg_get_indexdef(i.indexrelid), ' ON \S+ USING ', format(' ON conductor_next.%%I USING ', relname))
    FROM old JOIN pg_index i ON i.indrelid = old.oid
    WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
    UNION ALL
    SELECT 4, '', format('COMMENT ON TABLE conductor_next.%%I IS %%L', relname, obj_description(oid, 'pg_class'))
    FROM old
    UNION ALL
    SELECT 5, '', format('GRANT %%s ON conductor_next.%%I TO %%s', a.privilege_type, relname, a.grantee::regrole)
    FROM old, aclexplode(old.relacl) a WHERE a.grantee NOT IN (0, old.relowner)
) made ORDER BY step, name;

-- name: dependents
-- What is defined by a table's row or columns: how to drop it, and how to make all of it anew. Views in the order of
-- their depth, then functions. What is dropped last is made first.
WITH RECURSIVE dependent AS (
    SELECT unnest(%(tables)s::text[]::regclass[])::oid AS oid, 0 AS depth
    UNION
    SELECT r.ev_class, d.depth + 1
    FROM dependent d
    JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = d.oid AND p.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = p.objid AND r.ev_class <> d.oid
), relation AS (
    SELECT oid, max(depth) AS depth FROM dependent GROUP BY oid
), view AS (
    SELECT c.oid, c.relowner, c.relacl, r.depth, c.oid::regclass::text AS name,
           coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS options
    FROM relation r JOIN pg_class c ON c.oid = r.oid WHERE r.depth > 0
), routine AS (
    SELECT DISTINCT f.oid, f.proowner, f.proacl, f.oid::regprocedure::text AS name
    FROM relation r
    JOIN pg_type t ON t.typrelid = r.oid
    JOIN pg_depend p ON p.refclassid = 'pg_type'::regclass AND p.refobjid IN (t.oid, t.typarray)
                    AND p.classid = 'pg_proc'::regclass
    JOIN pg_proc f ON f.oid = p.objid
), making AS (
    SELECT depth, name, 1 AS step, 0 AS place,
           format('CREATE VIEW %%s%%s AS %%s', name, options, pg_get_viewdef(oid)) AS statement
    FROM view
    UNION ALL
    SELECT depth, name, 2, 0, format('COMMENT ON VIEW %%s IS %%L', name, obj_description(oid, 'pg_class')) FROM view
    UNION ALL
    SELECT depth, name, 3, 0, format('COMMENT ON COLUMN %%s.%%I IS %%L', name, attname, col_description(oid, attnum))
    FROM view JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT depth, name, 4, a.place, format('GRANT %%s ON %%s TO %%s', a.privilege_type, name, a.grantee::regrole)
    FROM view, aclexplode(relacl) WITH ORDINALITY a (grantor, grantee, privilege_type, is_grantable, place)
    WHERE a.grantee NOT IN (0, relowner)
    UNION ALL
    SELECT 1000, name, 5, 0, pg_get_functiondef(oid) FROM routine
    UNION ALL
    SELECT 1000, name, 6, 0, format('REVOKE ALL ON FUNCTION %%s FROM PUBLIC', name) FROM routine WHERE proacl IS NOT NULL
    UNION ALL
    SELECT 1000, name, 7, a.place, format('GRANT EXECUTE ON FUNCTION %%s TO %%s', name,
                                          CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
    FROM routine, aclexplode(proacl) WITH ORDINALITY a (grantor, grantee, privilege_type, is_grantable, place)
    WHERE a.grantee <> proowner
    UNION ALL
    SELECT 1000, name, 8, 0, format('COMMENT ON FUNCTION %%s IS %%L', name, obj_description(oid, 'pg_proc')) FROM routine
)
SELECT false AS makes, statement FROM (
    SELECT 1000 AS depth, format('DROP FUNCTION %%s', name) AS statement FROM routine
    UNION ALL
    SELECT depth, format('DROP VIEW %%s', name) FROM view
    ORDER BY depth DESC
) dropping
UNION ALL
SELECT true, statement FROM (SELECT * FROM making ORDER BY depth, name, step, place) made;

-- name: put_in
SELECT put_in_rows(%(table)s::text::regclass, %(rows)s::jsonb);

-- name: clear
SELECT clear_rows(%(table)s::text::regclass, %(owners)s::text[]);

-- name: rows
SELECT * FROM {} WHERE {} = ANY(%(keys)s);

-- name: count_rows
SELECT count(*) FROM {};

-- name: lock_table
LOCK TABLE {} IN ACCESS EXCLUSIVE MODE;

-- name: lock_door
LOCK TABLE log_door IN EXCLUSIVE MODE;

-- name: hold_shortly
-- A client that is stopped or cut off while it holds the door loses its connection, and the door is free again.
SELECT set_config('idle_in_transaction_session_timeout', '1s', true), set_config('statement_timeout', '150ms', true);
