/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-secret"

#include "ctl/aip-ctl-secret.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "client/aip-remote-secret.h"

#define MIN_RANDOM 32

/* Keys that their first bytes give away, and how many characters must follow: fewer are a word. */
typedef struct
{
  const char *prefix;
  gsize min_rest;
} KeyPrefix;

static const KeyPrefix key_prefixes[] = {
  { "sk-", 12 },  { "sk_", 12 },  { "AIza", 12 }, { "gsk_", 12 },   { "xai-", 12 },  { "hf_", 16 },
  { "ghp_", 12 }, { "gho_", 12 }, { "ghu_", 12 }, { "ghs_", 12 },   { "ghr_", 12 },  { "github_pat_", 12 },
  { "r8_", 16 },  { "eyJ", 20 },  { "aip-", 20 }, { "nvapi-", 12 }, { "pplx-", 12 },
};

static gboolean
is_key_char (char c)
{
  return g_ascii_isalnum (c) || c == '-' || c == '_';
}

static gboolean
begins_with_key (const char *text)
{
  for (gsize i = 0; i < G_N_ELEMENTS (key_prefixes); i++)
    if (g_str_has_prefix (text, key_prefixes[i].prefix))
      {
        const char *rest = text + strlen (key_prefixes[i].prefix);
        gsize length = 0;

        while (is_key_char (rest[length]))
          length++;
        if (length >= key_prefixes[i].min_rest)
          return TRUE;
      }
  return FALSE;
}

/**
 * aip_ctl_secret_looks_like_key:
 * @text: an argument
 *
 * Returns: whether something in it begins as the keys of the well-known providers do, and is as long as one
 */
gboolean
aip_ctl_secret_looks_like_key (const char *text)
{
  g_return_val_if_fail (text != NULL, FALSE);

  for (const char *p = text; *p != '\0'; p++)
    if ((p == text || !g_ascii_isalnum (p[-1])) && begins_with_key (p))
      return TRUE;
  return FALSE;
}

/**
 * aip_ctl_secret_is_random:
 * @text: an argument
 *
 * Returns: whether it has a long run of letters and digits in no order that words or models have
 */
gboolean
aip_ctl_secret_is_random (const char *text)
{
  gsize run = 0, letters = 0, digits = 0;

  g_return_val_if_fail (text != NULL, FALSE);

  for (const char *p = text; *p != '\0'; p++)
    {
      if (!g_ascii_isalnum (*p))
        run = letters = digits = 0;
      else
        {
          run++;
          letters += g_ascii_isalpha (*p) != 0;
          digits += g_ascii_isdigit (*p) != 0;
        }
      if (run >= MIN_RANDOM && letters > 3 && digits > 3)
        return TRUE;
    }
  return FALSE;
}

/* The id of a request may be of any form. */
static gboolean
takes_ids (const char *const *words)
{
  return g_strv_contains (words, "cancel") ||
         (g_strv_contains (words, "log") &&
          (g_strv_contains (words, "show") || g_strv_contains (words, "search")));
}

/**
 * aip_ctl_secret_check_words:
 * @words: (array zero-terminated=1): the program's arguments
 * @error: return location for an error
 *
 * Refuses arguments that look like a key: every user of the machine sees them, and the shell remembers them.
 *
 * Returns: whether there is none; G_OPTION_ERROR if there is, in words that do not repeat it
 */
gboolean
aip_ctl_secret_check_words (const char *const *words, GError **error)
{
  gboolean has_ids;

  g_return_val_if_fail (words != NULL, FALSE);

  has_ids = takes_ids (words);
  for (const char *const *word = words; *word != NULL; word++)
    if (aip_ctl_secret_looks_like_key (*word) || (!has_ids && aip_ctl_secret_is_random (*word)))
      {
        g_set_error (
            error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
            "an argument looks like a key or token, and was not used: other users can see arguments, "
            "and the shell keeps them\n"
            "A secret is typed at the prompt, or comes through stdin: aiproxyctl key secret NAME");
        return FALSE;
      }
  return TRUE;
}

