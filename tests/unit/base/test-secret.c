/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/aip-secret-arena.h"

#define N_THREADS 4
#define N_TURNS 2000

static void
test_peek (void)
{
  g_autoptr (AipSecret) whole = aip_secret_new ("correct horse", -1);
  g_autoptr (AipSecret) part = aip_secret_new ("correct horse", 7);
  g_autoptr (AipSecret) empty = aip_secret_new ("", 0);
  gsize length = 99;

  g_assert_cmpstr (aip_secret_peek (whole, &length), ==, "correct horse");
  g_assert_cmpuint (length, ==, 13);
  g_assert_cmpstr (aip_secret_peek (part, &length), ==, "correct");
  g_assert_cmpuint (length, ==, 7);
  g_assert_cmpstr (aip_secret_peek (empty, &length), ==, "");
  g_assert_cmpuint (length, ==, 0);
}

static void
test_fingerprint (void)
{
  /* The digests are those of FIPS 180-2's examples. */
  g_autoptr (AipSecret) abc = aip_secret_new ("abc", -1);
  g_autoptr (AipSecret) long_one =
      aip_secret_new ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", -1);
  g_autofree char *abc_print = aip_secret_dup_fingerprint (abc);
  g_autofree char *long_print = aip_secret_dup_fingerprint (long_one);

  g_assert_cmpstr (abc_print, ==, "ba7816bf");
  g_assert_cmpstr (long_print, ==, "248d6a61");
}

static void
test_wipe (void)
{
  char memory[32];

  memset (memory, 'x', sizeof memory);
  aip_secret_wipe (memory, 31);
  for (guint i = 0; i < 31; i++)
    g_assert_cmpint (memory[i], ==, 0);

  g_assert_cmpint (memory[31], ==, 'x');
  aip_secret_wipe (NULL, 0);
}

/* Reads through the kernel: the memory may be freed, and then C forbids to look at it. */
static gboolean
read_memory (guintptr address, char *out, gsize length)
{
  int fd = open ("/proc/self/mem", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  gssize n = pread (fd, out, length, (off_t) address);
  close (fd);
  return n == (gssize) length;
}

static void
test_zeroed (void)
{
  static const gsize lengths[] = { 1, 40, 64, 164, 1000, 4000 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *text = g_strnfill (lengths[i], 'k');
      g_autofree char *seen = g_malloc (lengths[i]);
      AipSecret *secret = aip_secret_new (text, -1);
      guintptr address = (guintptr) aip_secret_peek (secret, NULL);

      aip_secret_ref (secret);
      aip_secret_unref (secret);
      g_assert_true (read_memory (address, seen, lengths[i]));
      g_assert_cmpmem (seen, lengths[i], text, lengths[i]);

      aip_secret_unref (secret);
      g_assert_true (read_memory (address, seen, lengths[i]));
      for (gsize j = 0; j < lengths[i]; j++)
        g_assert_cmpint (seen[j], ==, 0);
    }
}

static void
test_large (void)
{
  gsize length = 300 * 1000;
  g_autofree char *text = g_strnfill (length, 'k');
  AipSecret *secret = aip_secret_new (text, -1);
  guintptr address = (guintptr) aip_secret_peek (secret, NULL);
  char seen = 'k';

  g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, text);
  aip_secret_unref (secret);

  /* Its mapping is gone, unless another one has already taken the place. */
  g_assert_true (!read_memory (address, &seen, 1) || seen != 'k');
}

/* The VmFlags that the kernel shows for the mapping around an address, see proc(5). */
static char *
dup_vm_flags (guintptr address)
{
  g_autofree char *smaps = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/smaps", &smaps, NULL, NULL));
  g_auto (GStrv) lines = g_strsplit (smaps, "\n", -1);
  gboolean inside = FALSE;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      unsigned long from = 0;
      unsigned long to = 0;

      if (sscanf (lines[i], "%lx-%lx ", &from, &to) == 2)
        inside = from <= address && address < to;
      else if (inside && g_str_has_prefix (lines[i], "VmFlags:"))
        return g_strconcat (lines[i] + strlen ("VmFlags:"), " ", NULL);
    }

  return NULL;
}

