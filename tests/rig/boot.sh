# boot.sh ROOT PLACE: becomes systemd, PID 1 of a Debian whose files are ROOT and whose changes to them are in memory.
# Run it in namespaces of its own (mount, PID, UTS, IPC, cgroup): all that is mounted here ends with them.
set -euo pipefail
root=$1 place=$2

device() { mknod -m 666 "dev/$1" c 1 "$2"; }

mount --make-rprivate /
mount -t tmpfs changes "$place"
cd "$place"
mkdir upper work machine
mount -t overlay machine -o "lowerdir=$root,upperdir=upper,workdir=work" machine
cd machine
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for each in run tmp dev; do mount -t tmpfs "$each" "$each"; done
device null 3; device zero 5; device full 7; device random 8; device urandom 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
ln -s pts/ptmx dev/ptmx
touch dev/console
mkdir .old
pivot_root . .old
umount -l /.old
mount --make-rshared / # credentials are mounted by a child of systemd, and have to be seen by all
export container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec /lib/systemd/systemd --log-target=journal
