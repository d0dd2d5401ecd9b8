// An OpenID provider at which people sign in: `oidc-provider` with one confidential client and a login form.
//
//   node people.mjs PORT SECRET ORIGIN…
//
// Each ORIGIN is one at which a gate is reached: its callback and its page after signing out are registered.
// CLIENT_JWKS in the environment: the client proves itself by a key of these (`private_key_jwt`), and has no secret.
// USER_INFO=plain or signed: the claims of scopes are at the UserInfo endpoint alone, as JSON or as a JWT.
// ELSEWHERE=PORT: its endpoints are there, each on a host of its own, and not beside its metadata.
// BACK_CHANNEL=1: whoever signs out here is signed out at the first ORIGIN too, by session or by person.
// Anybody may sign in, with a name; `NAME-60` is a member of 60 departments beside the group of everybody. Below /control/ is
// what a test may do with it: say how long tokens are good, whether refresh tokens rotate, whether the token endpoint holds
// its answers back and whether sessions are named, ask what was asked, and what came of the last logout token, which may be
// sent again.
import { createServer } from "node:http";
import { request as ask } from "node:https";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

const [port, secret, ...origins] = process.argv.slice(2);
const PAGES = "/.gate";
const counts = { codes: 0, refreshes: 0, refused: 0, logins: 0, inquiries: 0, elsewhere: 0, astray: 0, waiting: 0 };
const settings = { access: 3600, session: 14 * 86400, rotate: 1, hold: 0, sid: 1 };

function groups(name) {
  const count = Number(/-(\d+)$/.exec(name)?.[1] ?? 0);
  const departments = Array.from({ length: count }, (_, number) => `/company/department-${String(number).padStart(2, "0")}`);
  return ["everybody", ...departments];
}

const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), use: "sig", kid: `people-${process.pid}` };

const server = createServer();
await new Promise((resolve) => server.listen(Number(port), "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const proof = process.env.CLIENT_JWKS
  ? { token_endpoint_auth_method: "private_key_jwt", jwks: JSON.parse(process.env.CLIENT_JWKS) }
  : { client_secret: secret };

const userInfo = process.env.USER_INFO;

// The hosts of endpoints that are elsewhere, by path.
const elsewhere = process.env.ELSEWHERE;
const hosts = { "/token": "tokens.example", "/me": "people.example", "/jwks": "keys.example" };
const names = { token_endpoint: "/token", userinfo_endpoint: "/me", jwks_uri: "/jwks" };

const backChannel = process.env.BACK_CHANNEL;
const signedOutAt = { backchannel_logout_uri: `${origins[0]}${PAGES}/backchannel-logout` };
let notice;

// Without the library's own guard, which lets nothing go to this very machine; the certificate there is nobody's.
function send(address, { method, headers, body }) {
  notice = { address, options: { method, headers, body: String(body) } };
  return new Promise((resolve, reject) => {
    const fields = { ...Object.fromEntries(headers), "content-length": notice.options.body.length };
    const sent = ask(address, { method, headers: fields, rejectUnauthorized: false }, async (answer) => {
      let text = "";
      for await (const part of answer) {
        text += part;
      }
      notice.answer = { status: answer.statusCode, fields: answer.headers, text };
      resolve(new Response(text, { status: answer.statusCode }));
    });
    sent.on("error", reject);
    sent.end(notice.options.body);
  });
}

const provider = new Provider(issuer, {
  jwks: { keys: [jwk] },
  clients: [
    {
      client_id: "gate",
      ...proof,
      ...(backChannel ? signedOutAt : {}),
      ...(userInfo === "signed" ? { userinfo_signed_response_alg: "RS256" } : {}),
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      redirect_uris: origins.map((origin) => `${origin}${PAGES}/callback`),
      post_logout_redirect_uris: origins.map((origin) => `${origin}${PAGES}/signed-out`),
    },
  ],
  cookies: { keys: [secret], names: { session: "people_session", interaction: "people_step", resume: "people_resume" } },
  claims: userInfo
    ? { openid: ["sub"], profile: ["name"], email: ["email"], groups: ["groups"] }
    : { openid: ["sub", "name", "email", "groups"] },
  conformIdTokenClaims: userInfo !== undefined,
  scopes: ["openid", "offline_access", "profile", "email", "groups"],
  pkce: { required: () => true },
  rotateRefreshToken: () => settings.rotate === 1,
  issueRefreshToken: async (_, client) => client.grantTypeAllowed("refresh_token"),
  ttl: {
    AccessToken: () => settings.access,
    IdToken: () => settings.access,
    RefreshToken: 86400,
    AuthorizationCode: 60,
    Grant: 86400,
    Interaction: 600,
    Session: () => settings.session,
  },
  async findAccount(_, id) {
    return {
      accountId: id,
      claims: async () => ({ sub: id, name: id, email: `${id}@example.com`, groups: groups(id) }),
    };
  },
  // Nobody is asked whether they agree: the client is the company's own.
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const known = session.grantIdFor(client.clientId);
    if (known) {
      return provider.Grant.find(known);
    }
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid offline_access profile email groups");
    await grant.save();
    return grant;
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  fetch: send,
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: backChannel !== undefined },
    jwtUserinfo: { enabled: userInfo === "signed" },
    rpInitiatedLogout: {
      enabled: true,
      async logoutSource(ctx, form) {
        ctx.body = page(`${form}<button form="op.logoutForm" name="logout" value="yes" id="yes">Sign out</button>`);
      },
    },
  },
});

