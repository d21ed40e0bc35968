// bzip2 FILE ROUNDS: packs the file as often as asked by libbz2 at level 9. Prints the bytes packed.
#include <bzlib.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
	FILE *f = argc == 3 ? fopen(argv[1], "rb") : NULL;
	if (!f) {
		fprintf(stderr, "usage: bzip2 FILE ROUNDS\n");
		return 2;
	}
	fseek(f, 0, SEEK_END);
	unsigned size = ftell(f), room = size + size / 100 + 600, packed = 0;
	rewind(f);
	char *plain = malloc(size), *out = malloc(room);
	if (fread(plain, 1, size, f) != size) return 1;
	for (int i = atoi(argv[2]); i > 0; i--) {
		packed = room;
		if (BZ2_bzBuffToBuffCompress(out, &packed, plain, size, 9, 0, 0) != BZ_OK) return 1;
	}
	printf("%u\n", packed);
	return 0;
}
