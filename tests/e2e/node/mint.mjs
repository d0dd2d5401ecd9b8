// Makes tokens with `jose`. Reads from stdin a list of `{"alg", "kid", "key", "header", "claims"}`, with a
// private or shared JWK as `key`, and prints the list of the tokens.
import { text } from "node:stream/consumers";
import { importJWK, SignJWT } from "jose";

const wanted = JSON.parse(await text(process.stdin));
const tokens = wanted.map(async ({ alg, kid, key, header, claims }) => {
  const signer = new SignJWT(claims).setProtectedHeader({ alg, kid, typ: "JWT", ...header });
  return signer.sign(await importJWK(key, alg));
});
console.log(JSON.stringify(await Promise.all(tokens)));
