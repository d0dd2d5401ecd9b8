// An OpenID provider: `oidc-provider` with one client, which gets JWT access tokens by client_credentials.
//
//   node provider.mjs PORT SECRET [ISSUER]
//
// CLIENT_JWKS in the environment makes another client, `e2e-signs`, which proves itself by `private_key_jwt`.
//
// The resource `urn:ollama:RS256` is a token for the audience `ollama`, signed with RS256; so with other
// names and algorithms. Below /control/ is what a test may do with it: rotate its keys (`?keep=1` leaves the
// old ones published), add a delay to each of its answers or hold them back until they are released, set how long tokens are good, ask what was asked. Keys live in memory: a
// restart has new ones.
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

const [port, secret, other] = process.argv.slice(2);
const client = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [] };
const clients = [{ ...client, client_id: "e2e", client_secret: secret }];
if (process.env.CLIENT_JWKS) {
  const jwks = JSON.parse(process.env.CLIENT_JWKS);
  clients.push({ ...client, client_id: "e2e-signs", token_endpoint_auth_method: "private_key_jwt", jwks });
}
const kinds = [
  ["RS256", { modulusLength: 2048 }],
  ["ES256", {}],
  ["ES384", {}],
  ["EdDSA", { crv: "Ed25519" }],
];
const SIGNING = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const COUNTED = { "/.well-known/openid-configuration": "discovery", "/jwks": "jwks", "/token": "token" };

const counts = { discovery: 0, jwks: 0, token: 0 };
let generation = 0;
let delay = 0;
// What sends the answers that are held back; none while nothing is.
let held = null;
let lifetime = 3600;
let keys = [];
// Who waits for a provider asks as soon as the port is open, which is before its keys are made.
let serve = (_, response) => {
  response.statusCode = 503;
  response.end();
};

async function newKeys() {
  generation += 1;
  const made = kinds.map(async ([alg, options]) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true, ...options });
    return { ...(await exportJWK(privateKey)), use: "sig", kid: `${process.pid}-${generation}-${alg}` };
  });
  return Promise.all(made);
}

// The library takes its keys once, so other keys are another provider behind the same address.
async function rotate(keep) {
  keys = [...(await newKeys()), ...(keep ? keys : [])];
  const provider = new Provider(other ?? `http://127.0.0.1:${server.address().port}`, {
    jwks: { keys },
    clients,
    enabledJWA: { idTokenSigningAlgValues: SIGNING },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_, resource) {
          const [, audience, alg] = resource.split(":");
          return { scope: "", audience, accessTokenFormat: "jwt", accessTokenTTL: lifetime, jwt: { sign: { alg } } };
        },
      },
    },
  });
  serve = provider.callback();
}

const controls = {
  async "/control/rotate"(query) {
    await rotate(query.get("keep") === "1");
  },
  async "/control/delay"(query) {
    delay = Number(query.get("ms"));
  },
  async "/control/hold"() {
    held ??= [];
  },
  async "/control/release"() {
    const answers = held ?? [];
    held = null;
    answers.forEach((send) => send());
  },
  async "/control/lifetime"(query) {
    lifetime = Number(query.get("s"));
  },
  async "/control/counts"() {},
};

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://provider");
  if (pathname in controls) {
    await controls[pathname](searchParams);
    response.end(JSON.stringify(counts));
    return;
  }
  if (pathname in COUNTED) {
    counts[COUNTED[pathname]] += 1;
  }
  // The answer is made at once and comes late, as over a long way: what it says may be old by then.
  const end = response.end.bind(response);
  const late = delay;
  response.end = (...rest) => {
    if (held) {
      held.push(() => end(...rest));
    } else {
      setTimeout(() => end(...rest), late);
    }
    return response;
  };
  serve(request, response);
});

server.listen(Number(port), "127.0.0.1", async () => {
  await rotate(false);
  console.log(`listening on ${server.address().port}`);
});