static gsize
read_locked_kib (void)
{
  g_autofree char *status = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  const char *line = strstr (status, "VmLck:");

  return line != NULL ? g_ascii_strtoull (line + strlen ("VmLck:"), NULL, 10) : 0;
}

/* AddressSanitizer's mlock () says that it worked and does nothing; the kernel knows better. */
static gboolean
can_lock (void)
{
  static char page[8192];
  gsize before = read_locked_kib ();

  mlock (page, sizeof page);
  gboolean locked = read_locked_kib () > before;
  munlock (page, sizeof page);
  return locked;
}

static void
check_mapping (gsize length)
{
  g_autofree char *text = g_strnfill (length, 'k');
  g_autoptr (AipSecret) secret = aip_secret_new (text, -1);
  g_autofree char *flags = dup_vm_flags ((guintptr) aip_secret_peek (secret, NULL));

  if (flags == NULL)
    {
      g_test_skip ("the kernel shows no VmFlags");
      return;
    }

  g_assert_nonnull (strstr (flags, " dd "));
  if (can_lock ())
    g_assert_nonnull (strstr (flags, " lo "));
}

static void
test_mapping (void)
{
  check_mapping (50);
  check_mapping (64 * 1000);
}

static void
test_many (void)
{
  g_autoptr (GPtrArray) secrets = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_secret_unref);
  gsize before = read_locked_kib ();

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *text = g_strdup_printf ("%04u-%0100u", i, i);

      g_ptr_array_add (secrets, aip_secret_new (text, -1));
    }

  /* A page for each would be 4000 KiB. */
  g_assert_cmpuint (read_locked_kib () - before, <, 300);

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *text = g_strdup_printf ("%04u-%0100u", i, i);

      g_assert_cmpstr (aip_secret_peek (secrets->pdata[i], NULL), ==, text);
    }
}

static void
test_arena_reuse (void)
{
  void *first = aip_secret_arena_alloc (2000);
  guintptr address = (guintptr) first;

  memset (first, 'x', 2000);
  aip_secret_arena_free (first, 2000);

  g_autofree char *zeros = g_malloc0 (2000);
  void *second = aip_secret_arena_alloc (2000);

  g_assert_true ((guintptr) second == address);
  g_assert_cmpmem (second, 2000, zeros, 2000);
  aip_secret_arena_free (second, 2000);
}

static void *
use_secrets_cb (void *data)
{
  AipSecret *shared = data;

  for (guint i = 0; i < N_TURNS; i++)
    {
      g_autofree char *text = g_strdup_printf ("%p %u", (void *) g_thread_self (), i);
      g_autoptr (AipSecret) own = aip_secret_new (text, -1);
      g_autoptr (AipSecret) other = aip_secret_ref (shared);

      g_assert_cmpstr (aip_secret_peek (own, NULL), ==, text);
      g_assert_cmpstr (aip_secret_peek (other, NULL), ==, "shared");
    }

  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (AipSecret) shared = aip_secret_new ("shared", -1);
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("secrets", use_secrets_cb, shared);

  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);

  g_assert_cmpstr (aip_secret_peek (shared, NULL), ==, "shared");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/secret/peek", test_peek);
  g_test_add_func ("/base/secret/fingerprint", test_fingerprint);
  g_test_add_func ("/base/secret/wipe", test_wipe);
  g_test_add_func ("/base/secret/zeroed", test_zeroed);
  g_test_add_func ("/base/secret/large", test_large);
  g_test_add_func ("/base/secret/mapping", test_mapping);
  g_test_add_func ("/base/secret/many", test_many);
  g_test_add_func ("/base/secret/arena-reuse", test_arena_reuse);
  g_test_add_func ("/base/secret/threads", test_threads);

  return g_test_run ();
}
