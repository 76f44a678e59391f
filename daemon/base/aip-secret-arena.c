/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-secret"

#include "base/aip-secret-arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIN_SLOT 64u
#define N_CLASSES 7u /* slots of 64, 128, ... 4096 bytes; what is larger has a mapping of its own */
#define MAX_SLOT (MIN_SLOT << (N_CLASSES - 1))
#define CHUNK_SIZE (16u * 1024)

/* A free slot: all its bytes but these are zero. */
typedef struct _FreeSlot FreeSlot;
struct _FreeSlot
{
  FreeSlot *next;
};

static GMutex arena_lock;
static FreeSlot *free_slots[N_CLASSES];

static guint
class_of (gsize size)
{
  guint slot_class = 0;

  while ((MIN_SLOT << slot_class) < size)
    slot_class++;

  return slot_class;
}

static gsize
round_to_pages (gsize size)
{
  gsize page = (gsize) sysconf (_SC_PAGESIZE);

  g_assert (size <= G_MAXSIZE - page);
  return (size + page - 1) / page * page;
}

static void *
map_locked (gsize size)
{
  static int told = FALSE;
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    g_error ("cannot get %" G_GSIZE_FORMAT " bytes for secrets: %s", size, g_strerror (errno));

  /* Both are best effort: a small RLIMIT_MEMLOCK must not keep the daemon from starting. */
  gboolean locked = mlock (memory, size) == 0;
  int reason = errno;
  (void) madvise (memory, size, MADV_DONTDUMP);

  if (!locked && g_atomic_int_compare_and_exchange (&told, FALSE, TRUE))
    g_debug ("secrets may be swapped out: mlock: %s", g_strerror (reason));

  return memory;
}

static void
add_chunk (guint slot_class)
{
  gsize slot_size = MIN_SLOT << slot_class;
  char *chunk = map_locked (CHUNK_SIZE);

  for (gsize offset = CHUNK_SIZE; offset >= slot_size; offset -= slot_size)
    {
      FreeSlot *slot = (FreeSlot *) (chunk + offset - slot_size);

      slot->next = free_slots[slot_class];
      free_slots[slot_class] = slot;
    }
}

/**
 * aip_secret_arena_alloc:
 * @size: bytes wanted, at least 1
 *
 * Memory for a secret: locked in RAM where the system allows it, and left out of core dumps.
 * Slots of freed secrets are used again; chunks stay mapped until the process ends. Any thread may
 * call it.
 *
 * Returns: (transfer full): zeroed memory; give it back with aip_secret_arena_free ()
 */
void *
aip_secret_arena_alloc (gsize size)
{
  g_return_val_if_fail (size > 0, NULL);

  if (size > MAX_SLOT)
    return map_locked (round_to_pages (size));

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&arena_lock);
  guint slot_class = class_of (size);

  if (free_slots[slot_class] == NULL)
    add_chunk (slot_class);

  FreeSlot *slot = free_slots[slot_class];
  free_slots[slot_class] = slot->next;
  slot->next = NULL;
  return slot;
}

/**
 * aip_secret_arena_free:
 * @memory: (transfer full): from aip_secret_arena_alloc ()
 * @size: the size given there, in bytes
 *
 * Zeroes the memory and gives it back. Any thread may call it.
 */
void
aip_secret_arena_free (void *memory, gsize size)
{
  g_return_if_fail (memory != NULL);

  explicit_bzero (memory, size);

  if (size > MAX_SLOT)
    {
      munmap (memory, round_to_pages (size));
      return;
    }

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&arena_lock);
  guint slot_class = class_of (size);
  FreeSlot *slot = memory;

  slot->next = free_slots[slot_class];
  free_slots[slot_class] = slot;
}
