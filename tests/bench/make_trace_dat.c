// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a trace.dat of function events, 28 bytes each, for the bench:
 *   make_trace_dat FILE EVENTS CPUS [6|7|7zlib|7zstd]
 * A vhost worker calls handle_tx and handle_rx in turn, a vCPU thread kvm_vcpu_halt.
 */
#include "tests/unit/dat_gen.h"

#define STEP_NS 2000

static void make_events(struct gen *g, uint64_t n)
{
	static const uint64_t ips[] = { GEN_TX, GEN_RX, GEN_TX, GEN_HALT };

	for (uint64_t i = 0; i < n; i++)
		gen_call(g, 0, (unsigned)(i * 7 / 16 % g->n_cpus), GEN_START + i * STEP_NS,
			 GEN_FUNCTION, i % 4 == 3 ? 150 : 148, ips[i % 4] + 4);
}

static int write_file(const char *path, const struct gen_bytes *b)
{
	FILE *f = fopen(path, "w");
	bool bad = !f || fwrite(b->v, 1, b->n, f) != b->n;

	if (f && fclose(f))
		bad = true;
	if (bad)
		perror(path);
	return bad;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 4 ? argv[4] : "6";
	struct gen_bytes file;
	struct gen g;
	int ret;

	if (argc < 4 || atoi(argv[3]) < 1 || atoi(argv[3]) > GEN_CPUS) {
		fprintf(stderr, "usage: %s FILE EVENTS CPUS(1..%d) [6|7|7zlib|7zstd]\n", argv[0],
			GEN_CPUS);
		return 2;
	}
	gen_init(&g, kind[0] == '7' ? 7 : 6, false, 8);
	g.codec = !strcmp(kind, "7zlib") ? GEN_ZLIB : !strcmp(kind, "7zstd") ? GEN_ZSTD : GEN_PLAIN;
	g.chunk_pages = 10;
	g.n_cpus = (unsigned)atoi(argv[3]);
	g.kallsyms = GEN_KALLSYMS;
	g.cmdlines = GEN_CMDLINES;
	make_events(&g, strtoull(argv[2], NULL, 10));
	gen_file(&g, &file);
	ret = write_file(argv[1], &file);
	free(file.v);
	gen_fini(&g);
	return ret;
}
