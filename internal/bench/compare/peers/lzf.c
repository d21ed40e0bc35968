// lzf FILE: how fast liblzf packs and unpacks the file, the best of many rounds in
// half a second each. Prints: bytes packed, ns to pack, ns to unpack.
#include <liblzf/lzf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!f) {
		fprintf(stderr, "usage: lzf FILE\n");
		return 2;
	}
	fseek(f, 0, SEEK_END);
	unsigned size = ftell(f), room = size + size / 16 + 64, packed = 0;
	rewind(f);
	char *plain = malloc(size), *out = malloc(room), *back = malloc(size);
	if (fread(plain, 1, size, f) != size) return 1;

	double pack = 1e18, unpack = 1e18;
	for (double end = now() + 5e8; now() < end;) {
		double start = now();
		packed = lzf_compress(plain, size, out, room);
		double took = now() - start;
		if (took < pack) pack = took;
	}
	for (double end = now() + 5e8; now() < end;) {
		double start = now();
		if (lzf_decompress(out, packed, back, size) != size) return 1;
		double took = now() - start;
		if (took < unpack) unpack = took;
	}
	if (memcmp(plain, back, size)) return 1;
	printf("%u %.0f %.0f\n", packed, pack, unpack);
	return 0;
}
