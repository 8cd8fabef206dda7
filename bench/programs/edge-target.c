/* A target for the benches of the edge: one thread that answers HTTP/1.1 on 127.0.0.1:PORT (on every address with a second argument) faster than any proxy in front of it, so that
   what is measured is the proxy. The path says what comes: /N a body of N bytes, /slow a small one after 200 ms, anything else 2 bytes.
   Bodies of requests (Content-Length) are read and thrown away; `Connection: close` is obeyed. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 16384, HEAD = 8192, BLOCK = 1 << 18, SLOW_MS = 200 };

struct client {
  char head[HEAD];        /* of the request, while it is incomplete */
  int have;               /* bytes in it */
  long upload;            /* bytes of its body still to come */
  char answer[256];       /* head of the answer, and a small body */
  int length, sent;       /* of it */
  long body, bodySent;    /* of a big body, which is made of BLOCK */
  int close, busy;
  long due;               /* ms; when a slow answer is to be sent */
};

static struct client *clients[MAX_FD];
static char block[BLOCK], scratch[BLOCK];
static int poller, slow[MAX_FD], slowCount;

static long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void interest(int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
}

static void drop(int fd) {
  for (int i = 0; i < slowCount; i++)
    if (slow[i] == fd) slow[i--] = slow[--slowCount];
  free(clients[fd]);
  clients[fd] = 0;
  close(fd);
}

/* 1: all written. 0: the kernel takes no more now. -1: gone. */
static int push(int fd, struct client *c) {
  while (c->sent < c->length) {
    ssize_t n = send(fd, c->answer + c->sent, c->length - c->sent, MSG_NOSIGNAL | (c->body > 0 ? MSG_MORE : 0));
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    c->sent += n;
  }
  while (c->bodySent < c->body) {
    long left = c->body - c->bodySent;
    ssize_t n = send(fd, block, left < BLOCK ? left : BLOCK, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    c->bodySent += n;
  }
  return 1;
}

/* Writes the answer. 0 when the client is gone. */
static int answer(int fd, struct client *c) {
  int done = push(fd, c);
  if (done < 0 || (done == 1 && c->close)) return drop(fd), 0;
  if (done == 0 && !c->busy) interest(fd, EPOLLOUT), c->busy = 1;
  if (done == 1 && c->busy) interest(fd, EPOLLIN), c->busy = 0;
  return 1;
}

static const char *field(const char *head, const char *name) {
  const char *at = strcasestr(head, name);
  return at ? at + strlen(name) : 0;
}

static void prepare(struct client *c, int port) {
  const char *path = strchr(c->head, ' ') + 1, *value;
  c->body = strtol(path + 1, 0, 10);
  c->bodySent = c->sent = 0;
  c->upload = (value = field(c->head, "\r\ncontent-length:")) ? strtol(value, 0, 10) : 0;
  c->close = (value = field(c->head, "\r\nconnection: close")) != 0;
  c->due = strncmp(path, "/slow", 5) ? 0 : now() + SLOW_MS;
  c->length = snprintf(c->answer, sizeof c->answer, "HTTP/1.1 200 OK\r\nServer: target\r\nX-Port: %d\r\nContent-Type: text/plain\r\n%sContent-Length: %ld\r\n\r\n%s",
                       port, c->close ? "Connection: close\r\n" : "", c->body > 0 ? c->body : 2, c->body > 0 ? "" : "ok");
}

/* The whole request is here. 0 when the client is gone. */
static int reply(int fd, struct client *c) {
  if (c->due == 0) return answer(fd, c);
  slow[slowCount++] = fd;
  interest(fd, 0);
  c->busy = 1;
  return 1;
}

static void take(int fd, struct client *c, int port) {
  if (c->upload > 0) {
    ssize_t n = recv(fd, scratch, c->upload < BLOCK ? c->upload : BLOCK, 0);
    if (n <= 0) return n < 0 && errno == EAGAIN ? (void)0 : drop(fd);
    if ((c->upload -= n) == 0) reply(fd, c);
    return;
  }
  ssize_t n = recv(fd, c->head + c->have, HEAD - 1 - c->have, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN ? (void)0 : drop(fd);
  c->have += n;
  c->head[c->have] = 0;
  char *end;
  while (!c->busy && c->have > 0 && (end = strstr(c->head, "\r\n\r\n"))) {
    int head = end + 4 - c->head;
    end[2] = 0;
    prepare(c, port);
    long body = c->have - head < c->upload ? c->have - head : c->upload;
    c->upload -= body;
    c->have -= head + body;
    memmove(c->head, c->head + head + body, c->have);
    c->head[c->have] = 0;
    if (c->upload > 0) return;
    if (!reply(fd, c)) return;
  }
  if (c->have >= HEAD - 1) drop(fd);
}

static void welcome(int server) {
  int fd, one = 1;
  while ((fd = accept4(server, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    if (fd >= MAX_FD || !(clients[fd] = calloc(1, sizeof **clients))) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  }
}

static void answerSlow(void) {
  for (int i = 0; i < slowCount; i++) {
    int fd = slow[i];
    if (clients[fd]->due > now()) continue;
    slow[i--] = slow[--slowCount];
    answer(fd, clients[fd]);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  int port = atoi(argv[1]), one = 1, server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(argc > 2 ? INADDR_ANY : INADDR_LOOPBACK)};
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  memset(block, 'x', sizeof block);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 4096)) return perror("listen"), 1;
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = server}, events[256];
  epoll_ctl(poller, EPOLL_CTL_ADD, server, &event);
  for (;;) {
    int count = epoll_wait(poller, events, 256, slowCount > 0 ? 2 : -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == server) welcome(server);
      else if (!clients[fd]) continue;
      else if (events[i].events & EPOLLOUT) answer(fd, clients[fd]);
      else if (events[i].events & EPOLLIN) take(fd, clients[fd], port);
      else drop(fd);
    }
    answerSlow();
  }
}
