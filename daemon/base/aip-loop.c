/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-loop"

#include "base/aip-loop.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_EVENTS 64

struct _AipLoop
{
  GSource source;
  GMainContext *context; /* (not owned): it owns us */
  int epoll_fd;
  GPollFD poll_fd;
  int wakeup_fd; /* the context's own, once it is known and in the set; else -1 */

  struct epoll_event ready[MAX_EVENTS]; /* not yet dispatched; data.ptr NULL: its watch is gone */
  int n_ready;

  AipTimer **heap; /* by heap_due; heap[0] is unused */
  guint heap_size;
  guint heap_room;

  AipIdle *idles;
  AipIdle **idles_end;
};

/* GPollFunc has no user data: the loop of this thread. */
static _Thread_local AipLoop *thread_loop;

/* --- the heap of deadlines --- */

static void
heap_put (AipLoop *self, guint index, AipTimer *timer)
{
  self->heap[index] = timer;
  timer->index = index;
}

static void
heap_sift_up (AipLoop *self, guint index, AipTimer *timer)
{
  while (index > 1 && self->heap[index / 2]->heap_due > timer->heap_due)
    {
      heap_put (self, index, self->heap[index / 2]);
      index /= 2;
    }
  heap_put (self, index, timer);
}

static void
heap_sift_down (AipLoop *self, guint index, AipTimer *timer)
{
  for (;;)
    {
      guint child = index * 2;

      if (child > self->heap_size)
        break;
      if (child < self->heap_size && self->heap[child + 1]->heap_due < self->heap[child]->heap_due)
        child++;
      if (self->heap[child]->heap_due >= timer->heap_due)
        break;
      heap_put (self, index, self->heap[child]);
      index = child;
    }
  heap_put (self, index, timer);
}

static void
heap_insert (AipLoop *self, AipTimer *timer)
{
  if (self->heap_size + 1 >= self->heap_room)
    {
      self->heap_room = MAX (64, self->heap_room * 2);
      self->heap = g_renew (AipTimer *, self->heap, self->heap_room);
    }
  self->heap_size++;
  heap_sift_up (self, self->heap_size, timer);
}

static void
heap_remove (AipLoop *self, AipTimer *timer)
{
  AipTimer *last = self->heap[self->heap_size--];
  guint index = timer->index;

  timer->index = 0;
  if (last == timer)
    return;
  if (index > 1 && self->heap[index / 2]->heap_due > last->heap_due)
    heap_sift_up (self, index, last);
  else
    heap_sift_down (self, index, last);
}

static void
fire_timers (AipLoop *self)
{
  gint64 now = aip_loop_now (self);
  guint most = self->heap_size; /* one that is due again at once has to let the sockets in between */

  while (self->heap_size > 0 && self->heap[1]->heap_due <= now && most-- > 0)
    {
      AipTimer *timer = self->heap[1];

      if (timer->due > timer->heap_due)
        {
          timer->heap_due = timer->due;
          heap_sift_down (self, 1, timer);
          continue;
        }
      heap_remove (self, timer);
      timer->func (timer, timer->user_data);
    }
}

/* --- the set of descriptors --- */

static guint32
events_of (AipIo wanted)
{
  guint32 events = 0;

  if (wanted & AIP_IO_IN)
    events |= EPOLLIN | EPOLLRDHUP;
  if (wanted & AIP_IO_OUT)
    events |= EPOLLOUT;
  if (wanted & AIP_IO_HUP)
    events |= EPOLLRDHUP;
  return events;
}

static void
watch_register (AipWatch *watch, guint32 events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };
  int op = EPOLL_CTL_MOD;

  if (watch->registered == 0)
    op = EPOLL_CTL_ADD;
  else if (events == 0)
    op = EPOLL_CTL_DEL;
  if (epoll_ctl (watch->loop->epoll_fd, op, watch->fd, &event) < 0)
    g_critical ("epoll_ctl on descriptor %d: %s", watch->fd, g_strerror (errno));
  watch->registered = events;
}

