-- Weights of fairway for nginx. A timer of each worker process polls them from
-- fairwayd, and balancer_by_lua picks by them, so a request waits for nobody.
--
-- Needs lua-nginx-module with lua-resty-core, and cjson: on Debian the packages
-- libnginx-mod-http-lua and lua-cjson.
--
--   lua_shared_dict fairway 1m;
--   init_worker_by_lua_block { require("fairway").watch{ daemon = "127.0.0.1:7445", service = "web" } }
--   upstream web {
--       server 127.0.0.1:9001;                       # nginx's own balancing, when weights are missing
--       server 127.0.0.1:9002;
--       balancer_by_lua_block { require("fairway").balance("web") }
--   }
--   location /fairway_status { content_by_lua_block { require("fairway").status() } }
--
-- When it has no weights that hold, balance picks nothing, and nginx goes round
-- robin over the servers of the upstream block, with its own max_fails. That is
-- so before the first answer, where fairwayd knows no endpoints, and from the
-- time to live (fairwayd says it with each answer, 10 s or so) after the last
-- answer on: until then the last weights are better than none, for endpoints
-- seldom change much in seconds; later nobody knows whether an endpoint that
-- gets nothing has not long been the best.
local balancer = require "ngx.balancer"
local cjson = require "cjson.safe"

local M = {}
local counters = ngx.shared.fairway
local services = {} -- by key: what this worker knows of each