/* The signal that came while the terminal did not echo. */
static volatile sig_atomic_t caught;

static void
catch_signal (int number)
{
  caught = number;
}

static const int fatal_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static gboolean
read_line (char *secret, gsize *length)
{
  gssize got = 0;

  while (caught == 0 && *length < AIP_REMOTE_SECRET_ROOM &&
         (got = read (STDIN_FILENO, secret + *length, 1)) != 0)
    {
      if (got < 0 && errno != EINTR)
        return FALSE;
      if (got > 0 && secret[*length] == '\n')
        return TRUE;
      *length += got > 0;
    }
  return caught == 0;
}

/* Reads a line from the terminal without echo. Whatever ends it, the terminal is as it was. */
static gboolean
prompt (const char *text, char *secret, gsize *length)
{
  struct sigaction saved[G_N_ELEMENTS (fatal_signals)];
  struct sigaction catcher = { .sa_handler = catch_signal };
  struct termios before, silent;
  gboolean done;

  if (tcgetattr (STDIN_FILENO, &before) != 0)
    return FALSE;
  caught = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (fatal_signals); i++)
    {
      sigaction (fatal_signals[i], NULL, &saved[i]);
      if (saved[i].sa_handler != SIG_IGN)
        sigaction (fatal_signals[i], &catcher, NULL);
    }
  silent = before;
  silent.c_lflag &= ~(tcflag_t) ECHO;
  silent.c_lflag |= ECHONL;
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &silent);

  (void) !write (STDERR_FILENO, text, strlen (text));
  done = read_line (secret, length);

  tcsetattr (STDIN_FILENO, TCSAFLUSH, &before);
  for (gsize i = 0; i < G_N_ELEMENTS (fatal_signals); i++)
    sigaction (fatal_signals[i], &saved[i], NULL);
  if (caught == 0)
    return done;
  (void) !write (STDERR_FILENO, "\n", 1);
  explicit_bzero (secret, *length);
  raise (caught);
  errno = EINTR;
  return FALSE;
}

static gboolean
read_all (char *secret, gsize *length)
{
  gssize got;

  do
    {
      got = read (STDIN_FILENO, secret + *length, AIP_REMOTE_SECRET_ROOM - *length);
      if (got > 0)
        *length += (gsize) got;
    }
  while (got > 0 || (got < 0 && errno == EINTR));
  return got == 0;
}

static gboolean
check_length (gsize length, GError **error)
{
  if (length == 0)
    g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                 "the secret is empty: type it at the prompt, or send it through stdin");
  else if (length > AIP_REMOTE_MAX_SECRET)
    g_set_error (error, AIP_ERROR, AIP_ERROR_TOO_LARGE,
                 "the secret is longer than %d bytes, which no key is; is it the right file?",
                 AIP_REMOTE_MAX_SECRET);
  return length > 0 && length <= AIP_REMOTE_MAX_SECRET;
}

/**
 * aip_ctl_secret_read:
 * @text: what to ask for, where stdin is a terminal
 * @error: return location for an error
 *
 * Reads a secret from the terminal without echo, or all of stdin where that is none. One line break at the
 * end does not belong to it.
 *
 * Returns: a descriptor to hand to the daemon, for close (); -1 on error
 */
int
aip_ctl_secret_read (const char *text, GError **error)
{
  g_autoptr (AipRemoteSecretText) secret = aip_remote_secret_new_buffer ();
  const struct rlimit no_core = { 0, 0 };
  gsize length = 0;
  gboolean done;

  g_return_val_if_fail (text != NULL, -1);

  (void) setrlimit (RLIMIT_CORE, &no_core);
  done = isatty (STDIN_FILENO) ? prompt (text, secret, &length) : read_all (secret, &length);
  if (!done)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "cannot read the secret: %s", g_strerror (errno));
      return -1;
    }
  if (length > 0 && secret[length - 1] == '\n')
    length--;
  if (length > 0 && secret[length - 1] == '\r')
    length--;
  return check_length (length, error) ? aip_remote_secret_to_pipe (secret, length, error) : -1;
}
