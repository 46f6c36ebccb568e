// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a perf.data of N samples of kvm:kvm_entry, as `perf record -a -e kvm:kvm_entry -c 1
 * -k CLOCK_MONOTONIC` on a host of four CPUs and two VMs would: rings drained in turns, so
 * that times go to and fro. perf script prints it. For benchmarks.
 */
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS 4
#define ROUND 2048 /* samples of one CPU before it is the next one's turn */
#define EVENT_ID 1234
#define STEP_NS 4000 /* between two entries on one CPU */
#define BEGIN_NS 1000000000000ull
#define SAMPLE_TYPE                                                                     \
	(PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | \
	 PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW)

static const char format[] =
	"name: kvm_entry\nID: 1234\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;\n"
	"\tfield:unsigned long rip;\toffset:16;\tsize:8;\tsigned:0;\n\n"
	"print fmt: \"vcpu %u, rip 0x%lx\", REC->vcpu_id, REC->rip\n";

/* Of the ring buffer's pages; perf wants it to be there. */
static const char header_page[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				  "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
				  "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
				  "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";

struct section {
	uint64_t offset, size;
};

struct header {
	char magic[8];
	uint64_t size, attr_size;
	struct section attrs, data, types;
	uint64_t flags[4];
};

struct sample {
	struct perf_event_header head;
	uint64_t id, ip;
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, zero;
	uint64_t period;
	uint32_t raw_size;
	uint16_t common_type;
	uint8_t flags, preempt;
	uint32_t common_pid, vcpu_id, pad;
	uint32_t rip[2], end;
} __attribute__((packed));

struct comm {
	struct perf_event_header head;
	uint32_t pid, tid;
	char comm[16];
	uint32_t trailer_pid, trailer_tid;
	uint64_t time;
	uint32_t cpu, zero;
	uint64_t id;
};

static FILE *out;

static void put(const void *p, size_t len)
{
	if (fwrite(p, 1, len, out) != len) {
		perror("make_perf_data");
		exit(1);
	}
}

static void put32(uint32_t x)
{
	put(&x, 4);
}

static void put64(uint64_t x)
{
	put(&x, 8);
}

static void put_string(const char *s)
{
	char padded[64] = "";

	snprintf(padded, sizeof(padded), "%s", s);
	put32(sizeof(padded));
	put(padded, sizeof(padded));
}

static struct perf_event_attr make_attr(void)
{
	return (struct perf_event_attr){ .type = PERF_TYPE_TRACEPOINT,
					 .size = sizeof(struct perf_event_attr),
					 .config = EVENT_ID,
					 .sample_period = 1,
					 .sample_type = SAMPLE_TYPE,
					 .read_format = PERF_FORMAT_ID,
					 .sample_id_all = 1,
					 .use_clockid = 1,
					 .clockid = 1 };
}

/* Two VMs of two vCPUs each. */
static void put_comms(void)
{
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		struct comm c = { .head = { PERF_RECORD_COMM, 0, sizeof(c) },
				  .pid = cpu < 2 ? 1000 : 2000,
				  .tid = (cpu < 2 ? 1000 : 2000) + 1 + cpu % 2 };

		snprintf(c.comm, sizeof(c.comm), "CPU %u/KVM", cpu % 2);
		put(&c, sizeof(c));
	}
}

static void put_sample(uint64_t n)
{
	uint64_t round = n / (ROUND * CPUS), at = n % ROUND;
	uint32_t cpu = (uint32_t)(n / ROUND % CPUS), pid = cpu < 2 ? 1000 : 2000;
	struct sample s = { .head = { PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL, sizeof(s) },
			    .id = 100 + cpu,
			    .ip = 0xffffffff81000000ull,
			    .pid = pid,
			    .tid = pid + 1 + cpu % 2,
			    .time = BEGIN_NS + (round * ROUND + at) * STEP_NS + cpu,
			    .cpu = cpu,
			    .period = 1,
			    .raw_size = 28,
			    .common_type = EVENT_ID,
			    .vcpu_id = cpu % 2,
			    .rip = { (uint32_t)n } };

	s.common_pid = s.tid;
	put(&s, sizeof(s));
	if (n % (ROUND * CPUS) == ROUND * CPUS - 1)
		put(&(struct perf_event_header){ .type = 68, .size = 8 }, 8); /* FINISHED_ROUND */
}

static void put_tracing_data(void)
{
	put("\x17\x08\x44tracing0.6", 14);
	put("\0\10", 2); /* little-endian, longs of 8 bytes */
	put32(4096);
	put("header_page", 12);
	put64(sizeof(header_page) - 1);
	put(header_page, sizeof(header_page) - 1);
	put("header_event", 13);
	put64(1);
	put("\n", 1);
	put32(0); /* formats of ftrace itself */
	put32(1);
	put("kvm", 4);
	put32(1);
	put64(sizeof(format) - 1);
	put(format, sizeof(format) - 1);
	put32(0); /* kallsyms */
	put32(0); /* printk */
	put64(0); /* names */
}

static void put_event_desc(const struct perf_event_attr *attr)
{
	put32(1);
	put32(sizeof(*attr));
	put(attr, sizeof(*attr));
	put32(CPUS);
	put_string("kvm:kvm_entry");
	for (uint32_t i = 0; i < CPUS; i++)
		put64(100 + i);
}

/* Sections of features stand behind the data, where they are right behind it. */
static void put_features(const struct perf_event_attr *attr)
{
	struct section s[4] = { 0 };
	long table = ftell(out);

	put(s, sizeof(s));
	for (int i = 0; i < 4; i++) {
		s[i].offset = (uint64_t)ftell(out);
		if (i == 0)
			put_tracing_data();
		else if (i == 1)
			put_string("bench");
		else if (i == 2)
			put_string("6.1.0");
		else
			put_event_desc(attr);
		s[i].size = (uint64_t)ftell(out) - s[i].offset;
	}
	fseek(out, table, SEEK_SET);
	put(s, sizeof(s));
}

int main(int argc, char **argv)
{
	struct header h = { .magic = "PERFILE2", .size = sizeof(h) };
	struct perf_event_attr attr = make_attr();
	unsigned long long n = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;

	out = n ? fopen(argv[2], "wb") : NULL;
	if (!out) {
		fprintf(stderr, "usage: make_perf_data SAMPLES FILE\n");
		return 2;
	}
	put(&h, sizeof(h));
	for (uint64_t i = 0; i < CPUS; i++)
		put64(100 + i);
	h.attr_size = sizeof(attr) + sizeof(struct section);
	h.attrs = (struct section){ (uint64_t)ftell(out), h.attr_size };
	put(&attr, sizeof(attr));
	put(&(struct section){ sizeof(h), 8 * CPUS }, sizeof(struct section));
	h.data.offset = (uint64_t)ftell(out);
	put_comms();
	for (uint64_t i = 0; i < n; i++)
		put_sample(i);
	h.data.size = (uint64_t)ftell(out) - h.data.offset;
	put_features(&attr);
	h.flags[0] = 1u << 1 | 1u << 3 | 1u << 4 | 1u << 12;
	fseek(out, 0, SEEK_SET);
	put(&h, sizeof(h));
	return fclose(out) ? 1 : 0;
}
