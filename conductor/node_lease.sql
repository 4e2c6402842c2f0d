-- name: renew_lease
SELECT renew_lease(%(node_name)s, %(incarnation)s, %(lease_seconds)s, %(held)s);

-- name: stop_accepting
SELECT stop_accepting(%(node_name)s, %(incarnation)s);

-- name: newest_incarnation
SELECT incarnation FROM nodes WHERE name = %(node_name)s;

-- name: wake_scheduler
SELECT pg_notify(%(channel)s, '');
