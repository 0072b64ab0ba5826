// Google on loopback: sign-in, consent and Gmail, as far as the portal meets them.
//
// @emulators/google answers; this file makes it as strict as Google is (unknown
// bearers are refused, scopes are asked for, a revoked token takes its whole grant
// with it) and lets a test order what never happens by itself: faults, expired
// tokens, refused consent. Orders are POSTs to /__test/…, see `orders`.
//
// Environment: SEED (a JSON file), GMAIL (Gmail's discovery document). Prints its
// address when it is up, and ends when its standard input does.

import { readFileSync } from "node:fs";
import { createServer, serve } from "@emulators/core";
import { getGoogleStore, googlePlugin, seedFromConfig } from "@emulators/google";

const SEND = "/upload/gmail/v1/users/me/messages/send";
const REFRESH_TOKENS = "google.oauth.refreshTokens";
const seed = JSON.parse(readFileSync(process.env.SEED, "utf8"));
const guarded = [...methodsOf(JSON.parse(readFileSync(process.env.GMAIL, "utf8")))];

let google; // the emulator: app, store, tokenMap
let baseUrl; // also the issuer of its ID tokens
let exchange; // the request and response that node:http is handing over
let faults = [];
let consent = {}; // of the next consent page only
let withhold = false; // the refresh token of the next grant
let log = [];
let withheld = []; // messages that came and whose sender was told nothing clear
let refused = []; // messages that came and that no later attempt will deliver

const server = serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
server.prependListener("request", (request) => (exchange = request));
server.once("listening", () => {
  const { port } = server.address();
  baseUrl = `http://127.0.0.1:${port}`;
  google = createServer(googlePlugin, { port, baseUrl, tokens: {} });
  plant();
  console.log(baseUrl);
});
process.stdin.resume().on("end", () => process.exit());

function plant() {
  seedFromConfig(google.store, baseUrl, seed);
  for (const { email } of seed.users)
    google.tokenMap.set(`inspector:${email}`, { login: email, id: 0, scopes: ["https://mail.google.com/"] });
}

// --- requests -----------------------------------------------------------------

async function answer(request) {
  const { socket } = exchange; // before the first await: it is still this request's
  const { pathname: path } = new URL(request.url);
  if (path.startsWith("/__test/")) return order(path.slice("/__test/".length), request);
  const line = `${request.method} ${path}`;
  log.push(line);
  const fault = faults.find(({ match, times }) => times > 0 && new RegExp(match).test(line));
  if (fault) {
    fault.times--;
    if (path === SEND && (fault.hangUp || fault.status >= 500)) withheld.push(await messageIn(request.clone()));
    if (path === SEND && fault.status === 400) refused.push(await messageIn(request.clone()));
    if (fault.apply) await reply(request, path); // done, but nobody hears of it
    if (fault.delay) await new Promise((wake) => setTimeout(wake, fault.delay));
    if (fault.hangUp) socket.destroy();
    if (fault.status) return json(fault.body, fault.status, fault.headers);
    if (fault.hangUp || fault.apply) return json({}, 500);
  }
  return reply(request, path);
}

async function reply(request, path) {
  if (request.method === "POST" && path === "/o/oauth2/v2/auth/callback") return consented(request);
  if (request.method === "POST" && path === "/oauth2/revoke") return revoke(request);
  if (request.method === "POST" && path === "/oauth2/token" && withhold) return withoutRefreshToken(request);
  const bearer = (request.headers.get("authorization") ?? "").replace(/^Bearer\s+/i, "");
  const scopes = google.tokenMap.get(bearer)?.scopes;
  const wanted = guarded.find(([method, pattern]) => method === request.method && pattern.test(path));
  if (scopes && wanted && !wanted[2].some((scope) => scopes.includes(scope))) return insufficient();
  const boundary = boundaryOf(request);
  if (path === SEND && boundary) request = await unpacked(request, boundary);
  return google.app.fetch(request);
}

// The emulator's page knows neither Cancel nor a box for each permission.
async function consented(request) {
  const form = new URLSearchParams(await request.text());
  const { deny, untick = [] } = consent;
  withhold = consent.withhold;
  consent = {};
  if (deny) {
    const back = new URL(form.get("redirect_uri"));
    back.searchParams.set("error", "access_denied");
    back.searchParams.set("state", form.get("state"));
    return new Response(null, { status: 302, headers: { location: back.href } });
  }
  const granted = form.get("scope").split(" ").filter((scope) => !untick.includes(scope));
  form.set("scope", granted.join(" "));
  return google.app.fetch(new Request(request.url, { method: "POST", body: form }));
}

