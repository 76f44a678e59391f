/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-connection.h"

G_BEGIN_DECLS

/* What the one who answers does when it has seen the whole request. */
typedef enum
{
  ANSWER_WITH_PATH,  /* its path as the body, the length announced */
  ANSWER_OWN_LENGTH, /* the same, of a length that may be wrong */
  ANSWER_CHUNKED,    /* the same, in two pieces of unknown length */
  ANSWER_STATUS,     /* the path is a status; its length is 3, and "abc" is sent */
  ANSWER_AT_ONCE,    /* with 413, before the body has come */
  ANSWER_BROKEN,     /* like ANSWER_CHUNKED, but its source broke off */
  ANSWER_STOLEN,     /* not at all: the socket is taken away */
  ANSWER_LATER,      /* not at all; the test does */
} Answer;

/* The last one that came. */
typedef struct
{
  struct _Bench *bench;
  char *path;
} Request;

/* A connection, the client's end of its socket, and what was told of it. */
typedef struct _Bench
{
  GMainContext *context;
  AipConnectionOwner owner;
  AipConnection *connection;
  int client;
  Answer answer;
  gint64 length;   /* of ANSWER_OWN_LENGTH */
  gboolean pauses; /* after each piece of a body */

  GString *log;  /* what happened, a letter each */
  GString *body; /* of requests */
  GString *got;  /* by the client */
  gboolean closed;
  GIOStream *stolen; /* (nullable) */
  Request *request;  /* (nullable) */
} Bench;

void bench_init (Bench *self);
void settle (Bench *self);
void leave (Bench *self);
void bench_clear (Bench *self);
void say_bytes (Bench *self, const char *data, gsize length);
void say (Bench *self, const char *text);
void say_each_byte (Bench *self, const char *text);
void check_got (Bench *self, const char *expected);
void check_log (Bench *self, const char *expected);
void check_ended (Bench *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

G_END_DECLS
