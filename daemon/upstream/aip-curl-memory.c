/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-curl-memory"

#include "upstream/aip-curl-memory.h"

#include <glib.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/aip-secret.h"

/* libcurl puts heads together in memory that grows. It gets at least this much (the largest that glibc's
 * per-thread cache keeps), so that nothing smaller can have been part of a head, and most heads never move.
 */
#define GROWING_SIZE 1032u

/* The buffer for answers (CURLOPT_BUFFERSIZE's default and a NUL) comes and goes with each request. To wipe
 * it would drive half of the processor's first cache out. */
static gboolean
is_answer_buffer (size_t size)
{
  return size >= CURL_MAX_WRITE_SIZE - 16 && size < CURL_MAX_WRITE_SIZE + 32;
}

static void
wiping_free (void *memory)
{
  size_t size = malloc_usable_size (memory);

  if (size >= GROWING_SIZE && !is_answer_buffer (size))
    aip_secret_wipe (memory, size);
  free (memory);
}

/* realloc () would leave a copy where the memory was. */
static void *
wiping_realloc (void *memory, size_t size)
{
  size_t old_size = malloc_usable_size (memory);
  void *moved;

  if (memory != NULL && size <= old_size)
    return memory;
  moved = malloc (is_answer_buffer (size) ? 2 * size : MAX (size, GROWING_SIZE));
  if (moved == NULL)
    return NULL;
  if (memory != NULL)
    memcpy (moved, memory, old_size);
  wiping_free (memory);
  return moved;
}

/* glibc's calloc () leaves its per-thread cache alone: what it gives comes from the slow lists, and fills the
 * cache when it is freed, so that other memory goes the slow way back too. */
static void *
caching_calloc (size_t n, size_t size)
{
  size_t whole;
  void *memory;

  if (!g_size_checked_mul (&whole, n, size))
    return NULL;
  memory = malloc (whole);
  if (memory != NULL)
    explicit_bzero (memory, whole); /* compilers make calloc () of malloc () and memset () */
  return memory;
}

/**
 * aip_curl_memory_init:
 *
 * Initialises libcurl so that no memory it has freed holds a key: a request's head goes through buffers of
 * its own. Once per process, before any thread starts.
 *
 * Returns: what curl_global_init_mem () says
 */
CURLcode
aip_curl_memory_init (void)
{
  return curl_global_init_mem (CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc, strdup,
                               caching_calloc);
}
