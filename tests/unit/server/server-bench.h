/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-server.h"

G_BEGIN_DECLS

/* The token of the client "tester"; "anonymous" needs none. */
#define TOKEN "tester-token-of-these-tests"

/**
 * Peer: the other end of one of the server's connections: a client, or an upstream.
 */
typedef struct
{
  int fd;
  GString *got;
} Peer;

/**
 * ServerBench: a whole server with two workers, and an upstream that the test plays itself. It knows the
 * models "m" (OpenAI's protocol), "c" (Anthropic's), "echo" (the built-in one), and "later": a provider that
 * cannot be reached, before the upstream.
 */
typedef struct
{
  AipServer *server;
  AipActivity *activity;
  AipRecords *records;
  AipSnapshot *snapshot;
  int upstream;
  guint16 port;
  guint upstream_port;
} ServerBench;

void server_bench_init (ServerBench *self);
void server_bench_clear (ServerBench *self);
void server_bench_free_server (ServerBench *self);
Peer *server_bench_connect (ServerBench *self);
Peer *server_bench_accept (ServerBench *self);
guint64 server_bench_count (ServerBench *self, AipCounter counter);
void server_bench_wait_until_idle (ServerBench *self);

void peer_say (Peer *self, const char *text);
void peer_post (Peer *self, const char *path, const char *headers, const char *body);
void peer_get (Peer *self, const char *path, const char *headers);
void peer_hear (Peer *self, const char *text);
void peer_hear_answer (Peer *self, const char *status, const char *text);
void peer_hear_end (Peer *self);
void peer_close (Peer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_close)

G_END_DECLS
