-- Asks fairwayd over HTTP where a request should go, for HAProxy 2.6 and later:
--
--   global
--     lua-load-per-thread fairway.lua
--   backend reviews
--     http-request lua.fairway 127.0.0.1:7445 reviews
--     use-server r1 if { var(txn.fairway) -m str r1 }
--     server r1 …
--
-- Where fairwayd does not answer within a second, or knows no endpoint, HAProxy
-- balances as it would without it. It is a socket and not core.httpclient, which
-- tries three times, a second apart, to reach a daemon that is gone.

local function ask(txn, daemon, service)
  local lines = { "HEAD /v1/decide?service=" .. service .. " HTTP/1.0" }
  for name, values in pairs(txn.http:req_get_headers()) do
    if name ~= "connection" and name ~= "content-length" and name ~= "transfer-encoding" and name:sub(1, 10) ~= "x-fairway-" and name:sub(1, 12) ~= "x-forwarded-" then
      for _, value in pairs(values) do table.insert(lines, name .. ": " .. value) end
    end
  end
  table.insert(lines, "x-forwarded-method: " .. txn.sf:method())
  table.insert(lines, "x-forwarded-uri: " .. txn.sf:url())
  local socket = core.tcp()
  socket:settimeout(1)
  local host, port = daemon:match("^(.*):(%d+)$")
  if not socket:connect(host, tonumber(port)) then return nil end
  local endpoint
  if socket:send(table.concat(lines, "\r\n") .. "\r\n\r\n") then
    repeat
      local line = socket:receive("*l")
      local name, value = (line or ""):match("^([^:]+): *([^\r]*)")
      if name and name:lower() == "x-fairway-endpoint" then endpoint = value end
    until not name and not (line or ""):match("^HTTP")
  end
  socket:close()
  return endpoint
end

core.register_action("fairway", { "http-req" }, function(txn, daemon, service)
  local ok, endpoint = pcall(ask, txn, daemon, service)
  if ok and endpoint then txn:set_var("txn.fairway", endpoint) end
end, 2)
