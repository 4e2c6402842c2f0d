-- name: uses
-- What each account had used up to a time, decayed, and the CPUs it had in use then; and what came after that time,
-- which counts later. 2 * exp(-x/2) * sinh(x/2) is 1 - exp(-x) without its loss of digits where x is small. Whatever
-- is a hundred half-lives old counts for nothing, so it is not read. What is imported is history that was held
-- elsewhere: it has no CPU with a number here, and counts for nothing.
SELECT u.account,
       coalesce(sum(u.cpus * 2 * exp(-least(u.since, 700)) * exp(-u.ran / 2) * sinh(u.ran / 2))
                FILTER (WHERE u.taken_at < u.until), 0) * %(half_life)s / ln(2::float8) AS cpu_seconds,
       coalesce(sum(u.cpus) FILTER (WHERE u.taken_at < u.until AND u.given_at IS NOT DISTINCT FROM u.until), 0) AS cpus,
       array_agg(u.taken_at) FILTER (WHERE u.taken_at >= u.until) AS taken_at,
       array_agg(u.cpus) FILTER (WHERE u.taken_at >= u.until) AS taken,
       array_agg(u.given_back_at) FILTER (WHERE u.given_back_at >= u.until) AS given_at,
       array_agg(u.cpus) FILTER (WHERE u.given_back_at >= u.until) AS given
FROM (
    SELECT coalesce(nullif(j.account, ''), j.user_name) AS account, a.allocated_cpus AS cpus, t.until,
           a.allocation_time AS taken_at, a.release_time AS given_back_at,
           least(a.release_time, t.until) AS given_at,
           ln(2::float8) * extract(epoch FROM t.until - least(a.release_time, t.until)) / %(half_life)s AS since,
           least(80, ln(2::float8) * extract(epoch FROM least(a.release_time, t.until) - a.allocation_time)
                     / %(half_life)s) AS ran
    FROM (SELECT %(until)s::timestamptz AS until) t
    CROSS JOIN allocation_history a
    JOIN jobs j ON j.id = a.job_id
    WHERE a.allocation_time IS NOT NULL AND cardinality(a.cpu_ids) > 0
      AND (a.release_time IS NULL
           OR a.release_time > t.until - make_interval(secs => least(100 * %(half_life)s, 1e10)))
) u
GROUP BY u.account;
