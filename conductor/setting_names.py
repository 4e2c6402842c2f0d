"""Names in the environment: settings without our prefix, and what begins as our settings do and is none."""

import re

# The original system's names, and OpenTelemetry's, which carry no prefix.
UNPREFIXED = {
    "node_name": "NODE_NAME",
    "total_cpus": "TOTAL_CPUS",
    "otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
}

# What a job finds in its own environment; a `conductor` started inside a job must not stumble over it.
INSIDE_A_JOB = re.compile(r"CONDUCTOR_(JOB_\w+|ATTEMPT|NODE|CPU_IDS|GRES)")
# What Kubernetes sets in every container beside a service whose name begins with `conductor`.
BY_KUBERNETES = re.compile(
    r"CONDUCTOR_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
LINK_BY_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")


def is_not_a_setting(variable: str, value: str) -> bool:
    if INSIDE_A_JOB.fullmatch(variable) or BY_KUBERNETES.fullmatch(variable):
        return True
    return is_link_by_kubernetes(variable, value)


def is_link_by_kubernetes(variable: str, value: str) -> bool:
    # A Kubernetes service named `conductor-api` sets CONDUCTOR_API_PORT=tcp://10.0.0.7:8000, no port of ours.
    return variable.endswith("_PORT") and LINK_BY_KUBERNETES.match(value) is not None
