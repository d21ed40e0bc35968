// codec CODEC FILE: how fast a library in C packs the file on one core, or unpacks it. CODEC is
// bzip2 (libbz2 at level 9), zlib (libdeflate at level 6), lzf or unlzf (liblzf). Prints the bytes
// packed and the least processor time of many rounds in half a second, in ns.
#include <bzlib.h>
#include <libdeflate.h>
#include <liblzf/lzf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(clockid_t clock) {
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static struct libdeflate_compressor *deflater;

// pack returns the bytes packed, or 0.
static size_t pack(const char *codec, char *plain, size_t size, char *out, size_t room) {
	if (!strcmp(codec, "zlib")) return libdeflate_zlib_compress(deflater, plain, size, out, room);
	if (strcmp(codec, "bzip2")) return lzf_compress(plain, size, out, room);
	unsigned packed = room;
	return BZ2_bzBuffToBuffCompress(out, &packed, plain, size, 9, 0, 0) == BZ_OK ? packed : 0;
}

int main(int argc, char **argv) {
	FILE *f = argc == 3 ? fopen(argv[2], "rb") : NULL;
	if (!f) {
		fprintf(stderr, "usage: codec CODEC FILE\n");
		return 2;
	}
	fseek(f, 0, SEEK_END);
	size_t size = ftell(f), room = size + size / 16 + 600;
	rewind(f);
	char *plain = malloc(size), *out = malloc(room), *back = malloc(size);
	if (fread(plain, 1, size, f) != size) return 1;
	deflater = libdeflate_alloc_compressor(6);
	int unpack = !strcmp(argv[1], "unlzf");
	size_t packed = pack(argv[1], plain, size, out, room);

	double best = 1e18;
	for (double end = now(CLOCK_MONOTONIC) + 5e8; now(CLOCK_MONOTONIC) < end;) {
		double start = now(CLOCK_PROCESS_CPUTIME_ID);
		if (unpack) {
			if (lzf_decompress(out, packed, back, size) != size) return 1;
		} else {
			packed = pack(argv[1], plain, size, out, room);
		}
		double took = now(CLOCK_PROCESS_CPUTIME_ID) - start;
		if (took < best) best = took;
	}
	if (packed == 0 || (unpack && memcmp(plain, back, size))) return 1;
	printf("%zu %.0f\n", packed, best);
	return 0;
}
