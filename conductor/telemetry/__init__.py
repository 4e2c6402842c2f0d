"""What is told of the system's work while it runs: log lines, metrics, traces.

    log_lines         how a line looks, where it goes, and what never stands in one
    log_catalogue     every line there is, by name
    instruments       counters and histograms of this process, as cheap as adding to a number
    metric_catalogue  every metric there is
    process           the instruments of this process
    committed         what a batch that was committed says: counts, times, log lines, spans
    publishing        a process's numbers where one scrape finds them
    exposition        numbers as Prometheus reads them
    tracing           spans, when the extra is installed and wanted

Promises: nothing here can fail or delay the work it tells of; the only place that knows prometheus_client and
opentelemetry. Refuses to know how anything is decided.
"""