// Google makes no new refresh token for somebody who has agreed before, unless asked to.
async function withoutRefreshToken(request) {
  withhold = false;
  const { refresh_token, ...tokens } = await (await google.app.fetch(request)).json();
  google.store.getData(REFRESH_TOKENS).delete(refresh_token);
  return json(tokens);
}

// At Google any token of a grant takes the person's whole grant with it.
async function revoke(request) {
  const token = new URLSearchParams(await request.text()).get("token");
  const refreshTokens = google.store.getData(REFRESH_TOKENS) ?? new Map();
  const person = refreshTokens.get(token)?.email ?? google.tokenMap.get(token)?.login;
  if (!person) return json({ error: "invalid_token" }, 400);
  for (const [each, { email }] of refreshTokens) if (email === person) refreshTokens.delete(each);
  forgetAccessTokens(({ login }) => login === person);
  return json({});
}

// multipart/related: the resource as JSON, then the message. The emulator takes the
// whole for the message.
async function unpacked(request, boundary) {
  const [resource, message] = await parts(request, boundary);
  const raw = Buffer.from(message, "latin1").toString("base64url");
  const { authorization } = Object.fromEntries(request.headers);
  return new Request(request.url, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ ...JSON.parse(resource), raw }),
  });
}

async function parts(request, boundary) {
  const [, ...found] = Buffer.from(await request.arrayBuffer())
    .toString("latin1")
    .split(new RegExp(`(?:^|\\r?\\n)--${boundary}(?:--)?\\r?\\n?`));
  return found.map((part) => part.replace(/^[^]*?\r?\n\r?\n/, ""));
}

function boundaryOf(request) {
  const [, boundary] = (request.headers.get("content-type") ?? "").match(/^multipart\/related.*boundary="?([^";]+)/) ?? [];
  return boundary;
}

const messageIn = async (request) => (await parts(request, boundaryOf(request)))[1];

// --- orders of a test ---------------------------------------------------------

const orders = {
  reset() {
    google.store.reset();
    google.tokenMap.clear();
    [faults, consent, withhold, log, withheld, refused] = [[], {}, false, [], [], []];
    plant();
  },
  // {match, times, delay (ms), status, body, headers, apply, hangUp}
  resetFaults: () => void (faults = []),
  fault: (fault) => faults.push({ times: 1, body: {}, headers: {}, ...fault }),
  consent: (next) => (consent = next), // {deny: true}, {untick: [scope]} or {withhold: true}
  expire: () => forgetAccessTokens(() => true),
  revokeGrants() {
    forgetAccessTokens(() => true);
    google.store.getData(REFRESH_TOKENS)?.clear();
  },
  redirect({ uri }) {
    const { oauthClients } = getGoogleStore(google.store);
    const [client] = oauthClients.all();
    oauthClients.update(client.id, { redirect_uris: [...client.redirect_uris, uri] });
  },
  sent: ({ email }) =>
    getGoogleStore(google.store)
      .messages.all()
      .filter((mail) => mail.user_email === email && mail.label_ids.includes("SENT"))
      .map((mail) => mail.gmail_id),
  log: () => log,
  withheld: () => withheld,
  refused: () => refused,
};

async function order(name, request) {
  const details = request.method === "POST" ? await request.json() : {};
  return Object.hasOwn(orders, name) ? json({ result: orders[name](details) }) : json({}, 404);
}

function forgetAccessTokens(which) {
  for (const [token, owner] of google.tokenMap)
    if (!token.startsWith("inspector:") && which(owner)) google.tokenMap.delete(token);
}

// --- Gmail's own rules --------------------------------------------------------

// Which scopes allow which method, from the document that describes the API.
function* methodsOf({ methods = {}, resources = {} }) {
  for (const { httpMethod, path, scopes } of Object.values(methods))
    for (const each of [path, `upload/${path}`])
      yield [httpMethod, new RegExp(`^/${each.replace(/\{[^}]+\}/g, "[^/]+")}$`), scopes];
  for (const resource of Object.values(resources)) yield* methodsOf(resource);
}

function insufficient() {
  const message = "Request had insufficient authentication scopes.";
  const errors = [{ message: "Insufficient Permission", domain: "global", reason: "insufficientPermissions" }];
  const details = [{ reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT", domain: "googleapis.com" }];
  return json({ error: { code: 403, message, errors, status: "PERMISSION_DENIED", details } }, 403);
}

function json(body, status = 200, headers = {}) {
  return Response.json(body, { status, headers });
}