static void
dispatch_event (AipWatch *watch, guint32 events)
{
  AipIo ready = AIP_IO_NONE;

  /* Something nobody wants just now: only here does epoll have to be told. */
  if (watch->registered & ~events_of (watch->wanted))
    {
      if (events & (EPOLLHUP | EPOLLERR) || events & watch->registered & ~events_of (watch->wanted))
        watch_register (watch, events_of (watch->wanted));
    }

  if (events & (EPOLLIN | EPOLLRDHUP))
    ready |= AIP_IO_IN;
  if (events & EPOLLOUT)
    ready |= AIP_IO_OUT;
  if (events & (EPOLLHUP | EPOLLERR))
    ready |= AIP_IO_IN | AIP_IO_OUT; /* whoever reads or writes now learns why */
  ready &= watch->wanted;
  if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
    ready |= AIP_IO_HUP;
  if (ready != AIP_IO_NONE && watch->wanted != AIP_IO_NONE)
    watch->func (watch, ready, watch->user_data);
}

static void
collect_events (AipLoop *self, GPollFD *epoll, GPollFD *wakeup, int timeout)
{
  int n = epoll_wait (self->epoll_fd, self->ready, MAX_EVENTS, timeout);
  int kept = 0;

  for (int i = 0; i < n; i++)
    {
      if (self->ready[i].data.ptr != self)
        self->ready[kept++] = self->ready[i];
      else if (wakeup != NULL)
        wakeup->revents = G_IO_IN;
    }
  self->n_ready = kept;
  epoll->revents = kept > 0 ? G_IO_IN : 0;
}

/* The context's wakeup descriptor goes into the epoll set, so that one epoll_wait () waits for all. */
static void
adopt_wakeup (AipLoop *self, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = self };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
    self->wakeup_fd = fd;
}

static int
loop_poll (GPollFD *fds, guint n_fds, int timeout)
{
  AipLoop *self = thread_loop;
  GPollFD *epoll = NULL;
  GPollFD *other = NULL;

  for (guint i = 0; self != NULL && i < n_fds; i++)
    {
      fds[i].revents = 0;
      if (fds[i].fd == self->epoll_fd)
        epoll = &fds[i];
      else
        other = &fds[i];
    }

  if (epoll != NULL && n_fds == 2)
    {
      if (self->wakeup_fd < 0)
        adopt_wakeup (self, other->fd);
      if (self->wakeup_fd == other->fd)
        {
          collect_events (self, epoll, other, timeout);
          return (epoll->revents != 0) + (other->revents != 0);
        }
    }

  /* Other sources poll too, such as the control plane's, or another loop. Each loop asks its own set. */
  return poll ((struct pollfd *) fds, n_fds, timeout);
}

/* --- the source --- */

static gboolean
loop_prepare (GSource *source, int *timeout)
{
  AipLoop *self = (AipLoop *) source;
  gint64 wait;

  thread_loop = self;
  *timeout = -1;
  if (self->idles != NULL)
    return TRUE;
  if (self->heap_size == 0)
    return FALSE;
  wait = self->heap[1]->heap_due - g_source_get_time (source);
  *timeout = wait <= 0 ? 0 : (int) MIN ((wait + 999) / 1000, G_MAXINT);
  return wait <= 0;
}

static gboolean
loop_check (GSource *source)
{
  AipLoop *self = (AipLoop *) source;

  if (self->n_ready == 0 && self->poll_fd.revents != 0)
    collect_events (self, &self->poll_fd, NULL, 0);
  return self->n_ready > 0 || self->idles != NULL ||
         (self->heap_size > 0 && self->heap[1]->heap_due <= g_source_get_time (source));
}

static void
run_idles (AipLoop *self)
{
  while (self->idles != NULL)
    {
      AipIdle *idle = self->idles;

      aip_idle_cancel (idle);
      idle->func (idle, idle->user_data);
    }
}

