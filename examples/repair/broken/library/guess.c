#include <magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--check") == 0) return magic_version() <= 0;
  printf("libmagic %d\n", magic_version());
  fflush(stdout);
  for (;;) pause();
}
