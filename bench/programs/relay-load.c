/* Clients of a gateway for models: relay-load PORT v1|v2 kept|new CLIENTS REQUESTS TOKENS [HEADER LINE]...
 * CLIENTS ask at once, each one after the other, until REQUESTS are answered; each answer has TOKENS tokens. v1: a stream of
 * /v1/chat/completions. v2: POST /v2/tasks, then its events, on the same connection. An answer counts when it has its tokens and its end.
 * Prints one line of JSON; first_us and whole_us have one number for each answer, from the first byte of the request (for `new`: from connect). */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 16384, READ = 65536, MAX_CLIENTS = 1024, PATIENCE_MS = 20000 };
enum part { HEAD, LENGTH, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, TO_EOF };

struct client {
  int fd;
  int step; /* of v2: 0 POST, 1 GET */
  enum part part;
  int status;
  bool chunked, closes;
  long left; /* of the body or the chunk; -1: no length was said */
  int tokens;
  bool ended;
  uint64_t begun, first;
  char id[40];
  size_t length;
  char line[LINE];
};

static struct client clients[MAX_CLIENTS];
static int port, epoll_fd, tokens_wanted;
static bool v2, kept;
static char headers[2048];
static long asked, wanted, answered, failed, tokens_seen;
static double *first_us, *whole_us;
static char why[200];

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void begin(struct client *c);