static gboolean
loop_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  AipLoop *self = (AipLoop *) source;

  for (int i = 0; i < self->n_ready; i++)
    {
      AipWatch *watch = self->ready[i].data.ptr;

      if (watch != NULL)
        dispatch_event (watch, self->ready[i].events);
    }
  self->n_ready = 0;
  fire_timers (self);
  run_idles (self);
  return G_SOURCE_CONTINUE;
}

static void
loop_finalize (GSource *source)
{
  AipLoop *self = (AipLoop *) source;

  g_free (self->heap);
  close (self->epoll_fd);
}

static GSourceFuncs loop_funcs = {
  .prepare = loop_prepare,
  .check = loop_check,
  .dispatch = loop_dispatch,
  .finalize = loop_finalize,
};

/**
 * aip_loop_new:
 * @context: the context of the thread that will run it; its poll function is replaced
 *
 * Returns: (transfer full): a loop attached to @context, with nothing in it
 */
AipLoop *
aip_loop_new (GMainContext *context)
{
  AipLoop *self;

  g_return_val_if_fail (context != NULL, NULL);

  self = (AipLoop *) g_source_new (&loop_funcs, sizeof (AipLoop));
  self->context = context;
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    g_error ("epoll_create1: %s", g_strerror (errno));
  self->wakeup_fd = -1;
  self->idles_end = &self->idles;
  self->poll_fd.fd = self->epoll_fd;
  self->poll_fd.events = G_IO_IN;
  g_source_set_static_name (&self->source, "AipLoop");
  /* Nothing here recurses. But GLib takes the descriptors of a source that may not recurse out of the
   * context during each dispatch, and wakes the context up for it. */
  g_source_set_can_recurse (&self->source, TRUE);
  g_source_add_poll (&self->source, &self->poll_fd);
  g_source_attach (&self->source, context);
  g_main_context_set_poll_func (context, loop_poll);
  return self;
}

/**
 * aip_loop_free:
 * @self: (transfer full): a loop without watches and armed timers
 *
 * Call it on the loop's thread, or when no thread runs its context any more.
 */
void
aip_loop_free (AipLoop *self)
{
  g_return_if_fail (self != NULL);
  g_warn_if_fail (self->heap_size == 0);

  if (thread_loop == self)
    thread_loop = NULL;
  g_main_context_set_poll_func (self->context, NULL);
  g_source_destroy (&self->source);
  g_source_unref (&self->source);
}

/**
 * aip_loop_get_context:
 * @self: a loop
 *
 * Returns: (transfer none): the main context it belongs to
 */
GMainContext *
aip_loop_get_context (AipLoop *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->context;
}

/**
 * aip_loop_now:
 * @self: a loop
 *
 * Returns: when this turn of the loop began, in monotonic microseconds; the current time outside of one
 */
gint64
aip_loop_now (AipLoop *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return g_main_context_is_owner (self->context) ? g_source_get_time (&self->source)
                                                 : g_get_monotonic_time ();
}

/**
 * aip_watch_init:
 * @watch: memory of the caller's, which must stay until aip_watch_clear ()
 * @loop: the loop it belongs to
 * @fd: a non-blocking descriptor, not owned
 * @func: called when what is wanted is there
 * @user_data: for @func
 *
 * Nothing is wanted at first.
 */
void
aip_watch_init (AipWatch *watch, AipLoop *loop, int fd, AipWatchFunc func, void *user_data)
{
  g_return_if_fail (watch != NULL && loop != NULL && fd >= 0 && func != NULL);

  *watch = (AipWatch){ .loop = loop, .fd = fd, .func = func, .user_data = user_data };
}

/**
 * aip_watch_set:
 * @watch: an initialised watch
 * @wanted: what to be told of from now on; with AIP_IO_NONE nothing at all, not even the peer's leaving
 *
 * What is no longer wanted stays registered until it happens: most often it is wanted again before that.
 */
