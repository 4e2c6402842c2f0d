-- Leases: operational, not a projection. Who leads, and which nodes have been heard from.

CREATE TABLE scheduler_lease (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    holder     text        NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE node_leases (
    node_name   text        PRIMARY KEY,
    incarnation bigint      NOT NULL,
    renewed_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    allocations bigint[]    NOT NULL
);

-- True when `candidate` leads for the next `lease_seconds`. A lease that lives is another's to renew.
CREATE FUNCTION take_leadership(candidate text, lease_seconds double precision) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH taken AS (
        INSERT INTO scheduler_lease AS l (holder, expires_at)
        VALUES (candidate, clock_timestamp() + make_interval(secs => lease_seconds))
        ON CONFLICT (only_row) DO UPDATE SET holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at
        WHERE l.holder = EXCLUDED.holder OR l.expires_at <= clock_timestamp()
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM taken)
$$;

CREATE FUNCTION give_up_leadership(candidate text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE scheduler_lease SET expires_at = clock_timestamp() WHERE holder = candidate
$$;

-- The new end of the lease, or NULL when it is refused: another incarnation took over, or the lease has passed
-- (then the executor registers anew). The first renewal of a new incarnation is always granted.
CREATE FUNCTION renew_lease(node text, node_incarnation bigint, lease_seconds double precision, held bigint[])
RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO node_leases AS l (node_name, incarnation, renewed_at, expires_at, allocations)
    SELECT n.name, n.incarnation, clock_timestamp(), clock_timestamp() + make_interval(secs => lease_seconds), held
    FROM nodes n
    WHERE n.name = node AND n.incarnation = node_incarnation AND n.state IN ('UP', 'DRAINED')
    ON CONFLICT (node_name) DO UPDATE
        SET incarnation = EXCLUDED.incarnation, renewed_at = EXCLUDED.renewed_at,
            expires_at = EXCLUDED.expires_at, allocations = EXCLUDED.allocations
        WHERE l.incarnation < EXCLUDED.incarnation OR l.expires_at > clock_timestamp()
    RETURNING expires_at
$$;

REVOKE EXECUTE ON FUNCTION take_leadership(text, double precision), give_up_leadership(text),
    renew_lease(text, bigint, double precision, bigint[]) FROM PUBLIC;
