/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipLoop:
 *
 * All sockets and deadlines of one worker thread: one epoll set that is one GSource of the thread's
 * GMainContext. The context's poll function waits on the epoll set itself, so that a turn of the
 * main loop costs one system call however many sockets are open.
 */
typedef struct _AipLoop AipLoop;

typedef enum
{
  AIP_IO_NONE = 0,
  AIP_IO_IN = 1 << 0,
  AIP_IO_OUT = 1 << 1,
  AIP_IO_HUP = 1 << 2, /* only reported: the peer closed or reset, or the socket failed */
} AipIo;

typedef struct _AipWatch AipWatch;
typedef void (*AipWatchFunc) (AipWatch *watch, AipIo ready, void *user_data);

/**
 * AipWatch: one descriptor in the set; embed it in the object that owns the descriptor.
 * All fields are private to AipLoop.
 */
struct _AipWatch
{
  AipLoop *loop;
  int fd;
  AipIo wanted;
  guint32 registered; /* what epoll knows; changed lazily to spare system calls */
  AipWatchFunc func;
  void *user_data;
};

typedef struct _AipTimer AipTimer;
typedef void (*AipTimerFunc) (AipTimer *timer, void *user_data);

/**
 * AipTimer: one deadline; embed it. Moving an armed deadline to a later time, which is what traffic
 * does, costs two stores; the heap is touched only when it would have fired.
 * All fields are private to AipLoop.
 */
struct _AipTimer
{
  AipLoop *loop;
  gint64 due;      /* when it shall fire (monotonic µs) */
  gint64 heap_due; /* where it stands in the heap; never later than due */
  guint index;     /* in the heap, from 1; 0: not armed */
  AipTimerFunc func;
  void *user_data;
};

AipLoop *aip_loop_new (GMainContext *context);
void aip_loop_free (AipLoop *self);
GMainContext *aip_loop_get_context (AipLoop *self);
gint64 aip_loop_now (AipLoop *self);

void aip_watch_init (AipWatch *watch, AipLoop *loop, int fd, AipWatchFunc func, void *user_data);
void aip_watch_set (AipWatch *watch, AipIo wanted);
void aip_watch_clear (AipWatch *watch);

void aip_timer_init (AipTimer *timer, AipLoop *loop, AipTimerFunc func, void *user_data);
void aip_timer_arm (AipTimer *timer, gint64 delay_us);
void aip_timer_disarm (AipTimer *timer);
gboolean aip_timer_is_armed (const AipTimer *timer);

typedef struct _AipIdle AipIdle;
typedef void (*AipIdleFunc) (AipIdle *idle, void *user_data);

/**
 * AipIdle: work to do once at the end of this turn of the loop, before it sleeps: how several writes
 * of one turn become one system call. Embed it. All fields are private to AipLoop.
 */
struct _AipIdle
{
  AipLoop *loop;
  AipIdle *next;
  AipIdle **link; /* what points at it; NULL: not queued */
  AipIdleFunc func;
  void *user_data;
};

void aip_idle_init (AipIdle *idle, AipLoop *loop, AipIdleFunc func, void *user_data);
void aip_idle_queue (AipIdle *idle);
void aip_idle_cancel (AipIdle *idle);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipLoop, aip_loop_free)

G_END_DECLS
