/* SPDX-License-Identifier: MIT */
/*
 * Preloaded under ThreadSanitizer. GLib is not built with it, so the order that its locks, reference counts
 * and main contexts give is invisible to it, and each thing that they guard would look like a race. These
 * stand before the functions that the daemon uses for that, and tell of the order.
 *
 * Signals take another way here: one that arrives while its thread is in no call that waits, libtsan puts
 * aside, and of some hundred it forgets one (the daemon then does not hear that it shall end).
 */
#define _GNU_SOURCE
#define G_LOG_DOMAIN "aip-tsan"

#include <dlfcn.h>
#include <errno.h>
#include <glib-unix.h>
#include <glib.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Of libtsan; its interface header comes with clang alone. */
void __tsan_acquire (void *address);
void __tsan_release (void *address);

#define NEXT(name) ((__typeof__ (&(name))) dlsym (RTLD_NEXT, #name))

void
g_mutex_lock (GMutex *mutex)
{
  NEXT (g_mutex_lock) (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked = NEXT (g_mutex_trylock) (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_release (mutex);
  NEXT (g_mutex_unlock) (mutex);
}

/* It lets go of the mutex, and takes it again, without the functions above. */
void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  NEXT (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  __tsan_release (mutex);
  signalled = NEXT (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  __tsan_release (count);

  gboolean last = NEXT (g_atomic_ref_count_dec) (count);

  if (last)
    __tsan_acquire (count);
  return last;
}

static _Thread_local GDestroyNotify box_clear;

static void
box_clear_cb (gpointer box)
{
  __tsan_acquire (box);
  if (box_clear != NULL)
    box_clear (box);
}

void
g_atomic_rc_box_release_full (gpointer box, GDestroyNotify clear)
{
  GDestroyNotify outer = box_clear;

  box_clear = clear;
  __tsan_release (box);
  NEXT (g_atomic_rc_box_release_full) (box, box_clear_cb);
  box_clear = outer;
}

void
g_atomic_rc_box_release (gpointer box)
{
  g_atomic_rc_box_release_full (box, NULL);
}

typedef struct
{
  GSourceFunc func;
  gpointer data;
  GDestroyNotify notify;
} Call;

static gboolean
call_cb (gpointer user_data)
{
  Call *call = user_data;

  __tsan_acquire (call);
  return call->func (call->data);
}

static void
call_free (gpointer user_data)
{
  Call *call = user_data;

  __tsan_acquire (call);
  if (call->notify != NULL)
    call->notify (call->data);
  g_free (call);
}

void
g_main_context_invoke_full (GMainContext *context,
                            int priority,
                            GSourceFunc func,
                            gpointer data,
                            GDestroyNotify notify)
{
  Call *call = g_new (Call, 1);

  *call = (Call){ .func = func, .data = data, .notify = notify };
  __tsan_release (call);
  NEXT (g_main_context_invoke_full) (context, priority, call_cb, call, call_free);
}

void
g_main_context_invoke (GMainContext *context, GSourceFunc func, gpointer data)
{
  g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, func, data, NULL);
}

/* Of sources that one thread attaches to another's main context; those of sockets have other callbacks. */
void
g_source_set_callback (GSource *source, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  Call *call;

  if (source->source_funcs != &g_idle_funcs && source->source_funcs != &g_timeout_funcs)
    {
      NEXT (g_source_set_callback) (source, func, data, notify);
      return;
    }
  call = g_new (Call, 1);
  *call = (Call){ .func = func, .data = data, .notify = notify };
  __tsan_release (call);
  NEXT (g_source_set_callback) (source, call_cb, call, call_free);
}

typedef struct
{
  GSourceFunc func;
  gpointer data;
  int fd;
} Signal;

static gboolean
signal_cb (int fd, G_GNUC_UNUSED GIOCondition condition, gpointer user_data)
{
  Signal *self = user_data;
  struct signalfd_siginfo info;

  if (read (fd, &info, sizeof info) != sizeof info)
    return G_SOURCE_CONTINUE;
  return self->func (self->data);
}

static void
signal_free (gpointer user_data)
{
  Signal *self = user_data;

  close (self->fd);
  g_free (self);
}

guint (g_unix_signal_add) (int signum, GSourceFunc func, gpointer data)
{
  Signal *self = g_new (Signal, 1);
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, signum);
  *self = (Signal){ .func = func, .data = data, .fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) };
  return g_unix_fd_add_full (G_PRIORITY_DEFAULT, self->fd, G_IO_IN, signal_cb, self, signal_free);
}

/* Before there is any thread: all of them have to leave the signals to the descriptors. */
__attribute__ ((constructor)) static void
block_signals (void)
{
  sigset_t set;

  if (!g_str_equal (program_invocation_short_name, "aiproxyd"))
    return;
  sigemptyset (&set);
  sigaddset (&set, SIGHUP);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
}
