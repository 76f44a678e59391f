/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-server"

#include "server/aip-cancel.h"

struct _AipCancel
{
  char *request_id;
  int left;  /* atomic: workers that have not answered */
  int found; /* atomic */
  AipCancelFunc done;
  void *user_data;
};

/**
 * aip_cancel_new:
 * @request_id: which request
 * @n_workers: how many are going to answer
 * @done: called on the main thread, once, when all have
 * @user_data: for @done
 *
 * Returns: (transfer full): a search
 */
AipCancel *
aip_cancel_new (const char *request_id, guint n_workers, AipCancelFunc done, void *user_data)
{
  g_return_val_if_fail (request_id != NULL && n_workers > 0 && done != NULL, NULL);

  AipCancel *self = g_new0 (AipCancel, 1);

  self->request_id = g_strdup (request_id);
  self->left = (int) n_workers;
  self->done = done;
  self->user_data = user_data;
  return self;
}

/**
 * aip_cancel_free:
 * @self: (transfer full): a search that is over
 */
void
aip_cancel_free (AipCancel *self)
{
  g_return_if_fail (self != NULL);

  g_free (self->request_id);
  g_free (self);
}

/**
 * aip_cancel_matches:
 * @self: a search
 * @request_id: a request's id
 *
 * Returns: whether it is the one
 */
gboolean
aip_cancel_matches (const AipCancel *self, const char *request_id)
{
  g_return_val_if_fail (self != NULL && request_id != NULL, FALSE);

  return g_str_equal (self->request_id, request_id);
}

/**
 * aip_cancel_found:
 * @self: a search that the calling worker has not answered yet
 *
 * The request was there. From any thread.
 */
void
aip_cancel_found (AipCancel *self)
{
  g_return_if_fail (self != NULL);

  g_atomic_int_set (&self->found, TRUE);
}

static gboolean
done_cb (gpointer data)
{
  AipCancel *self = data;

  g_assert (g_atomic_int_get (&self->left) == 0);

  self->done (self, g_atomic_int_get (&self->found), self->user_data);
  return G_SOURCE_REMOVE;
}

/**
 * aip_cancel_finish:
 * @self: a search that all workers have answered
 *
 * Tells the result at once, if it was not told yet, instead of from the main loop.
 */
void
aip_cancel_finish (AipCancel *self)
{
  g_return_if_fail (self != NULL);

  if (g_idle_remove_by_data (self))
    done_cb (self);
}

/**
 * aip_cancel_answer:
 * @self: a search
 *
 * The calling worker has looked. From any thread; each worker once. It may be gone when this returns.
 */
void
aip_cancel_answer (AipCancel *self)
{
  g_return_if_fail (self != NULL);

  if (g_atomic_int_dec_and_test (&self->left))
    g_idle_add_full (G_PRIORITY_DEFAULT, done_cb, self, NULL);
}
