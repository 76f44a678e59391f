/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-redis"

#include "policy/aip-redis-script.h"

/*
 * A window is a hash: the number of a slot -> what was charged to it, as AipWindow has it; and "t" with that
 * number -> when the last of it was. A day has one slot, and no times. All daemons go by the clock of Redis.
 * Lua's numbers are exact up to 2^53: enough for microseconds.
 *
 * reserve: KEYS: a window for each limit; ARGV: for each its slot's length, how many slots count beside the
 * present one, the limit, the amount. Answers: 1 or 0, then for each its slot, what is used (after this
 * request, if it was granted), microseconds until there is room (-1: never) and until all of it is free.
 */
static const char reserve[] =
    "local time = redis.call('TIME')\n"
    "local now = tonumber(time[1]) * 1000000 + tonumber(time[2])\n"
    "local granted = 1\n"
    "local answer = {}\n"
    "local slots = {}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local length, count = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])\n"
    "  local limit, amount = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])\n"
    "  local slot = math.floor(now / length)\n"
    "  local used, wait, reset = 0, 0, 0\n"
    "  local live, old = {}, {}\n"
    "  local fields = redis.call('HGETALL', key)\n"
    "  local ends = {}\n"
    "  for j = 1, #fields, 2 do\n"
    "    local number = tonumber(string.match(fields[j], '^t(%d+)$'))\n"
    "    local latest = tonumber(fields[j + 1])\n"
    "    if count > 0 and number and latest then ends[number] = math.min(latest, now) + count * length end\n"
    "  end\n"
    "  local function end_of(number)\n"
    "    return math.min(ends[number] or math.huge, (number + count + 1) * length)\n"
    "  end\n"
    "  for j = 1, #fields, 2 do\n"
    "    local is_time = string.sub(fields[j], 1, 1) == 't'\n"
    "    local number = tonumber(is_time and string.sub(fields[j], 2) or fields[j])\n"
    "    local value = tonumber(fields[j + 1])\n"
    "    if number and value and number >= slot - count and number <= slot + count + 1\n"
    "        and end_of(number) > now then\n"
    "      if not is_time then used = used + value end\n"
    "      if not is_time and value > 0 then live[#live + 1] = {number, value} end\n"
    "    else\n"
    "      old[#old + 1] = fields[j]\n"
    "    end\n"
    "  end\n"
    "  for j = 1, #old do redis.call('HDEL', key, old[j]) end\n"
    "  table.sort(live, function(a, b) return a[1] < b[1] end)\n"
    "  if amount > limit then\n"
    "    wait = -1\n"
    "  elseif used + amount > limit then\n"
    "    local left = used\n"
    "    for j = 1, #live do\n"
    "      left = left - live[j][2]\n"
    "      if left + amount <= limit then\n"
    "        wait = end_of(live[j][1]) - now\n"
    "        break\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "  if wait ~= 0 then granted = 0 end\n"
    "  if used > 0 and #live > 0 then reset = end_of(live[#live][1]) - now end\n"
    "  slots[i] = slot\n"
    "  answer[i] = {slot, used, wait, reset}\n"
    "end\n"
    "local flat = {granted}\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local row = answer[i]\n"
    "  if granted == 1 then\n"
    "    local length, count, amount = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2]), ARGV[4 * i]\n"
    "    redis.call('HINCRBY', key, string.format('%.0f', slots[i]), amount)\n"
    "    if count > 0 then\n"
    "      redis.call('HSET', key, 't' .. string.format('%.0f', slots[i]), string.format('%.0f', now))\n"
    "    end\n"
    "    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil((count + 2) * length / 1000)))\n"
    "    row[2] = row[2] + tonumber(amount)\n"
    "    row[4] = math.max(row[4], count > 0 and count * length or (slots[i] + 1) * length - now)\n"
    "  end\n"
    "  for j = 1, 4 do flat[#flat + 1] = row[j] end\n"
    "end\n"
    "return flat\n";

/*
 * correct: KEYS: as above; ARGV: for each its slot's length, how many slots count beside the present one, the
 * slot that was charged, and by how much it was too little, or too much where that is negative. Too little is
 * charged now; too much goes back to where it was charged, if that still counts.
 */
static const char correct[] =
    "local time = redis.call('TIME')\n"
    "local now = tonumber(time[1]) * 1000000 + tonumber(time[2])\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local length, count = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])\n"
    "  local charged, delta = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])\n"
    "  local slot = math.floor(now / length)\n"
    "  if delta > 0 then\n"
    "    redis.call('HINCRBY', key, string.format('%.0f', slot), ARGV[4 * i])\n"
    "    if count > 0 then\n"
    "      redis.call('HSET', key, 't' .. string.format('%.0f', slot), string.format('%.0f', now))\n"
    "    end\n"
    "    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil((count + 2) * length / 1000)))\n"
    "  elseif delta < 0 and charged >= slot - count then\n"
    "    local field = string.format('%.0f', charged)\n"
    "    local there = tonumber(redis.call('HGET', key, field) or 0)\n"
    "    local back = math.min(there, -delta)\n"
    "    if back > 0 then redis.call('HINCRBY', key, field, string.format('%.0f', -back)) end\n"
    "  end\n"
    "end\n"
    "return 1\n";

static AipRedisScript scripts[AIP_N_REDIS_SCRIPTS] = {
  [AIP_REDIS_SCRIPT_RESERVE] = { reserve, NULL },
  [AIP_REDIS_SCRIPT_CORRECT] = { correct, NULL },
};

/**
 * aip_redis_script_get:
 * @id: which one
 *
 * Returns: (transfer none): the script
 */
const AipRedisScript *
aip_redis_script_get (AipRedisScriptId id)
{
  static gsize ready;

  g_return_val_if_fail (id < AIP_N_REDIS_SCRIPTS, NULL);

  if (g_once_init_enter (&ready))
    {
      for (guint i = 0; i < AIP_N_REDIS_SCRIPTS; i++)
        scripts[i].digest = g_compute_checksum_for_string (G_CHECKSUM_SHA1, scripts[i].text, -1);
      g_once_init_leave (&ready, 1);
    }
  return &scripts[id];
}
