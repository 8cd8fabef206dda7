/* A service for the benches: answers every connection on 127.0.0.1:PORT with 200 and its own pid. Listening
   within a millisecond and asleep in accept() otherwise, so that what is measured is the supervisor, not the service. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 64)) return perror("listen"), 1;
  char pid[16], answer[128], request[2048];
  int digits = snprintf(pid, sizeof pid, "%d", getpid());
  int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", digits, pid);
  struct timeval patience = {.tv_usec = 200000};
  for (;;) {
    int client = accept(server, 0, 0);
    if (client < 0) continue;
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (read(client, request, sizeof request) > 0 && write(client, answer, length) < 0) perror("write");
    close(client);
  }
}