// Clients are read once; a test has sessions named or not.
Object.defineProperty(provider.Client.prototype, "backchannelLogoutSessionRequired", {
  get: () => settings.sid === 1,
  set: () => {},
});

function page(body) {
  return `<!doctype html><meta charset="utf-8"><title>people</title><body>${body}`;
}

provider.on("grant.success", (ctx) => {
  counts[ctx.oidc.params.grant_type === "refresh_token" ? "refreshes" : "codes"] += 1;
});
provider.on("grant.error", () => {
  counts.refused += 1;
});

provider.use(async (ctx, next) => {
  await next();
  if (elsewhere && ctx.oidc?.route === "discovery") {
    for (const [name, path] of Object.entries(names)) {
      ctx.body[name] = `http://${hosts[path]}:${elsewhere}${path}`;
    }
  }
});

const handle = provider.callback();
if (elsewhere) {
  const other = createServer((request, response) => {
    if (request.headers.host === `${hosts[request.url]}:${elsewhere}`) {
      counts.elsewhere += 1;
      counts.inquiries += request.url === "/me";
      // As the provider calls itself, behind whatever name.
      request.headers.host = new URL(issuer).host;
      handle(request, response);
    } else {
      counts.astray += 1;
      response.writeHead(421).end();
    }
  });
  await new Promise((resolve) => other.listen(Number(elsewhere), "127.0.0.1", resolve));
}
server.on("request", async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer);
  if (pathname === "/control/set") {
    for (const [name, value] of searchParams) {
      settings[name] = Number(value);
    }
  }
  if (pathname === "/control/notice") {
    if (searchParams.get("again")) {
      await send(notice.address, notice.options);
    }
    response.end(JSON.stringify({ ...notice?.answer, body: notice?.options.body }));
    return;
  }
  if (pathname.startsWith("/control/")) {
    response.end(JSON.stringify(counts));
    return;
  }
  if (pathname.startsWith("/interaction/")) {
    if (request.method === "GET") {
      response.setHeader("content-type", "text/html");
      response.end(page('<form method="post"><input name="name" id="name" autofocus><button id="in">Sign in</button></form>'));
      return;
    }
    let body = "";
    for await (const part of request) {
      body += part;
    }
    counts.logins += 1;
    const login = { accountId: new URLSearchParams(body).get("name") };
    await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
    return;
  }
  if (elsewhere && pathname in hosts) {
    counts.astray += 1;
    response.writeHead(421).end();
    return;
  }
  counts.inquiries += pathname === "/me";
  if (pathname === "/token" && settings.hold === 1) {
    counts.waiting += 1;
    while (settings.hold === 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  handle(request, response);
});
console.log(`listening on ${server.address().port}`);
