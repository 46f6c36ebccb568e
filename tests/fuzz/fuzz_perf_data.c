// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target of the perf.data reader. The mutator knows where headers, attrs and records
 * are, as random bytes hardly ever get past the first of them.
 */
#include "tests/fuzz/fuzz.h"

#define PIPE_LEN 16
#define FILE_LEN 104
#define ATTR_LEN 112
#define SAMPLE_LEN 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vnx_hook_override hook = { VNX_HANDLE_RX, "tp:sched:sched_switch" };

	fuzz_reader(&vnx_reader_perf_data, &hook, data, size);
	return 0;
}

/* ---- the mutator ---- */

static uint64_t state;

static uint32_t rnd(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

static void set(uint8_t *p, uint64_t x, size_t len)
{
	memcpy(p, &x, len);
}

/* A length, an offset or a count as damage and malice like them. */
static uint64_t odd_number(size_t size)
{
	const uint64_t odd[] = { 0,         1,          7,          8,          16,
				 size,      size - 1,   size + 8,   UINT16_MAX, 1 << 20,
				 INT32_MAX, UINT32_MAX, UINT64_MAX, 1ull << 63 };
	uint32_t i = rnd(VNX_ARRAY_SIZE(odd) + 2);

	return i < VNX_ARRAY_SIZE(odd) ? odd[i] : rnd(4096);
}

static size_t put_attr(uint8_t *p, uint64_t config, uint64_t id)
{
	memset(p, 0, 8 + ATTR_LEN + 8);
	set(p, 64, 4);
	set(p + 6, 8 + ATTR_LEN + 8, 2);
	set(p + 8, 2, 4);
	set(p + 12, ATTR_LEN, 4);
	set(p + 16, config, 8);
	set(p + 24, 1, 8);
	set(p + 32, 0x10587, 8); /* id, ip, tid, time, cpu, period, raw */
	set(p + 48, 1 << 18 | 1 << 25, 8);
	set(p + 8 + 92, 1, 4);
	set(p + 8 + ATTR_LEN, id, 8);
	return 8 + ATTR_LEN + 8;
}

static size_t put_name(uint8_t *p, uint64_t id, const char *name)
{
	memset(p, 0, 48);
	set(p, 78, 4);
	set(p + 6, 48, 2);
	set(p + 8, 2, 8);
	set(p + 16, id, 8);
	snprintf((char *)p + 24, 24, "%s", name);
	return 48;
}

static size_t put_sample(uint8_t *p, uint64_t id)
{
	memset(p, 0, SAMPLE_LEN);
	set(p, 9, 4);
	set(p + 6, SAMPLE_LEN, 2);
	set(p + 8, id, 8);
	set(p + 24, 144 + ((uint64_t)150 << 32), 8);
	set(p + 32, 1000 * VNX_NSEC_PER_SEC + rnd(UINT32_MAX), 8);
	set(p + 40, rnd(4), 4);
	set(p + 48, 1, 8);
	set(p + 56, 20, 4);
	return SAMPLE_LEN;
}

/* A whole small file to begin with. */
static size_t put_all(uint8_t *p, size_t max)
{
	size_t n = PIPE_LEN;

	if (max < 1024)
		return 0;
	memcpy(p, "PERFILE2", 8);
	set(p + 8, PIPE_LEN, 8);
	n += put_attr(p + n, 1200, 7);
	n += put_attr(p + n, 1201, 8);
	n += put_name(p + n, 7, "kvm:kvm_entry");
	n += put_name(p + n, 8, "probe:handle_tx");
	for (int i = 0; i < 6; i++)
		n += put_sample(p + n, 7 + i % 2);
	return n;
}

static bool is_swapped(const uint8_t *p)
{
	return p[0] == '2';
}

static uint64_t get(const uint8_t *p, size_t len)
{
	uint64_t x = 0;

	memcpy(&x, p, len);
	return x;
}

/* Where records begin. */
static size_t begin_of(const uint8_t *p, size_t size)
{
	uint64_t at = PIPE_LEN;

	if (size >= FILE_LEN && get(p + 8, 8) == FILE_LEN)
		at = get(p + 40, 8);
	return at < size ? (size_t)at : size;
}

/* A record at random; its length in *len. */
static size_t pick_record(const uint8_t *p, size_t size, size_t *len)
{
	size_t at = begin_of(p, size), stop = rnd(200);

	for (size_t i = 0; at + 8 <= size; i++) {
		*len = (size_t)(is_swapped(p) ? p[at + 6] << 8 | p[at + 7] : get(p + at + 6, 2));
		if (*len < 8 || *len > size - at || i == stop)
			break;
		if (at + *len + 8 > size)
			break;
		at += *len;
	}
	*len = at + 8 <= size && *len >= 8 && *len <= size - at ? *len : 0;
	return at;
}

static size_t repeat_record(uint8_t *p, size_t size, size_t max, size_t at, size_t len)
{
	if (size + len > max)
		return size;
	memmove(p + at + len, p + at, size - at);
	return size + len;
}

static size_t drop_record(uint8_t *p, size_t size, size_t at, size_t len)
{
	memmove(p + at, p + at + len, size - at - len);
	return size - len;
}

static size_t mutate_record(uint8_t *p, size_t size, size_t max)
{
	static const uint8_t types[] = { 2, 3, 5, 6, 7, 9, 13, 64, 65, 66, 68, 71, 78, 80, 81, 83 };
	size_t len = 0, at = pick_record(p, size, &len);

	if (!len)
		return size;
	switch (rnd(6)) {
	case 0:
		set(p + at, types[rnd(sizeof(types))], 4);
		return size;
	case 1:
		set(p + at + 6, odd_number(size), 2);
		return size;
	case 2:
		return repeat_record(p, size, max, at, len);
	case 3:
		return drop_record(p, size, at, len);
	case 4:
		if (size + SAMPLE_LEN > max)
			return size;
		memmove(p + at + SAMPLE_LEN, p + at, size - at);
		put_sample(p + at, 7 + rnd(2));
		return size + SAMPLE_LEN;
	default:
		if (len >= 16)
			set(p + at + 8 + rnd((uint32_t)(len / 8 - 1)) * 8, odd_number(size), 8);
		return size;
	}
}

/* Offsets and sizes of the header, or words of anything before the records. */
static size_t mutate_header(uint8_t *p, size_t size)
{
	size_t begin = begin_of(p, size);

	if (begin < 24)
		return size;
	if (rnd(2) && begin >= FILE_LEN)
		set(p + 8 + rnd(12) * 8, odd_number(size), 8);
	else
		set(p + 8 + rnd((uint32_t)(begin / 8 - 1)) * 8, odd_number(size), rnd(2) ? 8 : 4);
	return size;
}

/* What stands behind the data: tables of sections, formats, names. */
static size_t mutate_tail(uint8_t *p, size_t size)
{
	uint64_t end;

	if (size < FILE_LEN || get(p + 8, 8) != FILE_LEN)
		return size;
	end = get(p + 40, 8) + get(p + 48, 8);
	if (end < size && size - end > 16)
		set(p + end + rnd((uint32_t)(size - end - 8)), odd_number(size), rnd(2) ? 8 : 4);
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	state = seed;
	if (size < PIPE_LEN || (data[0] != 'P' && data[0] != '2')) {
		size = put_all(data, max_size);
		return size ? size : LLVMFuzzerMutate(data, size, max_size);
	}
	for (uint32_t n = 1 + rnd(3); n && size >= PIPE_LEN; n--) {
		switch (rnd(8)) {
		case 0:
			size = mutate_header(data, size);
			break;
		case 1:
			size = mutate_tail(data, size);
			break;
		case 2:
		case 3:
			size = LLVMFuzzerMutate(data, size, max_size);
			break;
		default:
			size = mutate_record(data, size, max_size);
		}
	}
	return size;
}
