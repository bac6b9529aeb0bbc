#!/bin/busybox sh
# The guest's first process: loads the modules, lays memory over the host's files, and starts the agent among them.
# Whatever the guest writes stays in its memory; the host's files are served read-only.
set -e
# QEMU leaves when the guest reboots, and the console keeps what went wrong.
trap 'reboot -f' EXIT
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do
  insmod "$module"
done

mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro root /lower
mount -t tmpfs memory /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work root /new
mount -t tmpfs run /new/run
for place in proc sys dev; do
  mount -o move "/$place" "/new/$place"
done
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts devpts /new/dev/pts
mount -t tmpfs shm /new/dev/shm
ip link set lo up

# One command line, written by the host.
# shellcheck disable=SC1091 # it lies beside this script inside the guest alone
. /start