void
aip_watch_set (AipWatch *watch, AipIo wanted)
{
  guint32 events = events_of (wanted);

  g_return_if_fail (watch != NULL && watch->loop != NULL);

  watch->wanted = wanted;
  if (events & ~watch->registered)
    watch_register (watch, events);
}

/**
 * aip_watch_clear:
 * @watch: a watch, initialised or zeroed
 *
 * Takes it out of the set. To be called before its descriptor is closed. Events of this turn that
 * were not dispatched yet are dropped.
 */
void
aip_watch_clear (AipWatch *watch)
{
  g_return_if_fail (watch != NULL);

  if (watch->loop == NULL)
    return;
  if (watch->registered != 0)
    watch_register (watch, 0);
  for (int i = 0; i < watch->loop->n_ready; i++)
    if (watch->loop->ready[i].data.ptr == watch)
      watch->loop->ready[i].data.ptr = NULL;
  *watch = (AipWatch){ .fd = -1 };
}

/**
 * aip_timer_init:
 * @timer: memory of the caller's; disarm it before it goes
 * @loop: the loop it belongs to
 * @func: called once when it is due
 * @user_data: for @func
 */
void
aip_timer_init (AipTimer *timer, AipLoop *loop, AipTimerFunc func, void *user_data)
{
  g_return_if_fail (timer != NULL && loop != NULL && func != NULL);

  *timer = (AipTimer){ .loop = loop, .func = func, .user_data = user_data };
}

/**
 * aip_timer_arm:
 * @timer: an initialised timer
 * @delay_us: microseconds from the beginning of this turn of the loop
 *
 * Replaces the deadline it had.
 */
void
aip_timer_arm (AipTimer *timer, gint64 delay_us)
{
  g_return_if_fail (timer != NULL && timer->loop != NULL && delay_us >= 0);

  timer->due = aip_loop_now (timer->loop) + delay_us;
  if (timer->index == 0)
    {
      timer->heap_due = timer->due;
      heap_insert (timer->loop, timer);
    }
  else if (timer->due < timer->heap_due)
    {
      timer->heap_due = timer->due;
      heap_sift_up (timer->loop, timer->index, timer);
    }
}

/**
 * aip_timer_disarm:
 * @timer: a timer, initialised or zeroed
 */
void
aip_timer_disarm (AipTimer *timer)
{
  g_return_if_fail (timer != NULL);

  if (timer->index != 0)
    heap_remove (timer->loop, timer);
}

/**
 * aip_timer_is_armed:
 * @timer: a timer, initialised or zeroed
 *
 * Returns: whether it is going to fire
 */
gboolean
aip_timer_is_armed (const AipTimer *timer)
{
  return timer->index != 0;
}

/**
 * aip_idle_init:
 * @idle: memory of the caller's; cancel it before it goes
 * @loop: the loop it belongs to
 * @func: called once for each time it is queued
 * @user_data: for @func
 */
void
aip_idle_init (AipIdle *idle, AipLoop *loop, AipIdleFunc func, void *user_data)
{
  g_return_if_fail (idle != NULL && loop != NULL && func != NULL);

  *idle = (AipIdle){ .loop = loop, .func = func, .user_data = user_data };
}

/**
 * aip_idle_queue:
 * @idle: an initialised idle
 *
 * Runs it at the end of this turn of the loop. Does nothing when it is queued already.
 */
void
aip_idle_queue (AipIdle *idle)
{
  AipLoop *loop = idle->loop;

  g_return_if_fail (loop != NULL);

  if (idle->link != NULL)
    return;
  idle->next = NULL;
  idle->link = loop->idles_end;
  *loop->idles_end = idle;
  loop->idles_end = &idle->next;
}

/**
 * aip_idle_cancel:
 * @idle: an idle, initialised or zeroed
 */
void
aip_idle_cancel (AipIdle *idle)
{
  if (idle->link == NULL)
    return;
  *idle->link = idle->next;
  if (idle->next != NULL)
    idle->next->link = idle->link;
  else
    idle->loop->idles_end = idle->link;
  idle->next = NULL;
  idle->link = NULL;
}
