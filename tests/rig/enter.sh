# enter.sh ROOT COMMAND...: runs a command as root of the Debian whose files are in ROOT, on the machine's own network.
# Run it in namespaces of its own (mount, PID): what it mounts and whatever the command leaves running end with them.
set -euo pipefail
root=$1
shift

mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs run run
pivot_root . . # the old root is then mounted over the new one
umount -l .
cd /root/smsd
code=0
# Not by exec, since PID 1 has to bury what others leave; and whoever ignored SIGINT outside, here it is for the tests.
env --default-signal "$@" || code=$?
exit $code
