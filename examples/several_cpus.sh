#!/bin/bash
# Four tasks on as many CPUs as the job got: conductor submit -c 4 examples/several_cpus.sh

echo "This job has $SLURM_CPUS_ON_NODE CPUs: $CONDUCTOR_CPU_IDS."
seq 1 4 | xargs -P "$SLURM_CPUS_ON_NODE" -I {} sh -c '
    sum=$(seq 1 200000 | awk "{ sum += \$1 % ({} + 1) } END { print sum }")
    echo "task {}: $sum"
'
