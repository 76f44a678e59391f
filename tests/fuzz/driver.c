/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

/* Stands in for libFuzzer where the compiler has none: runs the seeds as they are, then mutations of them.
 *
 * Usage: fuzz-NAME [-runs=N] [-seed=N] [FILE|FOLDER]...
 */

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define MAX_SIZE 4096u
#define MAX_CHANGES 6
#define MAX_RUN 64

static GPtrArray *seeds; /* of GBytes */

static void
add_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  char *data = NULL;
  gsize size = 0;

  if (!g_file_get_contents (path, &data, &size, &error))
    g_error ("%s", error->message);

  g_ptr_array_add (seeds, g_bytes_new_take (data, size));
}

static void
add_path (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  if (folder == NULL)
    {
      add_file (path);
      return;
    }

  while ((name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      add_file (file);
    }
}

static gsize
random_below (GRand *rand, gsize limit)
{
  return limit == 0 ? 0 : g_rand_int (rand) % limit;
}

static void
insert_part_of_seed (GRand *rand, GByteArray *input, gsize at)
{
  gsize size = 0;
  const guint8 *seed = g_bytes_get_data (seeds->pdata[random_below (rand, seeds->len)], &size);
  gsize start = random_below (rand, size);
  gsize length = random_below (rand, MIN (size - start, MAX_RUN) + 1);
  gsize tail = input->len - at;

  if (length == 0)
    return;

  g_byte_array_set_size (input, (guint) (input->len + length));
  memmove (input->data + at + length, input->data + at, tail);
  memcpy (input->data + at, seed + start, length);
}

static void
change (GRand *rand, GByteArray *input)
{
  gsize at = random_below (rand, input->len + 1);
  gsize left = input->len - at;

  switch (random_below (rand, 5))
    {
    case 0:
      if (left > 0)
        input->data[at] = (guint8) g_rand_int (rand);
      break;

    case 1:
      if (left > 0)
        input->data[at] ^= (guint8) (1u << random_below (rand, 8));
      break;

    case 2:
      if (left > 0)
        g_byte_array_remove_range (input, (guint) at, (guint) (1 + random_below (rand, MIN (left, MAX_RUN))));
      break;

    case 3:
      g_byte_array_set_size (input, (guint) at);
      break;

    default:
      insert_part_of_seed (rand, input, at);
      break;
    }
}

/* An exact copy on the heap, so that a sanitizer sees each byte read too far. */
static void
run_one (const guint8 *data, gsize size)
{
  gsize used = MIN (size, MAX_SIZE);
  g_autofree guint8 *copy = g_memdup2 (data, used);

  LLVMFuzzerTestOneInput (copy, used);
}

static void
run_mutation (GRand *rand)
{
  GBytes *seed = seeds->pdata[random_below (rand, seeds->len)];
  g_autoptr (GByteArray) input = g_byte_array_new ();

  g_byte_array_append (input, g_bytes_get_data (seed, NULL), (guint) g_bytes_get_size (seed));
  for (gsize n = 1 + random_below (rand, MAX_CHANGES); n > 0; n--)
    change (rand, input);

  run_one (input->data, input->len);
}

int
main (int argc, char *argv[])
{
  guint64 n_runs = 10000;
  guint32 seed_number = 1;

  seeds = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_ptr_array_add (seeds, g_bytes_new_static ("", 0));

  for (int i = 1; i < argc; i++)
    if (g_str_has_prefix (argv[i], "-runs="))
      n_runs = g_ascii_strtoull (argv[i] + strlen ("-runs="), NULL, 10);
    else if (g_str_has_prefix (argv[i], "-seed="))
      seed_number = (guint32) g_ascii_strtoull (argv[i] + strlen ("-seed="), NULL, 10);
    else if (argv[i][0] != '-') /* libFuzzer's other options mean nothing here */
      add_path (argv[i]);

  g_autoptr (GRand) rand = g_rand_new_with_seed (seed_number);

  for (guint i = 0; i < seeds->len; i++)
    run_one (g_bytes_get_data (seeds->pdata[i], NULL), g_bytes_get_size (seeds->pdata[i]));

  for (guint64 i = 0; i < n_runs; i++)
    run_mutation (rand);

  g_print ("%u seeds, %" G_GUINT64_FORMAT " mutations\n", seeds->len, n_runs);
  g_ptr_array_unref (seeds);
  return EXIT_SUCCESS;
}
