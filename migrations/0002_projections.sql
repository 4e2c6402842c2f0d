-- The projections: folds of the log that people query. Only commit_batch writes them.

CREATE TABLE nodes (
    name          text        PRIMARY KEY,
    state         text        NOT NULL CHECK (state IN ('UP', 'DRAINED', 'LOST', 'REMOVED')),
    reason        text,
    total_cpus    integer     NOT NULL CHECK (total_cpus > 0),
    cpu_ids       integer[]   NOT NULL,
    memory_mb     bigint,
    labels        jsonb       NOT NULL,
    incarnation   bigint      NOT NULL,
    boot_id       text        NOT NULL,
    spool_id      text        NOT NULL,
    cpu_block     bigint      NOT NULL,
    registered_at timestamptz NOT NULL,
    version       integer     NOT NULL
);

CREATE TABLE jobs (
    id                  bigint       PRIMARY KEY,
    name                varchar(255) NOT NULL,
    state               text         NOT NULL CHECK (state IN (
        'PENDING', 'RESERVED', 'RUNNING',
        'COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'NODE_FAIL', 'OUT_OF_MEMORY')),
    reason              text,
    final               boolean      NOT NULL,
    user_name           text         NOT NULL,
    account             text,
    submitted_by        text         NOT NULL,
    script_sha256       text         NOT NULL,
    environment_id      uuid,
    work_dir            text,
    ntasks_per_node     integer      NOT NULL CHECK (ntasks_per_node > 0),
    cpus_per_task       integer      NOT NULL CHECK (cpus_per_task > 0),
    total_cpus_required integer      NOT NULL,
    allocated_cpus      integer,
    memory_mb           bigint,
    time_limit          integer,
    time_limit_seconds  bigint       CHECK (time_limit_seconds > 0),
    priority            bigint       NOT NULL,
    held                boolean      NOT NULL,
    requeue             boolean      NOT NULL,
    begin_time          timestamptz,
    dependency          text,
    array_job_id        bigint,
    array_task_id       integer,
    submit_time         timestamptz  NOT NULL,
    eligible_time       timestamptz,
    start_time          timestamptz,
    end_time            timestamptz,
    cancel_requested_at timestamptz,
    exit_code           integer,
    exit_signal         integer,
    stdout_path         text,
    stderr_path         text,
    comment             text,
    attempt             integer      NOT NULL CHECK (attempt > 0),
    version             integer      NOT NULL,
    CHECK (final = (state NOT IN ('PENDING', 'RESERVED', 'RUNNING'))),
    CHECK (total_cpus_required = ntasks_per_node * cpus_per_task)
) WITH (fillfactor = 70);

CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_user ON jobs (user_name, id);

CREATE TABLE resource_allocations (
    id                  bigint           PRIMARY KEY,
    job_id              bigint           NOT NULL,
    attempt             integer          NOT NULL,
    node_name           text             NOT NULL,
    allocated_cpus      integer          NOT NULL CHECK (allocated_cpus > 0),
    cpu_ids             integer[]        NOT NULL,
    memory_mb           bigint,
    status              text             NOT NULL CHECK (status IN ('reserved', 'allocated', 'released')),
    process_id          bigint,
    boot_id             text,
    pid_namespace       text,
    process_start_ticks bigint,
    reservation_time    timestamptz      NOT NULL,
    expires_at          timestamptz      NOT NULL,
    allocation_time     timestamptz,
    release_time        timestamptz,
    release_reason      text,
    exit_code           integer,
    exit_signal         integer,
    cpu_seconds         double precision,
    memory_peak_mb      bigint,
    version             integer          NOT NULL,
    cpu_spans           int8multirange   NOT NULL,
    CONSTRAINT resource_allocations_one_per_job UNIQUE (job_id),
    CONSTRAINT resource_allocations_cpus_match CHECK (allocated_cpus = cardinality(cpu_ids))
) WITH (fillfactor = 70);

-- A CPU is never promised twice: the CPUs of every node lie in a block of numbers of their own, and no two live
-- allocations may overlap. (Multiranges need no extension, where `node_name WITH =` would need btree_gist.)
ALTER TABLE resource_allocations ADD CONSTRAINT resource_allocations_cpu_once
    EXCLUDE USING gist (cpu_spans WITH &&) WHERE (status <> 'released');

CREATE INDEX resource_allocations_live ON resource_allocations (node_name, status) WHERE status <> 'released';

CREATE TABLE past_allocations (LIKE resource_allocations INCLUDING CONSTRAINTS);
ALTER TABLE past_allocations ADD PRIMARY KEY (id);
CREATE INDEX past_allocations_by_job ON past_allocations (job_id);
-- PID history must stay answerable for ever.
CREATE INDEX resource_allocations_by_process ON resource_allocations (process_id);
CREATE INDEX past_allocations_by_process ON past_allocations (process_id);

CREATE VIEW allocation_history AS
    SELECT * FROM resource_allocations
    UNION ALL
    SELECT * FROM past_allocations;

CREATE VIEW process_history AS
    SELECT a.node_name, a.process_id, a.job_id, a.attempt, a.boot_id, j.user_name,
           a.allocation_time AS start_time, a.release_time AS end_time, a.exit_code, a.exit_signal
    FROM allocation_history a
    JOIN jobs j ON j.id = a.job_id
    WHERE a.process_id IS NOT NULL;

CREATE VIEW usage AS
    SELECT a.job_id, a.attempt, j.user_name, j.account, a.node_name, a.allocated_cpus AS cpus,
           a.allocation_time AS start_time, a.release_time AS end_time,
           a.allocated_cpus * EXTRACT(EPOCH FROM coalesce(a.release_time, now()) - a.allocation_time)::double precision
               AS cpu_seconds_allocated
    FROM allocation_history a
    JOIN jobs j ON j.id = a.job_id
    WHERE a.allocation_time IS NOT NULL;

-- SELECT j.script FROM jobs j
CREATE FUNCTION script(job jobs) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT body FROM scripts WHERE sha256 = job.script_sha256 $$;
REVOKE EXECUTE ON FUNCTION script(jobs) FROM PUBLIC;
