# SPDX-License-Identifier: GPL-2.0-only
# Shell text the faults are written in; sourced on the lab host at the start of every run.
# What is started here is noted in /tmp/at and in the guests' /tmp/at.pids, and ended by undo_all.
CG=/sys/fs/cgroup

now() { cut -d' ' -f1 /proc/uptime; }
say() { echo "$*" >>"$OUT/notes"; }

# -- who is who

qemu_pid() { cat "/run/guests/$1/pid"; }

vcpu_tids() {
	for task in "/proc/$(qemu_pid "$1")"/task/*; do
		case $(cat "$task/comm") in CPU*KVM) basename "$task" ;; esac
	done
}

# A kernel thread of its own on 6.1, a thread of QEMU on 6.12; vhost-<pid of QEMU> on both.
worker_tids() {
	pid=$(qemu_pid "$1")
	for comm in "/proc/$pid"/task/*/comm $(grep -ls "^vhost-$pid$" /proc/[0-9]*/comm); do
		[ "$(cat "$comm")" = "vhost-$pid" ] && basename "$(dirname "$comm")"
	done | sort -u
}

load_pid() { # the load generator in netns peer
	for pid in $(pidof iperf3); do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "^iperf3 -c 10.77.0.11 .*forceflush" && echo "$pid"
	done
}

servers() { # iperf3 servers of netns peer on this port
	for pid in $(pidof iperf3); do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "^iperf3 -s -D -p $1 " && echo "$pid"
	done
}

# -- the truth about who did it

offender() { echo "$1 $2 $3" >>"$OUT/offenders"; } # vm|process, name, pid

# -- things that run for a while

bg() { # command, in a session of its own
	setsid sh -c "$*" </dev/null >/dev/null 2>&1 &
	echo $! >>/tmp/at/pids
}

in_guest() { # guest, command: left running there; busybox's setsid takes its own sh for sh, and that its own tc
	echo "$1" >>/tmp/at/guests
	guest exec -t 30 "$1" "setsid /bin/sh -c '$2' </dev/null >/dev/null 2>&1 & echo \$! >>/tmp/at.pids"
}

hog_guest() { # guest: its vCPU burns a CPU of the host
	offender vm "$1" "$(qemu_pid "$1")"
	if [ -n "$HOG_NICE" ]; then
		for tid in $(vcpu_tids "$1"); do renice -n "$HOG_NICE" -p "$tid" >/dev/null; done
		echo "$HOG_NICE" >"/proc/$(qemu_pid "$1")/autogroup"
	fi
	in_guest "$1" 'yes >/dev/null'
}

hog_guests() { # how many of the other guests
	jobs=
	for n in 2 3 4; do
		[ "$n" -le $(($1 + 1)) ] || break
		hog_guest "vm$n" &
		jobs="$jobs $!"
	done
	for job in $jobs; do wait "$job"; done
}

pin_hogs() { # CPU: the vCPUs of all other guests
	for n in 2 3 4; do
		[ -e /run/guests/vm$n/pid ] && for tid in $(vcpu_tids vm$n); do pin "$1" "$tid"; done
	done
}

hog_host() { # CPU list or "", then a prefix such as chrt
	cpus=$1; shift
	setsid "$@" ${cpus:+taskset -c "$cpus"} yes </dev/null >/dev/null 2>&1 &
	echo $! >>/tmp/at/pids
	[ -z "$HOG_NICE" ] || renice -n "$HOG_NICE" -p $! >/dev/null
	offender process yes $!
}

pin() { taskset -pc "$1" "$2" >/dev/null; }
pin_worker() { for tid in $(worker_tids vm1); do pin "$1" "$tid"; done; }
pin_vcpu() { for tid in $(vcpu_tids vm1); do pin "$1" "$tid"; done; }
nice_vcpu() { for tid in $(vcpu_tids vm1); do renice "$1" -p "$tid" >/dev/null; done; }

# -- quotas

quota() { # group, share of one CPU in percent, period in us
	echo "$(($2 * $3 / 100)) $3" >"$CG/$1/cpu.max"
}

vcpu_group() { # vm1's vCPUs into a threaded child, as libvirt does it
	mkdir -p "$CG/vm1/vcpu"
	echo threaded >"$CG/vm1/vcpu/cgroup.type"
	echo +cpu >"$CG/vm1/cgroup.subtree_control"
	for tid in $(vcpu_tids vm1); do echo "$tid" >"$CG/vm1/vcpu/cgroup.threads"; done
}

# -- rules of the host that each packet of vm1 has to pass, in the context of its vhost worker

rules() { # how many; in a chain of their own that nothing leads to yet
	tc qdisc add dev tap1 clsact
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "filter add dev tap1 ingress protocol ip chain 1 pref %d " \
		"u32 match ip dst 192.0.%d.%d/32 action ok\n", 10 + i / 1000, i / 250 % 250, i % 250 + 1 }' >/tmp/rules
	tc -batch /tmp/rules
}
rules_on() { tc filter add dev tap1 ingress protocol ip chain 0 pref 1 matchall action goto chain 1; }

# -- interrupt work: what a namespace of its own receives is taken in by softirqs of one CPU, through many rules