static void dial(struct client *c) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0) {
    perror("connect");
    exit(1);
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void ask(struct client *c) {
  char body[512], request[4096];
  const char *path = v2 ? "/v2/tasks" : "/v1/chat/completions";
  int length = v2 ? snprintf(body, sizeof body,
                             "{\"task_id\":\"%s\",\"workload\":\"chat\",\"model_ref\":\"chain\",\"max_tokens\":%d,\"temperature\":0,"
                             "\"messages\":[{\"role\":\"user\",\"content\":\"loop\"}]}",
                             c->id, tokens_wanted)
                  : snprintf(body, sizeof body,
                             "{\"model\":\"chain\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":%d,"
                             "\"temperature\":0,\"messages\":[{\"role\":\"user\",\"content\":\"loop\"}]}",
                             tokens_wanted);
  if (v2 && c->step == 1)
    length = snprintf(request, sizeof request, "GET /v2/tasks/%s/events HTTP/1.1\r\nHost: 127.0.0.1\r\n%sAccept: text/event-stream\r\n\r\n", c->id, headers);
  else
    length = snprintf(request, sizeof request,
                      "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, headers, length, body);
  c->part = HEAD;
  c->length = 0;
  c->status = 0;
  c->chunked = c->closes = c->ended = false;
  c->left = -1;
  c->tokens = 0;
  c->first = 0;
  if (write(c->fd, request, length) != length) snprintf(why, sizeof why, "a request was not taken: %s", strerror(errno));
}

static void begin(struct client *c) {
  if (asked >= wanted) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    return;
  }
  static uint64_t serial;
  asked++;
  c->step = 0;
  snprintf(c->id, sizeof c->id, "%08x-%04x-4000-8000-%012llx", (unsigned)getpid(), (unsigned)(now() & 0xffff), (unsigned long long)++serial);
  c->begun = now();
  if (c->fd < 0) dial(c);
  ask(c);
}

static void over(struct client *c, bool eof) {
  if (v2 && c->step == 0 && c->status == 202 && !eof) {
    c->step = 1;
    return ask(c);
  }
  uint64_t at = now();
  if (c->status == 200 && c->ended && c->tokens == tokens_wanted) {
    first_us[answered] = (c->first - c->begun) / 1e3;
    whole_us[answered++] = (at - c->begun) / 1e3;
    tokens_seen += c->tokens;
  } else {
    failed++;
    if (why[0] == 0) snprintf(why, sizeof why, "status %d, %d tokens, %s: %.80s", c->status, c->tokens, c->ended ? "ended" : "no end", c->line);
  }
  if (eof || c->closes || !kept) {
    close(c->fd);
    c->fd = -1;
  }
  begin(c);
}

/* A line of an event stream, without its end. */
static void event_line(struct client *c, const char *line, size_t length) {
  if (v2) {
    if (length == 12 && memcmp(line, "event: token", 12) == 0) c->tokens++;
    else if (length == 10 && memcmp(line, "event: end", 10) == 0) c->ended = true;
    else return;
  } else {
    if (length < 12 || memcmp(line, "data:", 5) != 0) return;
    if (memmem(line, length, "[DONE]", 6)) {
      c->ended = true;
      return;
    }
    const char *at = memmem(line, length, "\"content\":", 10);
    if (!at) return;
    at += 10;
    if (*at == ' ') at++;
    if (at[0] != '"' || at[1] == '"') return;
    c->tokens++;
  }
  if (c->first == 0) c->first = now();
}

static void body_bytes(struct client *c, const char *at, size_t length) {
  while (length > 0) {
    const char *lf = memchr(at, '\n', length);
    size_t part = lf ? (size_t)(lf - at) : length;
    if (c->length == 0 && lf) event_line(c, at, part);
    else {
      size_t room = LINE - c->length;
      memcpy(c->line + c->length, at, part < room ? part : room);
      c->length += part < room ? part : room;
      if (lf) event_line(c, c->line, c->length);
    }
    if (lf) c->length = 0;
    part += lf ? 1 : 0;
    at += part;
    length -= part;
  }
}

static void head_line(struct client *c) {
  char *line = c->line;
  line[c->length] = 0;
  if (strncasecmp(line, "content-length:", 15) == 0) c->left = atol(line + 15);
  else if (strncasecmp(line, "transfer-encoding:", 18) == 0) c->chunked = strstr(line, "chunked") != NULL;
  else if (strncasecmp(line, "connection:", 11) == 0 && strcasestr(line, "close")) c->closes = true;
  else if (c->status == 0) c->status = atoi(line + 9);
}

/* Takes a line up to its LF into c->line; false: it is not complete. */
static bool take_line(struct client *c, const char **at, const char *end) {
  const char *lf = memchr(*at, '\n', end - *at);
  size_t part = (lf ? lf : end) - *at;
  if (c->length + part >= LINE) part = LINE - 1 - c->length;
  memcpy(c->line + c->length, *at, part);
  c->length += part;
  *at = lf ? lf + 1 : end;
  if (!lf) return false;
  if (c->length > 0 && c->line[c->length - 1] == '\r') c->length--;
  return true;
}

/* Of chunked bodies the line that is being read would mix with the size of the next chunk: it has its own few bytes. */
static char sizes[MAX_CLIENTS][20];
static int size_length[MAX_CLIENTS];

static void bytes(struct client *c, const char *at, const char *end) {
  int self = c - clients;
  while (at < end) {
    switch (c->part) {
    case HEAD:
      if (!take_line(c, &at, end)) return;
      if (c->length > 0) {
        head_line(c);
        c->length = 0;
        break;
      }
      size_length[self] = 0;
      c->part = c->chunked ? CHUNK_SIZE : c->left >= 0 ? LENGTH : TO_EOF;
      if (c->part == LENGTH && c->left == 0) return over(c, false);
      break;
    case LENGTH:
    case CHUNK: {
      long part = end - at < c->left ? end - at : c->left;
      body_bytes(c, at, part);
      at += part;
      c->left -= part;
      if (c->left > 0) return;
      if (c->part == LENGTH) return over(c, false);
      c->part = CHUNK_END;
      break;
    }
    case CHUNK_END:
      if (*at++ == '\n') c->part = CHUNK_SIZE;
      break;
    case CHUNK_SIZE:
      if (*at != '\n') {
        if (size_length[self] < 18) sizes[self][size_length[self]++] = *at;
        at++;
        break;
      }
      at++;
      sizes[self][size_length[self]] = 0;
      size_length[self] = 0;
      c->left = strtol(sizes[self], NULL, 16);
      c->part = c->left > 0 ? CHUNK : TRAILER;
      break;
    case TRAILER: /* nobody sends any: the rest is CRLF */
      if (*at++ == '\n') return over(c, false);
      break;
    case TO_EOF:
      body_bytes(c, at, end - at);
      return;
    }
  }
}

static void readable(struct client *c) {
  static char buffer[READ];
  ssize_t got = read(c->fd, buffer, READ);
  if (got > 0) return bytes(c, buffer, buffer + got);
  if (got < 0 && errno == EAGAIN) return;
  over(c, true);
}

static void print_list(const char *name, const double *list) {
  printf(",\"%s\":[", name);
  for (long i = 0; i < answered; i++) printf("%s%.1f", i ? "," : "", list[i]);
  printf("]");
}

int main(int argc, char **argv) {
  if (argc < 7) return 2;
  port = atoi(argv[1]);
  v2 = strcmp(argv[2], "v2") == 0;
  kept = strcmp(argv[3], "kept") == 0;
  int count = atoi(argv[4]);
  wanted = atol(argv[5]);
  tokens_wanted = atoi(argv[6]);
  if (count < 1 || count > MAX_CLIENTS) return 2;
  for (int i = 7; i < argc; i++) {
    strncat(headers, argv[i], sizeof headers - strlen(headers) - 3);
    strcat(headers, "\r\n");
  }
  first_us = calloc(wanted, sizeof *first_us);
  whole_us = calloc(wanted, sizeof *whole_us);
  epoll_fd = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    clients[i].fd = -1;
    if (kept) dial(&clients[i]);
  }
  uint64_t started = now();
  for (int i = 0; i < count; i++) begin(&clients[i]);
  static struct epoll_event events[MAX_CLIENTS];
  while (answered + failed < wanted) {
    int ready = epoll_wait(epoll_fd, events, MAX_CLIENTS, PATIENCE_MS);
    if (ready <= 0) {
      snprintf(why, sizeof why, "nothing came for %d ms", PATIENCE_MS);
      failed += wanted - answered - failed;
    }
    for (int i = 0; i < ready; i++) {
      struct client *c = events[i].data.ptr;
      if (c->fd >= 0) readable(c);
    }
  }
  double seconds = (now() - started) / 1e9;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  for (char *at = why; *at; at++) if (*at == '"' || *at == '\\' || *at < ' ') *at = '\'';
  printf("{\"seconds\":%.6f,\"tokens\":%ld,\"failed\":%ld,\"cpu_s\":%.4f,\"why\":\"%s\"", seconds, tokens_seen, failed, cpu, why);
  print_list("first_us", first_us);
  print_list("whole_us", whole_us);
  printf("}\n");
  return 0;
}
