/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-memory"

#include "base/aip-memory.h"

#include <link.h>
#include <malloc.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* A debugger's breakpoints lie in pages of code, and would be gone with them. */
static gboolean
is_traced (void)
{
  static const char field[] = "\nTracerPid:\t";
  g_autofree char *status = NULL;
  const char *value = NULL;

  if (g_file_get_contents ("/proc/self/status", &status, NULL, NULL))
    value = strstr (status, field);
  return value == NULL || value[sizeof field - 1] != '0';
}

/* Code with relocations in it is not what the file holds. Linkers have long refused to make such. */
static gboolean
has_text_relocations (const ElfW (Phdr) * segment, ElfW (Addr) base)
{
  const ElfW (Dyn) *entry = (const ElfW (Dyn) *) (base + segment->p_vaddr);

  for (; entry->d_tag != DT_NULL; entry++)
    if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0))
      return TRUE;
  return FALSE;
}

static gboolean
is_as_in_the_file (const struct dl_phdr_info *object)
{
  for (int i = 0; i < object->dlpi_phnum; i++)
    if (object->dlpi_phdr[i].p_type == PT_DYNAMIC &&
        has_text_relocations (&object->dlpi_phdr[i], object->dlpi_addr))
      return FALSE;
  return TRUE;
}

/* The loader has written what PT_GNU_RELRO covers, and then taken the right to write away. */
static gboolean
overlaps_relro (const struct dl_phdr_info *object, const ElfW (Phdr) * segment)
{
  for (int i = 0; i < object->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *other = &object->dlpi_phdr[i];

      if (other->p_type == PT_GNU_RELRO && other->p_vaddr < segment->p_vaddr + segment->p_memsz &&
          segment->p_vaddr < other->p_vaddr + other->p_memsz)
        return TRUE;
    }
  return FALSE;
}

static void
drop_segment (const struct dl_phdr_info *object, const ElfW (Phdr) * segment)
{
  guintptr page = (guintptr) sysconf (_SC_PAGESIZE);
  guintptr start = object->dlpi_addr + segment->p_vaddr;
  guintptr end = start + segment->p_filesz;

  start = (start + page - 1) & ~(page - 1);
  end &= ~(page - 1);
  /* It fails for what is locked into memory, which is meant to stay. */
  if (start < end)
    madvise ((void *) start, end - start, MADV_DONTNEED);
}

/* Called with the loader's lock held, so that no object comes or goes meanwhile. */
static int
drop_object (struct dl_phdr_info *object, size_t size, void *user_data)
{
  /* The kernel's own object is no file. */
  if (object->dlpi_addr == getauxval (AT_SYSINFO_EHDR) || !is_as_in_the_file (object))
    return 0;
  for (int i = 0; i < object->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *segment = &object->dlpi_phdr[i];

      if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) == 0 && !overlaps_relro (object, segment))
        drop_segment (object, segment);
    }
  return 0;
}

/**
 * aip_memory_trim:
 *
 * Gives back to the system what this process holds and does not use: pages of the heap that are free, and the
 * mapped pages of the program's and its libraries' code and constants, of which the start has touched far
 * more than is needed afterwards (relocations, symbol tables, and the kernel maps 15 neighbours with each
 * page).
 *
 * The latter stay in the page cache as long as the system has room, and each comes back with a minor fault
 * (well below a microsecond, neighbours included) when it is used again: some hundred for the first requests
 * after this. So the memory of the machine that is in use shrinks by the free heap alone, at first; but
 * the kernel may drop the rest without asking when memory is scarce, and nobody counts it as this process's.
 * What was written (relocated data, heap, stacks) is not touched.
 *
 * Takes some milliseconds; to be called when nothing is under way. From any thread. While a debugger is
 * attached the code stays.
 */
void
aip_memory_trim (void)
{
  malloc_trim (0);
  if (!is_traced ())
    dl_iterate_phdr (drop_object, NULL);
}
