// deflate FILE LEVEL: how fast libdeflate makes a zlib stream of the file, the best of many rounds in
// half a second, by processor time. Prints: bytes packed, ns.
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(clockid_t clock) {
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
	FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
	struct libdeflate_compressor *c = argc == 3 ? libdeflate_alloc_compressor(atoi(argv[2])) : NULL;
	if (!f || !c) {
		fprintf(stderr, "usage: deflate FILE LEVEL\n");
		return 2;
	}
	fseek(f, 0, SEEK_END);
	size_t size = ftell(f), room = libdeflate_zlib_compress_bound(c, size), packed = 0;
	rewind(f);
	char *plain = malloc(size), *out = malloc(room);
	if (fread(plain, 1, size, f) != size) return 1;

	double best = 1e18;
	for (double end = now(CLOCK_MONOTONIC) + 5e8; now(CLOCK_MONOTONIC) < end;) {
		double start = now(CLOCK_PROCESS_CPUTIME_ID);
		packed = libdeflate_zlib_compress(c, plain, size, out, room);
		double took = now(CLOCK_PROCESS_CPUTIME_ID) - start;
		if (took < best) best = took;
	}
	if (packed == 0) return 1;
	printf("%zu %.0f\n", packed, best);
	return 0;
}
