// node-jose: createVerify with the policy's key store. It throws plain Errors.
import { required, serveRelease } from "./texts.mjs";

const { JWK, JWS } = required("node-jose");

const verify = async ({ token, policy }) => {
  const store = await JWK.asKeyStore(policy.keys);
  return JSON.parse((await JWS.createVerify(store).verify(token)).payload);
};

await serveRelease(
  "node-jose", { algorithms: ["HS256", "RS256", "ES256"], key_form: "jwks" }, verify,
  (error) => Object.getPrototypeOf(error) === Error.prototype,
);
