#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--check") == 0) return zlibVersion() == NULL;
  printf("zlib %s\n", zlibVersion());
  fflush(stdout);
  for (;;) pause();
}