irq_setup() { # CPU, rules
	ip netns add irq
	ip link add irq0 type veth peer name irq1 netns irq
	ip addr add 10.78.0.1/24 dev irq0
	ip link set irq0 up
	ip -n irq link set lo up
	ip -n irq addr add 10.78.0.2/24 dev irq1
	ip -n irq link set irq1 up
	ip netns exec irq sh -c "echo $(printf %x $((1 << $1))) >/sys/class/net/irq1/queues/rx-0/rps_cpus"
	ip netns exec irq iperf3 -s -D -p 5225
	ip netns exec irq tc qdisc add dev irq1 clsact
	awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "filter add dev irq1 ingress protocol ip pref %d " \
		"u32 match ip dst 192.0.%d.%d/32 action ok\n", 10 + i / 1000, i / 250 % 250, i % 250 + 1 }' >/tmp/rules
	ip netns exec irq tc -batch /tmp/rules
}
irq_work() { # kbit/s of small packets
	bg "exec taskset -c 0 iperf3 -c 10.78.0.2 -p 5225 -u -b ${1}k -l 64 -t 60"
}

# -- on and off: STOP and CONT in turn

duty() { # pids, ms on, ms off
	bg "while :; do usleep $(($2 * 1000)); kill -STOP $1; usleep $(($3 * 1000)); kill -CONT $1; done"
}

duty_guest() { # ms on, ms off: the iperf3 server of the load in vm1
	in_guest vm1 "for q in \$(pidof iperf3); do
			tr \"\\0\" \" \" </proc/\$q/cmdline | grep -q \"p $PORT\" && p=\$q
		done
		while :; do usleep $(($1 * 1000)); kill -STOP \$p; usleep $(($2 * 1000)); kill -CONT \$p; done"
}

# -- afterwards

undo_guest() {
	guest exec -t 30 "$1" 'for p in $(cat /tmp/at.pids 2>/dev/null); do kill -9 -$p; done 2>/dev/null
		rm -f /tmp/at.pids; killall -CONT iperf3
		tc qdisc del dev eth0 root 2>/dev/null; true'
}

undo_all() {
	for p in $(cat /tmp/at/pids 2>/dev/null); do kill -9 "-$p"; done 2>/dev/null
	killall -CONT iperf3 vnetdx 2>/dev/null
	kill -CONT "$(qemu_pid vm1)"
	jobs=
	for g in $(sort -u /tmp/at/guests 2>/dev/null); do
		undo_guest "$g" &
		jobs="$jobs $!"
	done
	for tid in $(worker_tids vm1) $(vcpu_tids vm1); do pin 0-1 "$tid"; done
	for n in 2 3 4; do
		[ -e /run/guests/vm$n/pid ] && for tid in $(vcpu_tids vm$n); do
			pin 0-1 "$tid"
			renice 0 -p "$tid" >/dev/null
		done && echo 0 >"/proc/$(qemu_pid vm$n)/autogroup"
	done
	for dev in tap1 peer0; do
		tc qdisc del dev $dev root
		tc qdisc del dev $dev clsact
	done 2>/dev/null
	[ -e /run/netns/irq ] && {
		kill -9 $(ip netns pids irq)
		ip link del irq0
		ip netns del irq
	}
	ip netns exec peer tc qdisc del dev eth0 root 2>/dev/null
	ip netns exec peer tc qdisc del dev eth0 clsact 2>/dev/null
	if [ -d $CG/vm1/vcpu ]; then
		echo max >$CG/vm1/vcpu/cpu.max
		for tid in $(cat $CG/vm1/vcpu/cgroup.threads); do echo "$tid" >$CG/vm1/cgroup.threads; done
		rmdir $CG/vm1/vcpu && echo -cpu >$CG/vm1/cgroup.subtree_control
	fi
	grep -q cpu $CG/cgroup.subtree_control && {
		for g in vm1 load; do [ -d $CG/$g ] && echo max >$CG/$g/cpu.max; done
		echo -cpu >$CG/cgroup.subtree_control
	}
	for job in $jobs; do wait "$job"; done
	rm -rf /tmp/at
	mkdir -p /tmp/at
}

# Share of CPU time not idle in a fifth of a second, in percent.
busy() {
	head -1 /proc/stat >/tmp/busy
	usleep 200000
	head -1 /proc/stat | cat /tmp/busy - | awk '{ t = 0; for (i = 2; i <= 9; i++) t += $i; idle = $5 + $6
		if (NR == 2) print int(100 - 100 * (idle - i0) / (t - t0 + .001)); t0 = t; i0 = idle }'
}

calm() { # waits until the host is nearly idle, 10 s at most
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		[ "$(busy)" -lt 30 ] && return 0
	done
	say "not calm: $(busy) % busy"
}

# Who ran and who waited, for judging whether a fault is what it says: time, then of the worker and of
# the vCPU ns run and ns waited for a CPU.
who() { workers=$(worker_tids vm1) vcpus=$(vcpu_tids vm1); }
schedstat() { for tid in "$@"; do cat "/proc/$tid/schedstat"; done | awk '{ r += $1; w += $2 } END { print r + 0, w + 0 }'; }
sched() { echo "$(now) $(schedstat $workers) $(schedstat $vcpus)" >>"$OUT/sched"; }
