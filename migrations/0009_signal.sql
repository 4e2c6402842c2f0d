-- The signal a job wants before its time limit.

ALTER TABLE jobs ADD COLUMN signal text;
COMMENT ON COLUMN jobs.signal IS
    'The signal wanted before the time limit, as submitted (B:USR1@60); NULL is none. / 时限之前希望收到的信号，按提交时的写法（B:USR1@60）；NULL 表示没有。';
