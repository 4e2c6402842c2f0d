#!/bin/bash
#SBATCH --job-name=hello
#SBATCH --cpus-per-task=1
#SBATCH --time=1

echo "Hello from job $CONDUCTOR_JOB_ID on $CONDUCTOR_NODE, CPU $CONDUCTOR_CPU_IDS."
for step in 1 2 3; do
    echo "step $step of 3"
    sleep 1
done
echo "Done."
