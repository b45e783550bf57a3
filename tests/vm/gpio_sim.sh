#!/bin/bash
# 54 simulated lines that look like those of a Raspberry Pi 4: same label, same names. They do not imitate the pull
# resistors at reset, the levels during boot, or a kernel that keeps outputs when their owner has gone.
set -euo pipefail
chip=/sys/kernel/config/gpio-sim/pi
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
[ -d "$chip" ] && exit 0
mkdir -p "$chip/bank0"
echo 54 >"$chip/bank0/num_lines"
echo pinctrl-bcm2711 >"$chip/bank0/label"
for number in $(seq 0 53); do
    mkdir "$chip/bank0/line$number"
    echo "GPIO$number" >"$chip/bank0/line$number/name"
done
echo 1 >"$chip/live"
