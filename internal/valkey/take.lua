-- latchkey.Rate.Take (GCRA) for several keys in order, up to the first refusal. A script runs alone: nobody comes between.
--
-- KEYS: what is counted. ARGV: the time now; then, of each key, the time between two units and that of the whole burst. All
-- times are whole microseconds, which a Lua number holds exactly until the year 2255.
-- It gives, for each key that was asked, the time at which its burst was whole before: all that the rule needs.
local now = tonumber(ARGV[1])
local fulls = {}
for i, key in ipairs(KEYS) do
  local every, room = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local full = math.max(now, tonumber(redis.call('GET', key) or 0))
  fulls[i] = full
  full = full + every
  if full - now > room then break end
  -- A key that is whole again says nothing, so it goes by itself; a second later, for nodes whose clocks differ a little.
  local left = math.ceil((full - now) / 1000) + 1000
  redis.call('SET', key, string.format('%.0f', full), 'PX', string.format('%.0f', left))
end
return fulls
