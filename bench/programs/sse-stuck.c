/* Readers that never read: sse-stuck <port> <count> <path>. Small receive buffers, so that the server feels it soon. Prints a line when all
 * have asked, and ends with its stdin. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  char ask[1024];
  int length = snprintf(ask, sizeof ask, "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", argv[3]);
  for (int i = 0; i < atoi(argv[2]); i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int small = 2048;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 || write(fd, ask, length) != length) return 1;
  }
  puts("stuck");
  fflush(stdout);
  while (getchar() != EOF) {}
  return 0;
}