-- alias readies drawing by weights in constant time (Vose, "A linear algorithm
-- for generating random numbers with a given distribution", 1991).
local function alias(endpoints)
  local n, sum = #endpoints, 0
  for _, e in ipairs(endpoints) do sum = sum + e.weight end
  if not (sum > 0 and sum < math.huge) then return nil end
  local scaled, small, large, prob, other = {}, {}, {}, {}, {}
  for i, e in ipairs(endpoints) do
    scaled[i] = e.weight * n / sum
    table.insert(scaled[i] < 1 and small or large, i)
  end
  while #small > 0 and #large > 0 do
    local s, l = table.remove(small), table.remove(large)
    prob[s], other[s] = scaled[s], l
    scaled[l] = scaled[l] + scaled[s] - 1
    table.insert(scaled[l] < 1 and small or large, l)
  end
  for _, rest in ipairs{small, large} do
    for _, i in ipairs(rest) do prob[i], other[i] = 1, i end
  end
  return {n = n, prob = prob, other = other}
end

local function draw(a)
  local i = math.random(a.n)
  if math.random() < a.prob[i] then return i end
  return a.other[i]
end

-- read makes the table of an answer; nil and why where it holds nothing to use.
local function read(text)
  local sheet = cjson.decode(text)
  if type(sheet) ~= "table" or type(sheet.endpoints) ~= "table" then return nil, "malformed" end
  if #sheet.endpoints == 0 then return nil, type(sheet.reason) == "string" and sheet.reason or "no_endpoints" end
  for _, e in ipairs(sheet.endpoints) do
    if type(e) ~= "table" or type(e.address) ~= "string" or type(e.weight) ~= "number" or not (e.weight >= 0) then
      return nil, "malformed"
    end
    e.path = e.address:match("^unix:/.*$")
    e.host, e.port = e.address:match("^%[?([%x%.:]+)%]?:(%d+)$")
    e.port = tonumber(e.port)
    if not e.path and not (e.port and e.port >= 1 and e.port <= 65535) then return nil, "no_address" end
  end
  local a = alias(sheet.endpoints)
  if not a then return nil, "no_endpoints" end
  return {endpoints = sheet.endpoints, alias = a}
end

-- get asks over one connection, which is kept: nginx's cosockets, no library.
local function get(s)
  local sock = ngx.socket.tcp()
  sock:settimeouts(s.timeout, s.timeout, s.timeout)
  local ok, err
  if s.path then ok, err = sock:connect(s.path) else ok, err = sock:connect(s.host, s.port) end
  if not ok then return nil, err end
  local ask = {"GET ", s.uri, " HTTP/1.1\r\nHost: fairwayd\r\nUser-Agent: nginx-lua\r\n"}
  if s.tag then table.insert(ask, "If-None-Match: " .. s.tag .. "\r\n") end
  table.insert(ask, "\r\n")
  ok, err = sock:send(ask)
  if not ok then sock:close() return nil, err end
  local line
  line, err = sock:receive("*l")
  local code = line and tonumber(line:match("^HTTP/1%.1 (%d%d%d)"))
  if not code then sock:close() return nil, err or "not HTTP" end
  local head = {}
  for _ = 1, 64 do
    line, err = sock:receive("*l")
    if not line then sock:close() return nil, err end
    if line == "" then break end
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    if name then head[name:lower()] = value end
  end
  local body, length = "", tonumber(head["content-length"])
  if head["transfer-encoding"] then -- more than 2 kB come in chunks
    local parts = {}
    repeat
      line, err = sock:receive("*l")
      length = line and tonumber(line:match("^%x+") or "", 16)
      if not length then sock:close() return nil, err or "bad chunk" end
      if length > 0 then
        local part
        part, err = sock:receive(length)
        if not part then sock:close() return nil, err end
        table.insert(parts, part)
      end
      sock:receive("*l")
    until length == 0
    body = table.concat(parts)
  elseif length and length > 0 and code ~= 304 then
    body, err = sock:receive(length)
    if not body then sock:close() return nil, err end
  end
  sock:setkeepalive(60000, 1)
  return {code = code, head = head, body = body}
end

-- poll asks once. Any answer that stands by the weights renews their lease.
local function poll(s)
  local answer, err = get(s)
  if not answer or answer.code ~= 200 and answer.code ~= 304 then
    counters:incr("polls_failed:" .. s.key, 1, 0)
    if not s.down then
      ngx.log(ngx.WARN, "fairway: no weights of ", s.key, ": ", err or answer.code, "; those that are there are used until they expire")
    end
    s.down = true
    return
  end
  s.down = false
  counters:incr("polls:" .. s.key, 1, 0)
  ngx.update_time()
  s.expires = ngx.now() + (tonumber(answer.head["x-fairway-ttl"]) or 10)
  if answer.code == 304 then return end
  s.table, s.why = read(answer.body)
  s.tag = answer.head.etag
end

local function tick(premature, s)
  if premature then return end -- the worker is leaving
  local ok, err = pcall(poll, s)
  if not ok then ngx.log(ngx.ERR, "fairway: ", err) end
  ngx.timer.at(s.interval, tick, s)
end

-- watch begins to poll the weights of a service, from init_worker_by_lua.
--   daemon    where fairwayd's --http is: IP:port or unix:PATH
--   service   as the metrics and the rules call it; route: one of its routes
--   key       what balance calls it; default: the service
--   interval  seconds between polls, 0.5; timeout: milliseconds of one, 500
function M.watch(o)
  local host, port = o.daemon:match("^%[?([%x%.:]+)%]?:(%d+)$")
  local s = {
    key = o.key or o.service, host = host, port = tonumber(port), path = o.daemon:match("^unix:/.*$"),
    interval = o.interval or 0.5, timeout = o.timeout or 500, expires = 0,
    uri = "/proxy/nginx/weights?service=" .. ngx.escape_uri(o.service) .. (o.route and "&route=" .. ngx.escape_uri(o.route) or ""),
  }
  assert(s.path or s.port, "fairway: daemon is " .. o.daemon .. "; want IP:port or unix:PATH")
  assert(counters, "fairway: want lua_shared_dict fairway 1m;")
  services[s.key] = s
  math.randomseed(ngx.worker.pid() * 1009 + ngx.now() * 1000) -- each worker its own
  ngx.timer.at(0, tick, s)
end

local function open(key, reason)
  counters:incr("open:" .. key .. ":" .. reason, 1, 0)
end

-- balance picks the endpoint of a request, from balancer_by_lua. A try after one
-- that failed goes to another endpoint and, where none that gets traffic is left,
-- to whom nginx chooses; how many tries there are is proxy_next_upstream's to say.
function M.balance(key)
  local s = services[key]
  if not s then return open(key, "unknown_service") end
  if ngx.now() >= s.expires then return open(key, s.tag and "expired" or "no_answer") end
  local t = s.table
  if not t then return open(key, s.why or "no_endpoints") end
  local ctx = ngx.ctx
  local tried = ctx.fairway_tried
  if not tried then
    tried = {}
    ctx.fairway_tried = tried
  end
  local i = draw(t.alias)
  for _ = 1, 8 do
    if not tried[t.endpoints[i].address] then break end
    i = draw(t.alias)
  end
  local e = t.endpoints[i]
  if tried[e.address] then return open(key, "all_tried") end
  tried[e.address] = true
  local ok, err
  if e.path then ok, err = balancer.set_current_peer(e.path) else ok, err = balancer.set_current_peer(e.host, e.port) end
  if not ok then
    ngx.log(ngx.ERR, "fairway: ", e.address, ": ", err)
    return open(key, "no_address")
  end
  counters:incr("picks:" .. key, 1, 0)
end

local function quoted(text) return '"' .. text:gsub('[\\"\n]', {["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n"}) .. '"' end

-- status answers in the text format of Prometheus: the counters are of all
-- workers, the gauges of the one that answers.
function M.status()
  ngx.header["Content-Type"] = "text/plain; version=0.0.4"
  local function family(name, kind, help, prefix, labels)
    ngx.say("# HELP ", name, " ", help)
    ngx.say("# TYPE ", name, " ", kind)
    for _, k in ipairs(counters:get_keys(0)) do
      if k:sub(1, #prefix) == prefix then ngx.say(name, "{", labels(k:sub(#prefix + 1)), "} ", counters:get(k)) end
    end
  end
  local function service(k) return "service=" .. quoted(k) end
  family("fairway_nginx_picks_total", "counter", "Tries that went where fairway's weights say.", "picks:", service)
  family("fairway_nginx_fail_open_total", "counter", "Tries that were left to nginx's own balancing, by reason.", "open:", function(k)
    local key, reason = k:match("^(.*):([^:]*)$")
    return service(key) .. ",reason=" .. quoted(reason)
  end)
  family("fairway_nginx_polls_total", "counter", "Polls that fairwayd answered.", "polls:", service)
  family("fairway_nginx_polls_failed_total", "counter", "Polls that nobody answered, or not with weights.", "polls_failed:", service)
  ngx.say("# HELP fairway_nginx_weight Weight of an endpoint, as it is in force; none while nginx balances by itself.")
  ngx.say("# TYPE fairway_nginx_weight gauge")
  for key, s in pairs(services) do
    if s.table and ngx.now() < s.expires then
      for _, e in ipairs(s.table.endpoints) do
        ngx.say("fairway_nginx_weight{", service(key), ",endpoint=", quoted(e.name or e.address), "} ", e.weight)
      end
    end
  end
end

return M
