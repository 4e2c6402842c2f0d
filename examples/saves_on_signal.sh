#!/bin/bash
# Counts, and saves its place when it is cancelled or its time is up, so that the next run goes on from there:
#     conductor run -t 0:05 examples/saves_on_signal.sh      (twice)

place=saved_place.txt
step=$(cat "$place" 2>/dev/null || echo 0)
echo "Beginning at step $step."

save() {
    echo "$step" > "$place"
    echo "Saved step $step."
    exit 0
}
trap save TERM

while [ "$step" -lt 60 ]; do
    step=$((step + 1))
    sleep 1 & wait $!    # `wait` ends at once when the signal comes; a plain `sleep` would not
done
rm -f "$place"
echo "Done."
